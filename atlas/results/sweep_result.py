"""The result of a sweep that has ended, read from its summary and its storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from atlas.report import leaderboard
from atlas.report.summary import Summary
from atlas.results.tables import accuracy_table, as_route, as_split, find_row, order_table, setting_table, trial_table
from atlas.runtime.text import counted
from atlas.storage.filesystem import StoragePath

if TYPE_CHECKING:
    import pandas as pd

    from atlas.results.trained_model import TrainedModel


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One walk of a trial: an order, trained with one seed. `settings` are those in which the trials differ.

    `val` and `test` are what trials are ranked and reported by, in percent: the average accuracy after the last task
    on route `latest`, or the mean score of the downstream tasks where the sweep is about those. None: not finished.
    """

    id: str
    order: tuple[str, ...]
    seed: int
    settings: Mapping[str, JsonValue]
    status: str
    val: float | None
    test: float | None
    step_keys: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """A sweep that has ended: its trials, its tables, its model. Nothing is written to its storage.

    `summary` is everything that `summary.json` holds. `storage` is where its steps and prepared data are.
    """

    summary: Summary
    storage: StoragePath
    folder: Path

    @property
    def id(self) -> str:
        """The sweep's id."""
        return self.summary.sweep.id

    @property
    def question(self) -> str:
        """The question that the sweep was to answer."""
        return self.summary.sweep.question

    @property
    def status(self) -> str:
        """FINISHED where all trials finished; FAILED where one failed; KILLED where the sweep was stopped."""
        return self.summary.sweep.status

    @property
    def page(self) -> Path:
        """The path of the report, one page of HTML."""
        return self.folder / "report.html"

    @property
    def best(self) -> TrialResult:
        """The walk that the validation split prefers. Raises UserError where no trial finished."""
        row, best = find_row(self.summary, ""), self.summary.best
        assert best is not None
        return TrialResult(
            id=row.id,
            order=row.order,
            seed=row.seed,
            settings=row.settings,
            status=row.status,
            val=best.val,
            test=best.test,
            step_keys=row.step_keys,
        )

    @property
    def trials(self) -> tuple[TrialResult, ...]:
        """All walks by average accuracy, the best first; those that did not finish last."""
        rows = [(row, self.summary.trial(row.trial)) for row in leaderboard(self.summary)]
        return tuple(
            TrialResult(
                id=trial.id,
                order=trial.order,
                seed=trial.seed,
                settings=trial.settings,
                status=trial.status,
                val=row.val,
                test=row.test,
                step_keys=trial.step_keys,
            )
            for row, trial in rows
        )

    def dataframe(self, *, metrics: bool = False) -> pd.DataFrame:
        """A row a walk, indexed by its id, the best first: place, order, seed, status, a column a setting, and figures.

        Figures are in percent and points, NaN where undefined: `val` and `test` (average accuracy, route latest),
        `test_own` (route own), `relative`, `forgetting`, `backward`, `intransigence`, `speed` (updates). With
        `metrics` also every metric under its name in `summary.json`, such as `test/latest/forgetting`. A setting that
        is named like another column is `settings.NAME`. A walk that did not finish has no place.
        """
        return trial_table(self.summary, metrics=metrics)

    def orders(self, *, split: str = "test", route: str = "latest") -> pd.DataFrame:
        """A row an order, and a setting of the trials, the best first: means over its finished walks.

        Columns: `order`, the settings, `walks` (their number), `val`, `test`, `forgetting`, and the final score of
        each task on that split and route, in percent.

        Raises:
            UserError: an unknown split or route.
        """
        return order_table(self.summary, as_split(split), as_route(route))

    def settings(self) -> pd.DataFrame:
        """A row a setting that the sweep tried, the best first, by the sweep's objective on `val`.

        Columns: the settings, `val` and `test` (means over orders and seeds), `worst` (of the orders), `spread`
        (between the best and the worst order), `orders` and `seeds` (their numbers).
        """
        return setting_table(self.summary)

    def R(self, trial: str = "", *, split: str = "test", route: str = "latest") -> pd.DataFrame:  # noqa: N802
        """The accuracy matrix [T, T] of a walk (default: the best), in percent, NaN where not evaluated.

        Row i is the moment after training the order's i-th task, column j the score of its j-th.

        Raises:
            UserError: an unknown trial, split or route; no trial finished.
        """
        return accuracy_table(find_row(self.summary, trial), split, route)

    def model(self, trial: str = "") -> TrainedModel:
        """The model that a walk (default: the best) ended with, loaded from the storage.

        Raises:
            UserError: an unknown trial, or one that did not finish; steps, data or backbone that are not there or other
                than those it was trained with.
        """
        from atlas.results.trained_model import load_trained_model

        return load_trained_model(self.summary, find_row(self.summary, trial), self.storage)

    def __repr__(self) -> str:
        return f"<SweepResult {self.id}: {self.status}, {counted(len(self.summary.trials), 'walk')}>"

    def _repr_html_(self) -> str:
        """The leaderboard, as a notebook shows it."""
        shown: str = self.dataframe().round(1).to_html()
        return shown
