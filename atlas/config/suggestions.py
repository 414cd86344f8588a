"""Optuna's trial as a sweep's learner function gets it: one that names the parameter whose space changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


class NamingTrial:
    """A trial in whose place it stands, but for a clear error where a parameter is suggested from another space.

    A study keeps a parameter's choices, its kind of number and whether it is logarithmic from the first trial on; its
    bounds may change.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._trial, name)
        return partial(self._suggest, name, found) if name.startswith("suggest_") else found

    def _suggest(self, method: str, suggest: Callable[..., Any], name: str, *space: Any, **more: Any) -> Any:
        try:
            return suggest(name, *space, **more)
        except ValueError as error:
            changed = self._changed(method, name, *space, **more)
            if changed is None:
                raise
            was, now = changed
            raise UserError(
                f"the space of the parameter {name!r} was {was} and is {now} in trial {self._trial.number}; it has to "
                f"stay as it was in the first trial, so give it another name for each space ({error})"
            ) from error

    def _changed(self, method: str, name: str, *space: Any, **more: Any) -> tuple[str, str] | None:
        """The space in which an earlier trial suggested the parameter and the one of now, where they do not agree."""
        from optuna.distributions import check_distribution_compatibility

        before, now = self._known(name), _distribution(method, *space, **more)
        if before is None or now is None:
            return None
        try:
            check_distribution_compatibility(before, now)
        except ValueError:
            return _shown(before), _shown(now)
        return None

    def _known(self, name: str) -> BaseDistribution | None:
        study = getattr(self._trial, "study", None)  # a trial of given parameters has none
        trials = study.get_trials(deepcopy=False) if study is not None else ()
        return next((trial.distributions[name] for trial in trials if name in trial.distributions), None)


def _distribution(method: str, *space: Any, **more: Any) -> BaseDistribution | None:
    """The space of a call such as `suggest_int("rank", 2, 8)`; None where it cannot be one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    kinds: dict[str, Callable[..., BaseDistribution]] = {
        "suggest_categorical": CategoricalDistribution,
        "suggest_float": FloatDistribution,
        "suggest_int": IntDistribution,
    }
    try:
        return kinds[method](*space, **more)
    except (KeyError, TypeError, ValueError):
        return None


def _shown(distribution: BaseDistribution) -> str:
    """A space as its user wrote it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return f"the choices {', '.join(map(repr, distribution.choices))}"
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    kind = "float" if isinstance(distribution, FloatDistribution) else "int"
    return f"{kind} {distribution.low} to {distribution.high}{' (log)' if distribution.log else ''}"
