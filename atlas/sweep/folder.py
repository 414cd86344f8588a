"""A sweep's own folder: its options, the search's state, the spool of the tracker, summary and page."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from atlas.config.addresses import relative_to_storage, with_addresses
from atlas.config.options import Options
from atlas.config.options_file import read_options_file, write_options_file
from atlas.report import read_summary
from atlas.runtime.errors import AtlasError, UserError, unknown
from atlas.runtime.names import file_name
from atlas.runtime.os_errors import error_from, is_denied
from atlas.runtime.paths import writing_to
from atlas.search.definition import DEFINITION, SearchDefinition, read_definition, write_definition
from atlas.storage.filesystem import StoragePath
from atlas.sweep.spending import SPENT, Spending, read_spending, write_spending
from atlas.tracking import is_settled

OPTIONS = "options.json"
STARTED = r"-\d{8}-\d{6}-[0-9a-f]{4}"  # of an id: the time, and four random digits
WRITABLE = "free some room there, or give a --storage that this user may write into"
SUMMARY = "summary.json"
DESCRIBING = (OPTIONS, DEFINITION, SUMMARY, "events.jsonl", "position")


def _sweeps(storage: StoragePath | Path) -> StoragePath:
    return StoragePath.at(storage) / "sweeps"


def _is_of(name: str, sweep_id: str) -> bool:
    """Whether the id is one of the sweep `name`, not of another whose name begins alike."""
    return re.fullmatch(re.escape(file_name(name)) + STARTED, sweep_id) is not None


@dataclass(frozen=True, kw_only=True)
class SweepFolder:
    """`<storage>/sweeps/<id>`. The id begins with the sweep's name (see `file_name`) and the time it started."""

    place: StoragePath

    @property
    def path(self) -> Path:
        """The folder on this machine."""
        return self.place.local

    @property
    def id(self) -> str:
        """The sweep's id."""
        return self.place.name

    @property
    def summary(self) -> Path:
        """The path of `summary.json`, written at the end of the sweep."""
        return self.path / SUMMARY

    @classmethod
    def new(cls, storage: StoragePath | Path, name: str, options: Options) -> SweepFolder:
        """A fresh folder with the options in it, so that an interrupted sweep can be resumed.

        Raises:
            AccessDenied: this user may not write there.
            StorageUnavailable: the disk is full, or out of reach.
        """
        made = cls(
            place=_sweeps(storage) / f"{file_name(name)}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        )
        with made.writing():
            made.path.mkdir(parents=True)
        made.write_options(options)
        return made

    @classmethod
    def all(cls, storage: StoragePath | Path) -> list[SweepFolder]:
        """The sweeps under a storage, with the files that describe them on this machine."""
        sweeps = _sweeps(storage)
        sweeps.download(only=DESCRIBING)
        return [cls(place=sweeps / name) for name in sweeps.folders()]

    @classmethod
    def unfinished(cls, storage: StoragePath | Path, name: str, wanted: str) -> SweepFolder:
        """The interrupted sweep of that id, or the `latest` one of that name.

        Raises:
            UserError: there is none, or it has ended already.
        """
        named = (folder for folder in cls.all(storage) if _is_of(name, folder.id))
        folders = [folder for folder in named if folder.has(OPTIONS)]
        open_ = {folder.id: folder for folder in folders if not folder.is_finished()}
        if wanted == "latest" and open_:
            return max(open_.values(), key=lambda folder: (folder.path / OPTIONS).stat().st_mtime)
        if wanted in open_:
            return open_[wanted]
        if wanted in {folder.id for folder in folders}:
            raise UserError(f"the sweep {wanted} has ended; start it again without --resume (its steps are kept).")
        if not open_:
            raise UserError(f"no interrupted sweep {name!r} under {_sweeps(storage)}; start one without --resume.")
        raise unknown("interrupted sweep", wanted, open_)

    def alike(self, name: str) -> list[SweepFolder]:
        """The other sweeps of that name beside it, on this machine, that have ended and that this user may read."""
        beside = (SweepFolder(place=StoragePath.at(path)) for path in sorted(self.path.parent.iterdir()))
        return [one for one in beside if one.id != self.id and _is_of(name, one.id) and one.has(SUMMARY)]

    def has(self, name: str) -> bool:
        """Whether the file is there for this user: not in a folder that refuses access, as another user's may.

        Raises StorageUnavailable, or UserError, where that cannot be told.
        """
        try:
            return (self.path / name).is_file()
        except OSError as error:
            if is_denied(error):
                return False
            raise error_from(error, f"{self.path} cannot be read: {error.strerror}.") from error

    def options(self) -> Options:
        """The options that the sweep was started with."""
        return read_options_file(self.path / OPTIONS)

    def write_options(self, options: Options) -> None:
        """Keep the options on this machine, to resume the sweep with: not how this run of it was begun.

        The folder's next upload takes them along.
        """
        kept = with_addresses(options).changed(changed=False)
        if not self.place.is_remote:
            kept = relative_to_storage(kept, self.path.parents[1])
        write_options_file(kept, self.path / OPTIONS)

    def writing(self, name: str = "") -> AbstractContextManager[None]:
        """Within it, an OSError is an AtlasError that names the folder or its file, the reason and what to do."""
        return writing_to(self.path / name, WRITABLE)

    def spending(self) -> Spending:
        """The spending of the sweep's runs so far. Raises UserError for a record that is broken."""
        self.place.download(only=(SPENT,))
        return read_spending(self.path)

    def write_spending(self, spending: Spending) -> None:
        """Record the spending on this machine; the folder's next upload takes it along. Raises as `new`."""
        with self.writing(SPENT):
            write_spending(spending, self.path)

    def definition(self) -> SearchDefinition | None:
        """The definition that the sweep was started with, or has gone on with; None where there is none."""
        return read_definition(self.path)

    def write_definition(self, definition: SearchDefinition) -> None:
        """Keep the definition, to compare with when the sweep is resumed. Raises as `new`."""
        with self.writing(DEFINITION):
            write_definition(definition, self.path)
        self.place.upload()

    @property
    def spool(self) -> Path:
        """The tracking journal."""
        return self.path / "spool"

    def is_finished(self) -> bool:
        """Whether the sweep's summary says that it ended, and the tracking sink has taken everything.

        A summary or journal that cannot be read says nothing: the resumed sweep writes it again.
        """
        try:
            ended = self.has(SUMMARY) and is_settled(self.spool)
            return ended and read_summary(self.summary).sweep.status == "FINISHED"
        except (AtlasError, OSError):
            return False
