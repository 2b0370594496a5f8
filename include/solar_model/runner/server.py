"""The HTTP runner: takes a CSV, simulates it, and gives the results to those who may have them."""

# Annotations are evaluated here: FastAPI could not find the local functions that they name.

import json
import logging
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from solar_model import __version__
from solar_model.community.weather.specs import files_in, open_weather
from solar_model.errors import InputError, SignatureError, SolarModelError, WeatherError
from solar_model.pseudonyms import pseudonymised
from solar_model.runner.jobs import Job, Jobs, Limits, TooManyJobsError, disk_trouble
from solar_model.runner.protocol import Gatekeeper, sign_link, verify_link
from solar_model.runner.uploads import JobRequest, receive
from solar_model.settings import settings
from solar_model.ticks import parse_tick, timestamp_text
from solar_model.webhook import deliver

log = logging.getLogger(__name__)

_STATUS_OF: dict[type[SolarModelError], int] = {
    SignatureError: 401,
    InputError: 422,
    TooManyJobsError: 429,
}


def create_app(folder: Path, secret: str, limits: Limits | None = None) -> FastAPI:
    """The runner as an ASGI application.

    Parameters
    ----------
    folder : path
        Where jobs live; a later process goes on with them.
    secret : str
        The key that clients sign with.
    limits : Limits, optional
        How much is taken on.
    """
    gatekeeper = Gatekeeper(secret, folder / "nonces")
    jobs = Jobs(folder, limits or Limits(), finished=_announcer(secret))
    found = jobs.start()
    if found:
        log.info("%d unfinished jobs of an earlier run are taken up again", found)
    # pages that describe it would be open to all, and load scripts from elsewhere
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for kind in _STATUS_OF:
        app.add_exception_handler(kind, _in_words)
    app.add_exception_handler(OSError, _no_disk)
    app.add_exception_handler(RequestValidationError, _bad_parameters)
    app.add_exception_handler(StarletteHTTPException, _http_error)

    async def signed(request: Request) -> str:
        target = request.scope["raw_path"].decode()
        if query := request.scope["query_string"].decode():
            target += f"?{query}"
        return gatekeeper.admit(request.method, target, dict(request.headers))

    def answer(job: Job) -> dict[str, Any]:
        completed = job.results is not None
        link = sign_link(f"/jobs/{job.id}/results", secret) if completed else None
        return job.message() | {
            "steps": job.asked.steps,
            "ticks_done": job.ticks_done,
            "model_version": job.asked.model_version,
            "results_url": link,
            "manifest": asdict(job.results) if job.results else None,
        }

    def known(job_id: str) -> Job:
        job = jobs.get(job_id)
        if job is None:
            raise HTTPException(404, f"there is no job {job_id[:40]}; submit it again")
        return job

    @app.post("/jobs", status_code=202)
    async def submit(
        request: Request,
        body_sha256: Annotated[str, Depends(signed)],
        asked: Annotated[JobRequest, Query()],
    ) -> dict[str, Any]:
        """Submit households as CSV, the body or a form; the same request again is the same job."""
        _request_of(asked)  # what the query says wrongly is told before a large body is sent
        upload = jobs.uploads / f"{uuid.uuid4().hex}.csv"
        try:
            asked = await receive(
                request, asked, upload, sha256=body_sha256, most_bytes=jobs.limits.input_bytes
            )
            job, new = await run_in_threadpool(jobs.submit, upload, **_request_of(asked))
        finally:
            upload.unlink(missing_ok=True)
        if new:
            log.info("Job %s: %s households at %s", job.id, f"{job.asked.rows:,}", job.asked.tick)
        return answer(job)

    @app.get("/jobs/{job_id}", dependencies=[Depends(signed)])
    def status(job_id: str) -> dict[str, Any]:
        """How a job stands; a completed one names a link to its results."""
        return answer(known(job_id))

    @app.get("/jobs/{job_id}/results", response_class=FileResponse)
    def results(job_id: str, signature: str = "") -> FileResponse:
        """The results file, by the link that the status names."""
        verify_link(f"/jobs/{job_id}/results", signature, secret)
        job = known(job_id)
        if job.results is None:
            raise HTTPException(409, f"the job is {job.status}")
        return FileResponse(jobs.results_of(job), media_type="text/csv", filename=job.results.name)

    @app.get("/health")
    def health() -> dict[str, Any]:
        """Open to all: the runner is up."""
        return {"status": "ok", "version": __version__, "unfinished_jobs": jobs.unfinished()}

    return app


def _request_of(asked: JobRequest) -> dict[str, Any]:
    """What `Jobs.submit` takes besides the file; refused when it makes no sense."""
    seed = settings().seed if asked.seed is None else asked.seed
    return {
        "tick": timestamp_text(parse_tick(asked.timestamp)),
        "steps": asked.steps,
        "seed": seed,
        "weather": _weather(asked.weather_factor, asked.weather, seed),
        "callback_url": asked.callback_url,
    }


def _weather(factor: float | None, text: str | None, seed: int) -> Any:
    """The weather asked for; refused now when it cannot be had, not when the job's turn comes."""
    if factor is not None and text is not None:
        raise InputError("give either weather_factor or weather, not both")
    if text is None:
        return 0.9 if factor is None else factor
    try:
        spec = json.loads(text)
    except json.JSONDecodeError:
        spec = text
    if files_in(spec):
        raise InputError(
            "a weather file is on another machine",
            value=text,
            expected="weather that needs no file",
        )
    try:
        open_weather(spec, seed)
    except WeatherError as error:
        raise InputError(str(error)) from error
    return spec


def _announcer(secret: str) -> Callable[[Job, str | None], None]:
    def tell(job: Job, callback_url: str) -> None:
        problem = deliver(callback_url, job.message(), secret)
        if problem:
            log.warning("Job %s: not announced: %s", job.id, problem)

    def finished(job: Job, callback_url: str | None) -> None:
        error = f": {pseudonymised(job.error)}" if job.error else ""
        log.info("Job %s: %s%s", job.id, job.status, error)
        if callback_url:
            # the next job does not wait for somebody who does not answer
            Thread(target=tell, args=(job, callback_url), daemon=True).start()

    return finished


async def _in_words(_request: Request, error: Exception) -> JSONResponse:
    code = next(code for kind, code in _STATUS_OF.items() if isinstance(error, kind))
    headers = {"Retry-After": "30"} if code == 429 else None
    return JSONResponse({"error": str(error)}, code, headers)


async def _no_disk(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    log.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"error": disk_trouble(error)}, 507)


async def _bad_parameters(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    words = "; ".join(
        f"{item['loc'][-1]}: {item['msg']}, found {str(item['input'])[:80]!r}"
        for item in error.errors()
    )
    return JSONResponse({"error": words}, 422)


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
