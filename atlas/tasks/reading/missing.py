"""Where missing files lie instead: one level up, one level down, or still packed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from atlas.runtime.text import counted
from atlas.tasks.reading.folders import is_hidden

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
NAMED = 5


def whole_elsewhere(source: Path, is_whole: Callable[[Path], bool]) -> str:
    """A sentence on the folders one level down, or else the one above, that have all that is needed; empty for none."""
    found = list(filter(is_whole, subfolders(source))) or list(filter(is_whole, [source.resolve().parent]))
    if len(found) > 1:
        named = ", ".join(map(str, found[:NAMED])) + (", …" if len(found) > NAMED else "")
        return f"{counted(len(found), 'folder')} have them: {named}; name the one that is meant."
    return f"They are in {found[0]}: name that folder." if found else ""


def hints(source: Path, missing: Iterable[str]) -> str:
    """Sentences on the missing paths that lie one level up or down, and on archives that were not unpacked."""
    above = source.resolve().parent
    near = [*subfolders(source), above, *(folder for folder in subfolders(above) if folder != source.resolve())]
    found = {path: next((folder for folder in near if (folder / Path(path).name).exists()), None) for path in missing}
    lies = [f"{path} lies in {folder}" for path, folder in found.items() if folder is not None]
    packed = [name for name in _names(source) if name.lower().endswith(ARCHIVES)]
    said = [f"But {'; '.join(lies[:NAMED])}: put it where it is looked for."] if lies else []
    said += [f"Not unpacked: {', '.join(packed[:NAMED])}."] if packed else []
    return " ".join(said)


def nearest(path: Path) -> str:
    """A sentence on what lies where the path ends to exist."""
    path = Path(os.path.abspath(path))
    gone = next((one for one in (*reversed(path.parents), path) if not one.exists()), None)
    if gone is None:
        return f"{path} is a file; its folder is {path.parent}."
    names = _names(gone.parent)
    close = difflib.get_close_matches(gone.name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {gone.parent / close[0]}?"
    holds = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "") if names else "nothing"
    return f"{gone.parent} holds {holds}."


def subfolders(source: Path) -> list[Path]:
    """The folders in a folder, sorted; none where it cannot be read."""
    return [source / name for name in _names(source) if (source / name).is_dir()]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not is_hidden(name))
    except OSError:
        return []
