"""The runs of one sweep: each marks the steps that it trains, so that a resumed sweep knows those that it kept."""

from __future__ import annotations

from atlas.runtime.os_errors import error_from
from atlas.storage.filesystem import write_whole
from atlas.sweep.folder import SweepFolder

RUNS = "runs.txt"


def begin_run(folder: SweepFolder, token: str) -> frozenset[str]:
    """Note that a run of the sweep begins; returns the tokens of its earlier ones.

    Raises:
        UserError: the note cannot be read or written, as AccessDenied where this user may not.
        StorageUnavailable: the disk is full, or out of reach.
    """
    folder.place.download(only=(RUNS,))
    earlier = _tokens(folder)
    with folder.writing(RUNS):
        write_whole(folder.path / RUNS, "".join(f"{one}\n" for one in (*earlier, token)).encode())
    return frozenset(earlier)


def _tokens(folder: SweepFolder) -> list[str]:
    try:
        return (folder.path / RUNS).read_text().split()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise error_from(error, f"{folder.path / RUNS} cannot be read: {error.strerror}.") from error
