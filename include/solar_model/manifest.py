"""The manifest beside an exchanged file: what the file must be, and what it was made for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from solar_model import SCHEMA_VERSION
from solar_model.errors import SignatureError, TransferError
from solar_model.signatures import sign, verify
from solar_model.ticks import results_of
from solar_model.whole_files import Place, atomic_write, sha256_of


@dataclass(frozen=True)
class _Versioned:
    schema_version: str


def _require_readable(file: _Versioned, called: Place) -> None:
    """Files of another minor version are read: they lack or add what may be missing."""
    major = SCHEMA_VERSION.split(".")[0]
    if file.schema_version.split(".")[0] != major:
        raise TransferError(
            f"{called}: written under schema version {file.schema_version!r}, and this program "
            f"reads {major}.x: a column may mean something else there. Use the version of "
            "solar_model that wrote it, or write the file anew with this one"
        )


@dataclass(frozen=True)
class Manifest:
    """What a file must be, written next to it as ``<name>.manifest.json``.

    Attributes
    ----------
    name : str
        Name of the file, without folder.
    size_bytes, sha256 : int, str
        Of the file's content.
    rows : int
        Rows without the header.
    tick : str
        First tick, ISO 8601, UTC.
    steps : int
        Number of ticks.
    seed : int or None
        Seed of the run, None where none is named.
    weather : object
        Weather asked for (input file) or really used (results file), as JSON can hold it.
    model_version, schema_version : str
        Of the package and of the contracts that wrote the file.
    totals_kwh : dict of str to float
        Results: sum of each energy column over all rows as the runner counted it, the state of
        charge at the end; empty where nobody counted.
    answers : str or None
        Results of a runner: `request_id` of the input file's manifest that they answer.
    seal : str or None
        Signature of all the rest, where a file passes through a place that others may write to.
    """

    name: str
    size_bytes: int
    sha256: str
    rows: int
    tick: str
    steps: int
    seed: int | None
    weather: Any
    model_version: str
    schema_version: str = SCHEMA_VERSION
    totals_kwh: dict[str, float] = field(default_factory=dict)
    answers: str | None = None
    seal: str | None = None

    def sealed(self, secret: str) -> Manifest:
        """The same manifest, signed with a key that the reader knows too."""
        return replace(self, seal=sign(self._without_seal(), secret))

    def require_seal(self, secret: str) -> None:
        """Make sure that somebody who knows the key wrote this manifest, whenever that was.

        Raises
        ------
        SignatureError
            When it was somebody else, or a part of it was changed.
        """
        try:
            verify(self.seal, self._without_seal(), secret, fresh=False)
        except SignatureError:
            raise SignatureError(
                f"the manifest of {self.name} has no seal of somebody who knows "
                "SOLAR_RUNNER_SECRET; is it set, and the same, on both sides?"
            ) from None

    def _without_seal(self) -> bytes:
        return TypeAdapter(Manifest).dump_json(replace(self, seal=None))

    @property
    def request_id(self) -> str:
        """Name of the request that an input file's manifest makes of a runner.

        It is made of everything that decides about the results, so the same request has the same
        name wherever and whenever it is made.
        """
        asked = (
            self.sha256,
            self.tick,
            self.steps,
            self.seed,
            self.weather,
            self.schema_version,
            self.model_version,
        )
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def results_name(self) -> str:
        """Name of the results that answer the input file of this manifest."""
        return results_of(self.name)

    @classmethod
    def of(
        cls,
        path: Place,
        *,
        rows: int,
        tick: str,
        steps: int,
        seed: int | None,
        weather: Any,
        totals_kwh: dict[str, float] | None = None,
    ) -> Manifest:
        """Describe a file that is there."""
        from solar_model import __version__

        file = Path(path)
        return cls(
            name=file.name,
            size_bytes=file.stat().st_size,
            sha256=sha256_of(file),
            rows=rows,
            tick=tick,
            steps=steps,
            seed=seed,
            weather=weather,
            model_version=__version__,
            totals_kwh=totals_kwh or {},
        )

    @staticmethod
    def path_of(path: Place) -> Path:
        """Where the manifest of a file lies."""
        file = Path(path)
        return file.with_name(f"{file.name}.manifest.json")

    def write(self, path: Place) -> Path:
        """Write the manifest next to the file ``path``; returns where."""
        manifest = self.path_of(path)
        with atomic_write(manifest) as file:
            file.write(TypeAdapter(Manifest).dump_json(self, indent=2) + b"\n")
        return manifest

    @classmethod
    def read(cls, path: Place) -> Manifest:
        """Read the manifest next to the file ``path``.

        Raises
        ------
        TransferError
            When there is none or it is not a manifest.
        """
        manifest = cls.path_of(path)
        try:
            return cls.parse(manifest.read_bytes(), manifest)
        except OSError as error:
            raise TransferError(f"{manifest}: the manifest cannot be read ({error})") from error

    @classmethod
    def parse(cls, content: bytes, called: Place) -> Manifest:
        """Understand the bytes of a manifest, which errors call ``called``.

        Raises
        ------
        TransferError
            When they are not a manifest, or one of another major version of the contracts.
        """
        try:
            # the version alone: all else may have another form there
            _require_readable(TypeAdapter(_Versioned).validate_json(content), called)
            return TypeAdapter(cls).validate_json(content)
        except ValidationError as error:
            raise TransferError(f"{called}: the manifest cannot be read ({error})") from error

    def verify(self, path: Place, called: Place | None = None) -> None:
        """Make sure that a file is the one described, byte for byte.

        Parameters
        ----------
        path : str or path-like
            The file.
        called : str or path-like, optional
            What errors call it; its path, when not given.

        Raises
        ------
        TransferError
            Says what differs.
        """
        file = Path(path)
        called = called or file
        if not file.is_file():
            raise TransferError(f"{called}: the file is missing, its manifest is there")
        size = file.stat().st_size
        if size != self.size_bytes:
            raise TransferError(
                f"{called}: {size:,} bytes where the manifest says {self.size_bytes:,}"
            )
        digest = sha256_of(file)
        if digest != self.sha256:
            raise TransferError(
                f"{called}: SHA-256 is {digest} where the manifest says {self.sha256}"
            )
