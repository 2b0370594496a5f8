"""What tasks hand to each other: where the data is, never the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from solar_model.errors import TransferError
from solar_model.ticks import parse_tick, shard_part, ticks_from
from solar_model.whole_files import sha256_of

if TYPE_CHECKING:
    from solar_model.manifest import Manifest


@dataclass(frozen=True)
class FileReference:
    """A file by its place, its size and its checksum.

    Attributes
    ----------
    uri : str
        Where it is: ``file:///…`` on this machine, else in an exchange. Never a secret.
    rows : int
        Rows of data, without the header.
    bytes : int
        Size.
    sha256 : str
        Checksum of the bytes, in hexadecimal.
    """

    uri: str
    rows: int
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, rows: int) -> FileReference:
        """Reference to a file on this machine."""
        return cls(path.absolute().as_uri(), rows, path.stat().st_size, sha256_of(path))

    @classmethod
    def described(cls, uri: str, manifest: Manifest) -> FileReference:
        """Reference to the file of a manifest, wherever that is."""
        return cls(uri, manifest.rows, manifest.size_bytes, manifest.sha256)

    @property
    def name(self) -> str:
        """File name, without its folders."""
        return self.uri.rsplit("/", 1)[-1]

    @property
    def exchange(self) -> str:
        """URL of the exchange that the file is in."""
        return self.uri.rsplit("/", 1)[0]

    @property
    def path(self) -> Path:
        """Path of a file on this machine.

        Raises
        ------
        TransferError
            When the reference leads to another machine.
        """
        parts = urlsplit(self.uri)
        if parts.scheme != "file":
            raise TransferError(f"{self.uri} is not on this machine; download it first")
        return Path(unquote(parts.path))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Cycle:
    """Which ticks are computed, and how.

    Attributes
    ----------
    tick : str
        Start of the first tick, ISO 8601 in UTC.
    run_id : str or None
        The first tick's row of ``simulation_runs``; None in a dry run, which leaves no trace but in
        the transfer log.
    seed : int
        Seed of the simulation.
    weather : str or None
        Weather that was asked for; None is the recorded one of the tick, else the configured one.
    work_dir : str
        Folder of the temporary files of this cycle.
    steps : int
        Number of consecutive ticks.
    shard, shards : int
        Which part of the community, counted from 0, of how many.
    """

    tick: str
    run_id: str | None
    seed: int
    weather: str | None
    work_dir: str
    steps: int = 1
    shard: int = 0
    shards: int = 1

    @property
    def tick_start(self) -> datetime:
        """Start of the first tick, aware, in UTC."""
        return parse_tick(self.tick)

    @property
    def ticks(self) -> list[datetime]:
        """Starts of all ticks, aware, in UTC."""
        return ticks_from(self.tick_start, self.steps)

    @property
    def part(self) -> str:
        """What the names of the cycle's files say besides the tick."""
        ticks = "" if self.steps == 1 else f"-{self.steps}-ticks"
        return ticks + shard_part(self.shard, self.shards)

    @property
    def outbox(self) -> Path:
        """Folder where a simulation's results lie on this machine before they are handed over."""
        return Path(self.work_dir) / "runner"

    @property
    def dry_run(self) -> bool:
        """Whether results are computed and checked, but not kept."""
        return self.run_id is None

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)
