"""The endpoint at which runners announce results: POST /solar-runner/results, signed.

A ``def``, not an ``async def``: the database is asked in a thread, not in the server's event loop.
"""

from __future__ import annotations

from typing import Annotated, Any

import psycopg
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import ValidationError

from solar_airflow.connections import open_database
from solar_model.errors import ConfigurationError, SignatureError
from solar_model.pipeline.runners import Announcement, announce
from solar_model.settings import settings
from solar_model.signatures import SIGNATURE_HEADER, verify

_MAX_BYTES = 16_384

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise HTTPException(413, f"an announcement has {_MAX_BYTES:,} bytes at most")
    return body


@app.post("/results")
def results(request: Request, body: Annotated[bytes, Depends(_body)]) -> dict[str, Any]:
    """A runner says that a tick's results are there: the task that waits for them looks at once."""
    try:
        verify(request.headers.get(SIGNATURE_HEADER), body, settings().require_runner_secret())
        announcement = Announcement.model_validate_json(body)
        with open_database() as connection:
            announce(connection, announcement)
    except SignatureError as error:
        raise HTTPException(401, str(error)) from error
    except ValidationError as error:
        words = "; ".join(
            f"{item['loc'][0]}: {item['msg']}" for item in error.errors() if item["loc"]
        )
        raise HTTPException(422, words or "the body is no JSON object") from error
    except ConfigurationError as error:
        raise HTTPException(503, str(error)) from error
    except psycopg.OperationalError as error:
        raise HTTPException(503, "the database is away; try again") from error
    return {"status": "accepted"}


MOUNTED = {"app": app, "url_prefix": "/solar-runner", "name": "Solar runner announcements"}
