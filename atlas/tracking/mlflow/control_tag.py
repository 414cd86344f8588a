"""The tag of a sweep's run in MLflow by which people control the sweep: its words, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from atlas.runtime.errors import UserError
from atlas.tracking.mlflow.address import connect
from atlas.tracking.mlflow.runs import sweep_run

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONTROL_TAG, ANSWER_TAG = "atlas.control", "atlas.control.answer"
MOST_CHARACTERS = 5000  # of a tag


@dataclass
class ControlTag:
    """The tags of the run of a sweep at an MLflow address."""

    address: str
    sweep: str
    _run_id: str = field(default="", init=False)

    def words(self) -> str:
        """The words of the tag, such as `pause`; empty where it is not set, and before the sweep has a run."""
        if not self._run_id:
            try:
                self._run_id = sweep_run(self.address, self.sweep).run_id
            except UserError:
                return ""
        return self._client.get_run(self._run_id).data.tags.get(CONTROL_TAG, "").strip()

    def clear(self) -> None:
        """Take the tag away: its words are taken down elsewhere."""
        self._client.delete_tag(self._run_id, CONTROL_TAG)

    def answer(self, words: str) -> None:
        """Show what became of the words."""
        if self.words() or self._run_id:
            self._client.set_tag(self._run_id, ANSWER_TAG, words[:MOST_CHARACTERS])

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self.address)
