"""Who we are for Google: the credentials of Airflow's Google connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google.auth
from google.auth import exceptions
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import credentials as authorized_user
from google.oauth2 import service_account

from solar_model.errors import ConfigurationError, SolarModelError, TransferError
from solar_model.pipeline.connections import Connection

_UNREADABLE = (
    "the connection google_cloud_default cannot be read. Set AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT to "
    'Airflow\'s JSON form, {"conn_type": "google_cloud_platform", "extra": {"key_path": '
    '"/path/to/key.json"}}, or put the key itself into keyfile_dict.'
)


@dataclass(frozen=True)
class GoogleAccount:
    """Credentials, and what is known about whose they are.

    Attributes
    ----------
    credentials : google.auth.credentials.Credentials
        Of a service account, of a person who has given consent, or of the environment.
    project : str or None
        Google Cloud project.
    email : str or None
        Of a service account: whom folders and buckets are to be shared with.
    extra : dict
        The connection's extra.
    """

    credentials: Any
    project: str | None
    email: str | None
    extra: dict[str, Any]

    @classmethod
    def of(cls, connection: str | None, scope: str) -> GoogleAccount:
        """Read a connection; without one, ask the environment as Google's tools do.

        Raises
        ------
        ConfigurationError
            When there are no credentials, or they cannot be read; the text is not repeated.
        """
        try:
            extra = dict(Connection.parse(connection).extra) if connection else {}
            if _field(extra, "is_anonymous") in (True, "true", "True"):
                return cls(AnonymousCredentials(), _field(extra, "project"), None, extra)
            key = _key(extra)
            if key is None:
                credentials, project = google.auth.default(scopes=[scope])
            elif key.get("type") == "authorized_user":
                credentials = authorized_user.Credentials.from_authorized_user_info(key, [scope])
                project = None
            else:
                credentials = service_account.Credentials.from_service_account_info(
                    key, scopes=[scope]
                )
                project = credentials.project_id
        except (ValueError, TypeError, AttributeError):
            # what could not be parsed is a key: neither it nor the parser's words are shown
            raise ConfigurationError(_UNREADABLE) from None
        except exceptions.DefaultCredentialsError as error:
            raise ConfigurationError(
                "there are no credentials for Google: neither in the connection "
                "google_cloud_default nor in the environment. Set "
                "AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT, with keyfile_dict or key_path in its extra."
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"the key file of the connection google_cloud_default cannot be read: "
                f"{error.strerror} ({error.filename})"
            ) from error
        email = getattr(credentials, "service_account_email", None)
        return cls(credentials, _field(extra, "project") or project, email, extra)

    @property
    def called(self) -> str:
        """How an administrator finds the account."""
        return self.email or "the account of the connection google_cloud_default"


def _field(extra: dict[str, Any], name: str) -> Any:
    return extra.get(name) or extra.get(f"extra__google_cloud_platform__{name}")


def _key(extra: dict[str, Any]) -> dict[str, Any] | None:
    key = _field(extra, "keyfile_dict")
    path = _field(extra, "key_path")
    if key is None and path:
        key = Path(path).read_text(encoding="utf-8")
    parsed = json.loads(key) if isinstance(key, str) else key
    if parsed is not None and not isinstance(parsed, dict):
        raise ValueError("not a key")
    return parsed


def refused(error: exceptions.GoogleAuthError, url: str) -> SolarModelError:
    """The error to raise when Google did not let us in.

    Parameters
    ----------
    error : google.auth.exceptions.GoogleAuthError
        Its message is not repeated: it may hold the request.
    url : str
        The exchange.
    """
    if error.retryable:
        return TransferError(f"{url}: Google's sign-in cannot be reached")
    if "Token must be a short-lived token" in str(error):
        return ConfigurationError(
            f"{url}: Google refuses the sign-in because this machine's clock is wrong. "
            "Switch on time synchronisation (NTP)."
        )
    return ConfigurationError(
        f"{url}: Google refuses the credentials of the connection google_cloud_default. "
        "Has the key been deleted, or the account disabled? Make a new key and put it there."
    )
