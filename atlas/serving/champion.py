"""The alias `champion` of a registered model: it moves only to a better model of the same tasks, by the same score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALIAS = "champion"
TASKS, SCORE, RECORDS, VALUE, SMOKE = (
    *("atlas.tasks", "atlas.score", "atlas.records"),
    *("atlas.objective", "atlas.smoke"),
)


@dataclass(frozen=True, kw_only=True)
class Merit:
    """The score of a model on the validation split, and its definition; the tags of its version say the same.

    tasks: all that it was trained on. score: the objective's name, such as `latest/average_accuracy`; title: the same
    in words. records: a digest of the records that it was taken on. value: larger is better; None where it has none.
    smoke: of a very small run, to see that everything works.
    """

    tasks: tuple[str, ...]
    score: str
    title: str
    records: str
    value: float | None
    smoke: bool = False

    def tags(self) -> dict[str, str]:
        """The tags of the model's version, by which later ones are compared with it."""
        return {
            TASKS: ", ".join(sorted(self.tasks)),
            SCORE: self.score,
            RECORDS: self.records,
            **({} if self.value is None else {VALUE: repr(self.value)}),
            **({SMOKE: "true"} if self.smoke else {}),
        }


def reason_to_stay(new: Merit | None, champion: Mapping[str, str] | None) -> str:
    """The reason why the alias does not move to a new version; empty where it does.

    `champion` are the tags of the version that has it, None where none has.
    """
    if new is None or new.value is None:
        return "this one has no score"
    if new.smoke:
        return "a smoke run's model never takes it"
    if champion is None:
        return ""
    tags = new.tags()
    if VALUE not in champion:
        return "it does not say how it was scored"
    if champion.get(TASKS) != tags[TASKS]:
        return f"it is of the tasks {champion.get(TASKS)}, this one of {tags[TASKS]}"
    if champion.get(SCORE) != tags[SCORE]:
        return f"it was scored by {champion.get(SCORE)}, this one by {tags[SCORE]}"
    if champion.get(RECORDS) != tags[RECORDS]:
        return "it was scored on other records than this one"
    if new.value <= float(champion[VALUE]):
        return f"its score on val is {float(champion[VALUE]):.2f}, this one's {new.value:.2f}"
    return ""
