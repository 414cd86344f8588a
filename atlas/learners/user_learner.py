"""User-defined learners: a Python file and the name of the Learner class in it, written `my_learner.py:NAME`.

The driver alone needs the file. Its classes travel to trials and fleets by value, so that other packages it imports
have to be installed there. Stages of the file carry its digest in their settings, and with it in the keys of their
steps: the steps of a changed file are trained anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args

from atlas.learners.base import Gathers, Learner, Lineage, Stage
from atlas.runtime.carried_modules import carried_modules
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.names import check_name
from atlas.runtime.user_code import Brought, own_failure, run_file

# The loaded ones by name: (absolute address, digest of the file, the class); and their stages by kind.
USER_LEARNERS: dict[str, tuple[str, str, type[Learner]]] = {}
USER_STAGES: dict[str, type[Stage]] = {}

CARRIED = "carried_modules"  # an attribute of a user's classes that nothing reads: it is unpickled with them
LEARNER = "@dataclass(frozen=True, kw_only=True)"


def load_user_learner(
    address: str, *, learners: Mapping[str, type[Learner]], stages: Mapping[str, type[Stage]]
) -> type[Learner]:
    """Run the file, and register its learner and stages by their own names.

    `learners` and `stages` are the catalogue's. The class is the same one until the file changes.

    Raises UserError where there is no such file or Learner, the file fails, a name is taken, or the learner is
    not what `_check` asks for.
    """
    found = run_file(
        address, what="learner", kind="Learner", fits=lambda value, module: _is_defined_by(value, module, Learner)
    )
    kind: type[Learner] = found.value
    name = str(getattr(kind, "name", ""))
    known = USER_LEARNERS.get(name)
    if known is not None and known[:2] == (found.address, found.digest):
        return known[2]
    if not name or name in learners or (known is not None and known[0] != found.address):
        raise UserError(f"{address}: its `name` is {name!r}; give it one that no other learner has.")
    check_name("learner", name)
    own = _stages_of(found, stages)
    _carry_modules(found, [kind, *own.values()])
    _resolve(found)
    _check(kind, address, {*stages.values(), *own.values()})
    USER_LEARNERS[name] = found.address, found.digest, kind
    USER_STAGES.update(own)
    return kind


def learner_address(name: str) -> str:
    """The address of a user-defined learner, by which another process loads it; any other's name."""
    return USER_LEARNERS[name][0] if name in USER_LEARNERS else name


def learner_digest(name: str) -> str:
    """The sha256 of the file of a user-defined learner; empty for any other."""
    return USER_LEARNERS[name][1] if name in USER_LEARNERS else ""


def _is_defined_by(value: Any, module: str, kind: type) -> bool:
    """Whether `value` is a class of that kind which the file itself defines."""
    return isinstance(value, type) and issubclass(value, kind) and value.__module__ == module


def _stages_of(found: Brought, catalogue: Mapping[str, type[Stage]]) -> dict[str, type[Stage]]:
    """Kind → stage, of those that the file defines, each marked with the file's digest."""
    own: dict[str, type[Stage]] = {}
    for value in found.contents.values():
        if not _is_defined_by(value, found.module, Stage) or inspect.isabstract(value):
            continue
        kind = str(getattr(value, "kind", ""))
        if value.gathers not in get_args(Gathers):
            raise unknown(f"`gathers` of the stage {value.__name__}", value.gathers, get_args(Gathers))
        if not kind or kind in catalogue or kind in own:
            raise UserError(f"{found.address}: the `kind` of {value.__name__} is {kind!r}; give it one of its own.")
        value.source = found.digest
        own[kind] = value
    return own


def _carry_modules(found: Brought, kinds: Iterable[type]) -> None:
    """Let classes of the file take the modules beside it along, which they may import when they are called."""
    carried = carried_modules(Path(found.address.rpartition(":")[0]))
    for one in kinds if carried.sources else ():
        setattr(one, CARRIED, carried)


def _resolve(found: Brought) -> None:
    """Replace the string annotations of the file's dataclasses by types: elsewhere its module does not exist."""
    own: list[type] = [value for value in found.contents.values() if _is_defined_by(value, found.module, object)]
    for kind in filter(is_dataclass, own):
        try:
            kind.__annotations__ = inspect.get_annotations(kind, globals=found.contents, eval_str=True)
        except NameError as error:
            raise UserError(f"{found.address}: {kind.__name__}: {error}; import it, for its fields.") from error


def _check(kind: type[Learner], address: str, stages: set[type[Stage]]) -> None:
    """Raises UserError for a class that is no complete frozen dataclass with defaults and known stages."""
    if inspect.isabstract(kind) or "__dataclass_params__" not in vars(kind) or not hasattr(kind, "lineage"):
        raise UserError(f"{address} has to be a learner: {LEARNER}, with `name`, `lineage` and `stages(position)`.")
    if kind.lineage not in get_args(Lineage):
        raise unknown(f"`lineage` of {address}", kind.lineage, get_args(Lineage))
    if not isinstance(kind.tunes_backbone, bool):
        raise UserError(f"{address}: its `tunes_backbone` is {kind.tunes_backbone!r}; give True or False.")
    found = _tried(kind, address)
    for stage in (stage for some in found for stage in some):
        if type(stage) not in stages:
            raise UserError(f"{address}: the stage {type(stage).__name__} is neither the catalogue's nor the file's.")
    if not all(some and some[-1].last for some in found):
        raise UserError(f"{address}: a task is scored after its last stage; give that one `last=True`.")


def _tried(kind: type[Learner], address: str) -> list[tuple[Stage, ...]]:
    """The stages of the first two tasks, with the default settings. Raises UserError where the class fails at it."""
    try:
        learner = kind()
    except Exception as error:  # the user's code may raise anything
        raise UserError(f"{address}: {own_failure(error)}; every setting needs a default that it takes.") from error
    try:
        found = [learner.stages(position) for position in (0, 1)]
    except Exception as error:
        raise UserError(f"{address}: its stages(position) fails: {own_failure(error)}.") from error
    for some in found:
        if not isinstance(some, tuple) or not all(isinstance(stage, Stage) for stage in some):
            raise UserError(f"{address}: its stages(position) gives {some!r:.80}; give a tuple of stages.")
    return found
