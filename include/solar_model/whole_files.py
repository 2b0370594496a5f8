"""Files that are whole or not there, and their checksums."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

from solar_model.errors import InputError
from solar_model.scratch import DRAFT, hold

Place = str | os.PathLike[str]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: Place) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when it is whole and on the disk.

    On an exception nothing is left behind and a file that was there before stays as it was.

    Raises
    ------
    InputError
        When a folder, a device or a pipe has this name, or it is not in UTF-8.
    """
    target = Path(path)
    require_utf8(target)
    # root could replace even /dev/null, or the link that /dev/stdout is
    if target.exists() and (not target.is_file() or target.absolute().parent == Path("/dev")):
        kind = "a folder" if target.is_dir() else "no ordinary file"
        raise InputError(f"this is {kind}", file=target, expected="the name of a file to write")
    # a name of its own: process numbers repeat on machines that share a folder, and in threads
    draft = target.with_name(f".{target.name}.{uuid4().hex}{DRAFT}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = draft.open("wb")
    except OSError as error:
        error.filename = str(target)  # the name that was asked for, not the draft's
        raise
    try:
        with file:
            hold(file.fileno())
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if number := _no_room(error):  # which disk is full it does not say
            raise OSError(number, os.strerror(number), str(target)) from error
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def require_utf8(path: Path) -> None:
    """Refuse a name that no manifest can hold and polars cannot open: one from an old system.

    Raises
    ------
    InputError
        When it is none.
    """
    name = os.fsencode(path)
    try:
        name.decode()
    except UnicodeDecodeError:
        raise InputError(
            "the name is not in UTF-8", file=name.decode(errors="replace"), hint="Give it another"
        ) from None


def _no_room(error: BaseException) -> int | None:
    """The number of an error that says that a file does not fit, and not which."""
    if not isinstance(error, OSError) or error.filename:
        return None
    found = re.search(r"\(os error (\d+)\)", str(error))  # polars tells it in words
    number = int(found[1]) if found else error.errno
    return number if number in _NO_ROOM else None


def sha256_of(path: Place) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
