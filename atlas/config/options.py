"""The options of a sweep: one typed group for each part that takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from atlas.cluster.options import ClusterOptions
from atlas.config.option_types import fits, hints_of, plain, says_more, wrong_type
from atlas.config.run import RunOptions
from atlas.config.search import SearchOptions
from atlas.config.training import TrainingOptions
from atlas.runtime.errors import unknown
from atlas.storage.options import StorageOptions

OptionValue = str | int | float | bool | None | tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The settings that all sweeps have in common. The defaults run on a laptop within minutes.

    No two groups share a field's name, so that each field is one flat option of the command line, of MLflow's
    parameters and of a summary's settings; `of`, `changed` and `flat` speak those names.
    """

    search: SearchOptions = field(default_factory=SearchOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    storage: StorageOptions = field(default_factory=StorageOptions)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    run: RunOptions = field(default_factory=RunOptions)

    @classmethod
    def of(cls, **values: Any) -> Options:
        """The defaults with these values, named flat: `Options.of(tasks=("digits",), steps=8)`.

        Raises UserError for an unknown name or a value that its group refuses.
        """
        return cls().changed(**values)

    def changed(self, **values: Any) -> Options:
        """The same with these values, named flat; lists become tuples, paths texts. Raises UserError as `of` does."""
        groups: dict[str, dict[str, OptionValue]] = {}
        for name, value in values.items():
            if name not in GROUP_OF:
                raise unknown("option", name, GROUP_OF)
            groups.setdefault(GROUP_OF[name], {})[name] = plain(value)
        return replace(self, **{group: self._with(group, given) for group, given in groups.items()})

    def _with(self, group: str, given: Mapping[str, OptionValue]) -> Any:
        """The group with these values. Raises UserError for one of another type, or that the group refuses."""
        hints = hints_of(GROUPS[group])
        wrong = [name for name, value in given.items() if not fits(value, hints[name])]
        for name in wrong:
            if not says_more(hints[name]):
                raise wrong_type(name, given[name], hints[name])
        try:
            made = replace(getattr(self, group), **given)
        except TypeError as error:  # of a comparison with what is no number
            if not wrong:
                raise
            raise wrong_type(wrong[0], given[wrong[0]], hints[wrong[0]]) from error
        if wrong:
            raise wrong_type(wrong[0], given[wrong[0]], hints[wrong[0]])
        return made

    def flat(self) -> dict[str, OptionValue]:
        """Every value by its flat name."""
        return {name: getattr(getattr(self, group), name) for name, group in GROUP_OF.items()}


GROUPS: Mapping[str, type] = {
    "search": SearchOptions,
    "training": TrainingOptions,
    "storage": StorageOptions,
    "cluster": ClusterOptions,
    "run": RunOptions,
}
GROUP_OF: Mapping[str, str] = {one.name: group for group, kind in GROUPS.items() for one in fields(kind)}
