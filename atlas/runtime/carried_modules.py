"""Modules beside a user's file as sources that travel: where they are unpickled, an `import` finds them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import decode_source, spec_from_loader
from pathlib import Path
from types import CodeType

from atlas.runtime.user_modules import files_of, modules_beside


@dataclass(frozen=True, kw_only=True)
class Source:
    """The text of a module, and the file that it was read from."""

    text: str
    file: str

    @property
    def is_package(self) -> bool:
        """Whether it is the first module of a folder of them."""
        return Path(self.file).name == "__init__.py"


@dataclass(frozen=True)
class CarriedModules:
    """The sources of modules by their full names. Unpickled, they can be imported there, after all others."""

    sources: Mapping[str, Source]

    def __reduce__(self) -> tuple[Callable[[Mapping[str, Source]], CarriedModules], tuple[Mapping[str, Source]]]:
        return _unpacked, (self.sources,)


class SourceFinder(MetaPathFinder, InspectLoader):
    """Finds and loads modules by their sources."""

    def __init__(self) -> None:
        self.sources: dict[str, Source] = {}

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module's specification; None for one that was not carried here."""
        source = self.sources.get(fullname)
        if source is None:
            return None
        return spec_from_loader(fullname, self, origin=source.file, is_package=source.is_package)

    def get_source(self, fullname: str) -> str:
        """The module's text."""
        return self.sources[fullname].text

    def get_code(self, fullname: str) -> CodeType:
        """The module's code, whose errors name its file."""
        return self.source_to_code(self.get_source(fullname), self.sources[fullname].file)

    def is_package(self, fullname: str) -> bool:
        """Whether the module is a package."""
        return self.sources[fullname].is_package


_FINDER = SourceFinder()


def carried_modules(path: Path) -> CarriedModules:
    """The modules beside a user's file that it imports, at any depth."""
    folder = path.resolve().parent
    files = [file for module in modules_beside(path).values() for file in files_of(module)]
    return CarriedModules(
        {_name_of(file, folder): Source(text=decode_source(file.read_bytes()), file=str(file)) for file in files}
    )


def _name_of(file: Path, folder: Path) -> str:
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _unpacked(sources: Mapping[str, Source]) -> CarriedModules:
    if _FINDER not in sys.meta_path:
        sys.meta_path.append(_FINDER)
    _FINDER.sources.update(sources)
    return CarriedModules(sources)
