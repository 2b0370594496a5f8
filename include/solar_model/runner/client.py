"""The other side of the HTTP runner: hands in a job, asks how it stands, fetches what came out.

Whatever a runner does wrong (it cannot be reached, hangs, fails, answers garbage) is a
`RunnerError` in words, so that the next one can be tried.
"""

from __future__ import annotations

import hashlib
import json
import logging
import ssl
import time
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import httpx
from pydantic import TypeAdapter, ValidationError

from solar_model.errors import (
    ConfigurationError,
    ResultsError,
    RunnerError,
    RunnerRefusedError,
    TransferError,
)
from solar_model.manifest import Manifest
from solar_model.pseudonyms import pseudonymised
from solar_model.runner.answers import require_answer
from solar_model.runner.protocol import LOCAL_HOSTS, sign_request
from solar_model.whole_files import atomic_write

# It tells each URL, and those of results carry the signature that opens them.
logging.getLogger("httpx").setLevel(logging.WARNING)

_STATES = ("queued", "running", "completed", "failed")
_EXPECTED_URL = "expected https://HOST:PORT (http:// on this machine alone), no password"
_FETCH_SECONDS = 120
# Refusals that are about the request; another answer to a client (401, 429) is about the runner:
# its secret, its load.
_REFUSALS = (404, 413, 422)


@dataclass(frozen=True)
class JobStatus:
    """How a job stands, as its runner says.

    Attributes
    ----------
    id, status : str
        ``queued``, ``running``, ``completed`` or ``failed``.
    results : Manifest or None
        What the results of a completed job must be.
    results_url : str or None
        Signed path of the results.
    error : str or None
        Why the job failed.
    """

    id: str
    status: str
    results: Manifest | None
    results_url: str | None
    error: str | None


@dataclass(frozen=True)
class RunnerHealth:
    """What a runner tells everybody.

    Attributes
    ----------
    model_version : str
        Of its package.
    date : str or None
        Its clock, as HTTP writes it.
    """

    model_version: str
    date: str | None


