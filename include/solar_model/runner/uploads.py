"""What a client hands to the HTTP runner: what is asked for, and the CSV, in either of two forms.

The body is the CSV itself, with what is asked for in the query; or it is a form, as browsers and
``requests.post(url, data=…, files=…)`` send it, with what is asked for in its fields. Either way
the signature is about the body as it goes over the wire.
"""

# Annotations are evaluated by pydantic and FastAPI.

import asyncio
import hashlib
import shutil
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Annotated

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from solar_model.community.weather.specs import MAX_FACTOR
from solar_model.errors import InputError, SignatureError

FORM = "multipart/form-data"
FILE_FIELD = "file"
UPLOAD_SECONDS = 120
MAX_STEPS = 366 * 96


class JobRequest(BaseModel):
    """What is asked for, besides the households.

    Attributes
    ----------
    timestamp : str or None
        First tick, ISO 8601; None: now.
    weather_factor : float or None
        Scales the clear sky.
    weather : str or None
        Instead of the factor: as in ``solar simulate``, or JSON.
    seed : int or None
        None: the runner's own.
    steps : int
        Ticks.
    callback_url : str or None
        Who is told of the end.
    """

    # a name that nobody knows is a slip, and what it says would silently not happen
    model_config = ConfigDict(extra="forbid")

    timestamp: str | None = None
    weather_factor: Annotated[float | None, Field(ge=0, le=MAX_FACTOR)] = None
    weather: str | None = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] = 1
    callback_url: Annotated[str | None, Field(pattern="^https?://")] = None


async def receive(
    request: Request, asked: JobRequest, upload: Path, *, sha256: str, most_bytes: int
) -> JobRequest:
    """Write the CSV of a request to a file, as far as it is allowed and as it was signed.

    Parameters
    ----------
    request : Request
        Its body is not read yet.
    asked : JobRequest
        What the query says.
    upload : path
        Where the CSV goes.
    sha256 : str
        What was signed.
    most_bytes : int
        Largest body.

    Returns
    -------
    JobRequest
        What is asked for, by the query and the fields of a form.

    Raises
    ------
    SignatureError
        When the body is another.
    InputError, RequestValidationError, HTTPException
        When it cannot be used; says why.
    """
    body = _Body(request, most_bytes)
    form = None
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            if request.headers.get("content-type", "").lower().startswith(FORM):
                parser = MultiPartParser(
                    request.headers,
                    body.chunks(),
                    max_files=1,
                    max_fields=len(JobRequest.model_fields),
                )
                form = await parser.parse()
            else:
                with upload.open("wb") as file:
                    async for chunk in body.chunks():
                        file.write(chunk)
    except TimeoutError:
        raise HTTPException(408, f"the CSV did not arrive within {UPLOAD_SECONDS} s") from None
    except MultiPartException as error:
        raise InputError(f"the form cannot be read ({error.message})") from error
    if body.digest.hexdigest() != sha256:
        raise SignatureError("the body is not the one that was signed")
    if form is None:
        return asked
    try:
        return await _taken_from(form, request.query_params, upload)
    finally:
        await form.close()


class _Body:
    """The body of a request, once: counted, and summed up, as it arrives."""

    def __init__(self, request: Request, most_bytes: int) -> None:
        self._request = request
        self._most_bytes = most_bytes
        self.digest = hashlib.sha256()
        if int(request.headers.get("content-length", 0)) > most_bytes:
            raise self._too_large

    @property
    def _too_large(self) -> HTTPException:
        return HTTPException(
            413,
            f"the CSV is larger than {self._most_bytes:,} bytes; split it, or raise --max-size-mb",
        )

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        received = 0
        async for chunk in self._request.stream():
            received += len(chunk)
            if received > self._most_bytes:
                raise self._too_large
            self.digest.update(chunk)
            yield chunk


async def _taken_from(form: FormData, query: Mapping[str, str], upload: Path) -> JobRequest:
    said = dict(query)
    csv = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name == FILE_FIELD:
                csv = value
        elif name in said:
            raise InputError(f"{name} is given twice", value=value[:80], expected="once")
        else:
            said[name] = value
    if csv is None:
        raise InputError(f"the form has no file; expected the CSV in the field {FILE_FIELD!r}")
    try:
        found = JobRequest.model_validate(said)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error
    with upload.open("wb") as file:
        await run_in_threadpool(shutil.copyfileobj, csv.file, file)
    return found
