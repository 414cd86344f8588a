"""Learners that a user brings: a Python file and the name of the Learner class in it, written `mine.py:NAME`.

The driver alone needs the file. Its classes travel to trials and fleets by value, so what the file imports, beside
this package, has to be installed there. Stages of the file carry its digest in their settings, and with it in the
keys of their steps: a file that was changed is learnt anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any

from atlas.learners.base import Learner, Stage
from atlas.runtime.errors import AtlasError
from atlas.runtime.user_code import Brought, run_file

# What was brought to this process, by name: (absolute address, digest of the file, the class); and its stages by kind.
OWN: dict[str, tuple[str, str, type[Learner]]] = {}
OWN_STAGES: dict[str, type[Stage]] = {}

LEARNER = "@dataclass(frozen=True, kw_only=True)"


def bring(address: str, *, learners: Mapping[str, type[Learner]], stages: Mapping[str, type[Stage]]) -> type[Learner]:
    """Run the file, and know its learner and stages by their own names from now on.

    `learners` and `stages` are the catalogue's. The file's class is the same as long as the file is.

    Raises AtlasError where there is no such file or Learner, the file fails, a name is taken, or the learner is
    not what `_check` asks for.
    """
    found = run_file(
        address, what="learner", kind="Learner", fits=lambda value, module: _is_own(value, module, Learner)
    )
    kind: type[Learner] = found.value
    name = str(getattr(kind, "name", ""))
    known = OWN.get(name)
    if known is not None and known[:2] == (found.address, found.digest):
        return known[2]
    if not name or name in learners or (known is not None and known[0] != found.address):
        raise AtlasError(f"{address}: its `name` is {name!r}; give it one that no other learner has.")
    own = _stages_of(found, stages)
    _resolve(found)
    _check(kind, address, {*stages.values(), *own.values()})
    OWN[name] = found.address, found.digest, kind
    OWN_STAGES.update(own)
    return kind


def address_of(name: str) -> str:
    """By what another process finds the learner: the address of one that was brought, else its name."""
    return OWN[name][0] if name in OWN else name


def digest_of(name: str) -> str:
    """The sha256 of the file of a learner that was brought; empty for any other."""
    return OWN[name][1] if name in OWN else ""


def _is_own(value: Any, module: str, kind: type) -> bool:
    """Whether `value` is a class of that kind which the file itself defines."""
    return isinstance(value, type) and issubclass(value, kind) and value.__module__ == module


def _stages_of(found: Brought, catalogue: Mapping[str, type[Stage]]) -> dict[str, type[Stage]]:
    """Kind → stage, of those that the file defines, each marked with the file's digest."""
    own: dict[str, type[Stage]] = {}
    for value in found.contents.values():
        if not _is_own(value, found.module, Stage) or inspect.isabstract(value):
            continue
        kind = str(getattr(value, "kind", ""))
        if not kind or kind in catalogue or kind in own:
            raise AtlasError(f"{found.address}: the `kind` of {value.__name__} is {kind!r}; give it one of its own.")
        value.source = found.digest
        own[kind] = value
    return own


def _resolve(found: Brought) -> None:
    """Types for the names by which the file's dataclasses give them: elsewhere its module does not exist."""
    own: list[type] = [value for value in found.contents.values() if _is_own(value, found.module, object)]
    for kind in filter(is_dataclass, own):
        try:
            kind.__annotations__ = inspect.get_annotations(kind, globals=found.contents, eval_str=True)
        except NameError as error:
            raise AtlasError(f"{found.address}: {kind.__name__}: {error}; import it, for its fields.") from error


def _check(kind: type[Learner], address: str, stages: set[type[Stage]]) -> None:
    """A frozen dataclass that is whole, has defaults for all its settings, and stages that steps can be made of."""
    if inspect.isabstract(kind) or "__dataclass_params__" not in vars(kind) or not hasattr(kind, "lineage"):
        raise AtlasError(f"{address} has to be a learner: {LEARNER}, with `name`, `lineage` and `stages(position)`.")
    try:
        found = [kind().stages(position) for position in (0, 1)]
    except TypeError as error:
        raise AtlasError(f"{address}: {error}; every setting needs a default.") from error
    for stage in (stage for some in found for stage in some):
        if type(stage) not in stages:
            raise AtlasError(f"{address}: the stage {type(stage).__name__} is neither the catalogue's nor the file's.")
    if not all(some and some[-1].last for some in found):
        raise AtlasError(f"{address}: a task is learnt once its last stage is over; give that one `last=True`.")