class RunnerClient:
    """Talks to one runner.

    Parameters
    ----------
    url : str
        Address of the runner: ``https://…``, on this machine also ``http://…``.
    secret : str
        The key that both sides know.
    ca_file : path, optional
        Certificates to trust instead of the usual ones.
    timeout_s : float
        Longest silence that is taken for life.
    """

    def __init__(
        self, url: str, secret: str, ca_file: Path | None = None, timeout_s: float = 10.0
    ) -> None:
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL:
            # what stands in the place of its port may be a password
            raise ConfigurationError(
                f"SOLAR_RUNNER_URLS: one of them is no URL; {_EXPECTED_URL}"
            ) from None
        local = parts.scheme == "http" and parts.host in LOCAL_HOSTS
        if not parts.host or (parts.scheme != "https" and not local) or parts.userinfo:
            raise ConfigurationError(
                f"SOLAR_RUNNER_URLS: {parts.scheme}://{parts.host} cannot be a runner; "
                f"{_EXPECTED_URL}"
            )
        self.url = url.rstrip("/")
        self._secret = secret
        self._timeout = httpx.Timeout(timeout_s, connect=min(5.0, timeout_s))
        self._tls = _certificates(ca_file)

    def health(self) -> RunnerHealth:
        """What the runner tells without a signature.

        Raises
        ------
        RunnerError
            When it cannot be reached, or when what answers is no runner.
        """
        with self._client() as client:
            answer = _send(client, httpx.Request("GET", f"{self.url}/health"))
        try:
            version = str(answer.raise_for_status().json()["version"])
        except (httpx.HTTPStatusError, ValueError, LookupError, TypeError) as error:
            raise RunnerError(
                f"what answers there is no runner ({answer.status_code} for /health). Is it the "
                "address of `solar runner`, and does a proxy in front hand on the whole path?"
            ) from error
        return RunnerHealth(version, answer.headers.get("Date"))

    def submit(
        self, households: Path, asked: Manifest, *, callback_url: str | None = None
    ) -> JobStatus:
        """Hand in what a manifest asks for; the same again is the same job.

        Raises
        ------
        RunnerError
            When the runner cannot take it.
        """
        query = {
            "timestamp": asked.tick,
            "steps": str(asked.steps),
            "weather": json.dumps(asked.weather, separators=(",", ":")),
        }
        if asked.seed is not None:
            query["seed"] = str(asked.seed)
        if callback_url:
            query["callback_url"] = callback_url
        with self._client() as client:
            request = self._request("POST", f"/jobs?{urlencode(query)}", households.read_bytes())
            job = _status(_send(client, request))
        if job.id != asked.request_id:
            raise RunnerRefusedError("the runner works with another version of the model")
        return job

    def status(self, job_id: str) -> JobStatus:
        """How a job stands."""
        with self._client() as client:
            return _status(_send(client, self._request("GET", f"/jobs/{job_id}")))

    async def status_async(self, job_id: str) -> JobStatus:
        """How a job stands, for an event loop."""
        async with httpx.AsyncClient(timeout=self._timeout, verify=self._tls) as client:
            request = self._request("GET", f"/jobs/{job_id}")
            try:
                return _status(await client.send(request))
            except httpx.HTTPError as error:
                raise _unreachable(error) from error

    def fetch(self, job: JobStatus, asked: Manifest, folder: Path) -> Path:
        """Fetch the results of a completed job, and make sure that they are what was asked for.

        Returns
        -------
        path
            The results, with their manifest beside them.

        Raises
        ------
        RunnerError
            When they cannot be fetched or are not what they should be; says why.
        """
        results, link = job.results, job.results_url
        if results is None or not (link or "").startswith("/"):
            raise RunnerError("the job is completed, but its results are nowhere")
        try:
            # the runner knows the tick, and not what the file is called
            results = replace(results, name=asked.results_name)
            require_answer(results, asked)
            path = folder / results.name
            with self._client() as client:
                self._download(client, f"{self.url}{link}", path, results.size_bytes)
            results.verify(path)
        except (ResultsError, TransferError) as error:
            raise RunnerError(str(error)) from error
        except httpx.InvalidURL as error:
            raise RunnerError(f"the runner's link to the results is none: {error}") from error
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        results.write(path)
        return path

    def _download(self, client: httpx.Client, url: str, path: Path, size_bytes: int) -> None:
        deadline = time.monotonic() + _FETCH_SECONDS
        with client.stream("GET", url) as answer, atomic_write(path) as file:
            if not answer.is_success:
                raise RunnerError(f"the results cannot be fetched: {answer.status_code}")
            for chunk in answer.iter_bytes():
                file.write(chunk)
                if file.tell() > size_bytes:
                    raise RunnerError(f"more results than the {size_bytes:,} bytes announced")
                if time.monotonic() > deadline:
                    raise RunnerError(f"the results did not arrive within {_FETCH_SECONDS} s")

    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=self._timeout, verify=self._tls)

    def _request(self, method: str, target: str, body: bytes = b"") -> httpx.Request:
        url = httpx.URL(f"{self.url}{target}")
        digest = hashlib.sha256(body).hexdigest()
        headers = sign_request(method, url.raw_path.decode(), digest, self._secret)
        return httpx.Request(
            method,
            url,
            content=body,
            headers=headers | {"Content-Type": "text/csv"},
            extensions={"timeout": self._timeout.as_dict()},
        )


def _send(client: httpx.Client, request: httpx.Request) -> httpx.Response:
    try:
        return client.send(request)
    except httpx.HTTPError as error:
        raise _unreachable(error) from error


def _status(answer: httpx.Response) -> JobStatus:
    """What an answer says of a job, however strange it is."""
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not answer.is_success:
        words = content.get("error") if isinstance(content, dict) else None
        kind = RunnerRefusedError if answer.status_code in _REFUSALS and words else RunnerError
        said = pseudonymised(str(words or answer.reason_phrase))
        raise kind(f"the runner answered {answer.status_code}: {said}")
    try:
        job = JobStatus(
            id=content["job"],
            status=content["status"],
            results=TypeAdapter(Manifest | None).validate_python(content["manifest"]),
            results_url=TypeAdapter(str | None).validate_python(content["results_url"]),
            error=content["error"] and pseudonymised(content["error"]),
        )
        if job.status in _STATES:
            return job
    except (LookupError, TypeError, ValidationError):
        pass
    raise RunnerError("the runner answered something that is no job")


def _unreachable(error: httpx.HTTPError) -> RunnerError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return RunnerError(
            f"the runner's certificate is not trusted ({error}). Is its name the one of the URL, "
            "is it still valid, is this machine's clock right? A certificate authority of your own "
            "is named by SOLAR_RUNNER_CA_FILE."
        )
    words = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "is away"
    detail = str(error) or type(error).__name__
    return RunnerError(f"the runner {words} ({detail})")


def _certificates(ca_file: Path | None) -> ssl.SSLContext:
    """Whom to trust: the authorities of a file, else the usual ones."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"SOLAR_RUNNER_CA_FILE: {ca_file} holds no certificates that can be read ({error})"
        ) from error
