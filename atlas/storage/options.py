"""Options of the storage: its address, the sources of its data, and the tracking server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from atlas.runtime.errors import UserError
from atlas.runtime.paths import home_expanded
from atlas.runtime.redact import redacted
from atlas.storage.filesystem import StoragePath


@dataclass(frozen=True, kw_only=True)
class StorageOptions:
    """Addresses of data, results and runs.

    Raises:
        UserError: an address that holds a user or a password.
    """

    storage: Annotated[str, arg(metavar="ADDRESS", help_behavior_hint="(default: $ATLAS_STORAGE or ~/atlas)")] = ""
    """Folder, or s3:// address, of data, results and runs."""
    source: Annotated[tuple[str, ...], arg(metavar="TASK=FOLDER [TASK=FOLDER ...]", help_behavior_hint="")] = ()
    """Folder of a task's published files."""
    tracking_uri: Annotated[
        str,
        arg(metavar="URI", help_behavior_hint="(default: $MLFLOW_TRACKING_URI, else SQLite in the storage)"),
    ] = ""
    """MLflow server or database; or jsonl:FOLDER for lines of JSON."""

    def __post_init__(self) -> None:
        if redacted(self.storage) != self.storage:
            raise UserError(
                f"--storage {redacted(self.storage)} holds a user or a password; give those to the environment of "
                f"every node instead (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role)."
            )

    @property
    def path(self) -> StoragePath:
        """The storage: it holds prepared data, store and sweeps.

        Raises UserError for an invalid address, for a file, and where no home is known for the default.
        """
        place = StoragePath.at(self.storage or os.environ.get("ATLAS_STORAGE", "") or home_expanded("~/atlas"))
        if not place.is_remote and place.local.is_file():
            raise UserError(f"{place} is a file; name the folder of a storage.")
        return place

    @property
    def local(self) -> Path:
        """The storage's folder on this machine, which also holds the default tracking database."""
        return self.path.local

    @property
    def data(self) -> StoragePath:
        """The prepared data of all tasks."""
        return self.path / "data"
