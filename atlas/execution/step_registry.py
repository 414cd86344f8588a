"""Steps by key, and their form on the wire: each step travels once, and refers to others by their keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from atlas.steps.step import Step

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StepNode:
    """A step without those that it builds on: `own` has neither parent nor auxiliary steps, their keys stand here."""

    key: str
    own: Step
    parent: str | None = None
    auxiliary: tuple[str, ...] = ()

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The keys of the steps that it builds on."""
        return (*self.auxiliary, *((self.parent,) if self.parent else ()))


def nodes_of(steps: Iterable[Step], known: Collection[str] = ()) -> Iterator[StepNode]:
    """The nodes of the steps and of all that they build on, each once and after those that it builds on itself.

    Steps with a key in `known` are left out, with all that they build on.
    """
    seen: set[str] = set()
    for step in steps:
        yield from _unseen(step, known, seen)


def _unseen(step: Step, known: Collection[str], seen: set[str]) -> Iterator[StepNode]:
    if step.key in seen or step.key in known:
        return
    seen.add(step.key)
    for earlier in step.builds_on:
        yield from _unseen(earlier, known, seen)
    yield StepNode(
        key=step.key,
        own=replace(step, parent=None, auxiliary=()),
        parent=step.parent.key if step.parent else None,
        auxiliary=tuple(other.key for other in step.auxiliary),
    )


@dataclass(slots=True, eq=False)
class _Registered:
    """A registered step. `depth` is the length of the longest chain of steps that build on it, which begins so."""

    step: Step
    node: StepNode
    depth: int = 0
    longest: _Registered | None = None


@dataclass
class StepRegistry:
    """Steps by key. They share the steps that they build on, and equal settings, however they arrived."""

    _known: dict[str, _Registered] = field(default_factory=dict)
    _settings: dict[Hashable, Hashable] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Step:
        return self._known[key].step

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def unknown(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of the keys that are not registered."""
        return tuple(key for key in keys if key not in self._known)

    def add(self, nodes: Iterable[StepNode]) -> None:
        """Register steps, those first that others build on; a node that builds on an unknown step is left out."""
        new = []
        for node in nodes:
            if node.key not in self._known and not self.unknown(node.builds_on):
                self._known[node.key] = known = _Registered(self._build(node), node)
                new.append(known)
        for known in reversed(new):  # ends first: each chain is told upwards once, whole
            self._lengthen(known)

    def nodes(self, key: str, known: Collection[str] = ()) -> list[StepNode]:
        """The nodes of a step and of all that it builds on, as `nodes_of`, without those with a key in `known`."""
        found: dict[str, StepNode] = {}
        self._collect(key, known, found)
        return list(found.values())

    def chain(self, key: str) -> Iterator[Step]:
        """A step, and the longest chain of registered steps that build on it and on each other."""
        known: _Registered | None = self._known[key]
        while known is not None:
            yield known.step
            known = known.longest

    def _lengthen(self, known: _Registered) -> None:
        """The chains of all that the step builds on may have become longer by it."""
        longer = [known]
        while longer:
            one = longer.pop()
            for earlier in (self._known[key] for key in one.node.builds_on):
                if earlier.depth <= one.depth:
                    earlier.depth, earlier.longest = one.depth + 1, one
                    longer.append(earlier)

    def _collect(self, key: str, known: Collection[str], found: dict[str, StepNode]) -> None:
        if key in known or key in found:
            return
        node = self._known[key].node
        for earlier in node.builds_on:
            self._collect(earlier, known, found)
        found[key] = node

    def _build(self, node: StepNode) -> Step:
        own = node.own
        step = replace(
            own,
            stage=self._shared(own.stage),
            evaluation=self._shared(own.evaluation),
            shots=self._shared(own.shots),
            parent=self[node.parent] if node.parent else None,
            auxiliary=tuple(self[key] for key in node.auxiliary),
        )
        vars(step)["key"] = node.key  # the cached property: hashing all settings again takes a millisecond
        return step

    def _shared(self, value: T) -> T:
        """The first value that equals this one; itself where it cannot be hashed, as a stage of a user's may be."""
        intern: Callable[[T, T], T] = self._settings.setdefault  # type: ignore[assignment]
        try:
            return intern(value, value)
        except TypeError:
            return value
