"""Names for users where their ids do not belong: in logs, and in messages that reach logs.

A pseudonym is made of the id by a key (HMAC-SHA256, RFC 2104): the same user has the same one in
every line, nobody without the key can tell whose it is, and with it anybody can look
(``solar pseudonym USER_ID``). Files and the database keep the ids.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from solar_model.settings import settings

log = logging.getLogger(__name__)

KEY_FILE = "pseudonym.key"

# An id wherever it stands; and, since what is given as an id may be none, what our messages say
# about the column.
_UUID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_QUOTED = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
_ABOUT = re.compile(
    rf"(?P<id>{_UUID})"
    rf"|(?P<column>\bcolumn\ user_id:[^'\"\n]*;\ found\ )(?P<found>{_QUOTED})"
    r"|(?P<on>\bon\ user_id\b[^\n]*,\ such\ as\ )(?P<examples>[^\n]*)"
    r"|(?P<reason>\buser_id\ is\ )(?P<given>[^\n]*?)(?=,\ expected)"
    r"|(?P<row>[:;,]\ user_id\ )(?!is\ |appears\ )(?P<named>[^,;\n]+)",
    re.IGNORECASE | re.VERBOSE,
)
_MARK = "user-"


def pseudonym(user_id: object) -> str:
    """What a user is called in logs.

    Parameters
    ----------
    user_id : str or UUID
        The id, in any case.
    """
    given = str(user_id).strip().lower().encode()
    return f"{_MARK}{hmac.new(_key(), given, hashlib.sha256).hexdigest()[:16]}"


def pseudonymised(text: str) -> str:
    """A text with a pseudonym in place of every user id."""
    return _ABOUT.sub(_renamed, text)


def _renamed(found: re.Match[str]) -> str:
    if found["id"]:
        return pseudonym(found["id"])
    if found["on"]:
        return found["on"] + ", ".join(map(_once, found["examples"].split(", ")))
    before = found["column"] or found["reason"] or found["row"]
    return before + _once(found["found"] or found["given"] or found["named"] or "")


def _once(value: str) -> str:
    """The pseudonym of a value, in its quotes; what is a pseudonym already stays."""
    quote = value[0] if value[:1] in ("'", '"') else ""
    bare = value.strip(quote) if quote else value
    return value if bare.startswith(_MARK) else f"{quote}{pseudonym(bare)}{quote}"


@contextmanager
def users_hidden() -> Iterator[None]:
    """Let no error out that names a user, nor one that caused it: whoever catches it may log it."""
    try:
        yield
    except Exception as error:
        hide_users(error)
        raise


def hide_users(error: BaseException) -> None:
    """Put pseudonyms into the message of an error, and of those that caused it."""
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        chain.args = tuple(
            pseudonymised(part) if isinstance(part, str) else part for part in chain.args
        )
        chain = chain.__cause__ or chain.__context__


@lru_cache(maxsize=1)
def _key() -> bytes:
    config = settings()
    if config.pseudonym_key:
        return config.pseudonym_key.get_secret_value().encode()
    return _kept_in(config.home)


def _kept_in(home: Path) -> bytes:
    """The key of this machine, drawn once; of this process alone where nothing can be kept."""
    path, drawn = home / KEY_FILE, secrets.token_hex(32)
    try:
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f".{KEY_FILE}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(drawn)
            os.link(draft, path)  # whoever is first: the others take that one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_bytes()
    except OSError as error:
        log.warning(
            "%s cannot be kept (%s): users have other names in each process's log, until "
            "SOLAR_PSEUDONYM_KEY is set",
            path,
            error.strerror,
        )
        return drawn.encode()
