from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from atlas.metrics import Undefined
from atlas.report.summary import FusionWeights, Summary, summary_from
from atlas.runtime.errors import AtlasError
from tests.report.conftest import Document, typed


def drop(summary: Document) -> None:
    del summary["plan"]["trials"]


def misspell(summary: Document) -> None:
    summary["trials"][1]["sede"] = 1


def wrong_type(summary: Document) -> None:
    summary["ledger"]["steps_trained"] = "55"


def truth_for_number(summary: Document) -> None:
    summary["tasks"]["digits"]["chance"] = True


def not_a_number(summary: Document) -> None:
    summary["trials"][0]["R"]["test"]["latest"][0][0] = float("nan")


def cut_matrix(summary: Document) -> None:
    summary["trials"][0]["R"]["val"]["own"].pop()


def fraction_of_more_than_one(summary: Document) -> None:
    summary["trials"][0]["R"]["val"]["own"][0][0] = 101.0


def unknown_route(summary: Document) -> None:
    summary["trials"][0]["R"]["val"]["newest"] = summary["trials"][0]["R"]["val"]["own"]


def unknown_task(summary: Document) -> None:
    summary["trials"][0]["order"][0] = "vqa"


def task_twice(summary: Document) -> None:
    summary["trials"][0]["order"][0] = summary["trials"][0]["order"][1]


def trial_twice(summary: Document) -> None:
    summary["trials"][1]["id"] = summary["trials"][0]["id"]


def no_such_best(summary: Document) -> None:
    summary["best"]["trial"] = "t99"


def status(summary: Document) -> None:
    summary["sweep"]["status"] = "DONE"


def metric(summary: Document) -> None:
    summary["trials"][0]["metrics"]["val/latest/forgetting"] = None


def later_version(summary: Document) -> None:
    summary["schema"] = 3


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (drop, "plan.trials is missing"),
        (misspell, "trials[1].sede is not a known key"),
        (wrong_type, "ledger.steps_trained is '55', not an integer"),
        (truth_for_number, "tasks.digits.chance is True, not a number"),
        (not_a_number, "trials[0].R.test.latest[0][0] is nan; write null where there is no number"),
        (cut_matrix, "trials[0]: trial t00: R.val.own is not 4 × 4"),
        (fraction_of_more_than_one, "trials[0].R.val.own[0][0] is 101.0: input should be less than or equal to 100"),
        (unknown_route, "trials[0].R.val.newest is not 'latest', 'own' or 'free'"),
        (unknown_task, "trial t00 has unknown tasks: vqa"),
        (task_twice, "trials[0]: trial t00 has a task twice"),
        (trial_twice, "trial t00 occurs twice"),
        (no_such_best, "best.trial is 't99', which is no trial"),
        (status, "sweep.status is 'DONE', not 'RUNNING', 'FINISHED', 'FAILED' or 'KILLED'"),
        (
            metric,
            'trials[0].metrics.val/latest/forgetting: None is neither a finite number nor {"undefined": the reason}',
        ),
        (later_version, "schema is 3; this version reads 1 and 2"),
    ],
)
def test_a_problem_is_one_line_that_names_its_place_and_value(
    summary: Document, spoil: Callable[[Document], None], problem: str
) -> None:
    spoil(summary)
    with pytest.raises(AtlasError) as found:
        summary_from(summary, "the summary")
    assert str(found.value) == f"the summary: {problem}."


def test_fusion_weights_are_a_matrix_of_sites_and_adapters(rich: Document) -> None:
    assert len(typed(rich).alpha) == 4
    rich["alpha"][1]["mean"][2].append(0.5)
    with pytest.raises(AtlasError, match=r"alpha\[1\]: mean is not 8 sites × 2 adapters"):
        typed(rich)
    with pytest.raises(ValidationError, match="0 sites"):
        FusionWeights(step="a", task="b", seed=0, split="val", records=1, sites=(), adapters=("b",), mean=())


def test_a_metric_has_a_value_or_a_reason(summary: Document) -> None:
    metrics = typed(summary).trials[0].metrics
    assert isinstance(metrics["val/latest/average_accuracy"], float)
    assert metrics["val/latest/intransigence"] == Undefined("no joint model was trained on the tasks up to each one")


def test_the_best_trial_is_a_row(summary: Document) -> None:
    found = typed(summary)
    assert found.best is not None
    assert found.best_trial is found.trial(found.best.trial)
    assert typed({**summary, "best": None}).best_trial is None


def test_a_summary_is_frozen(summary: Document) -> None:
    found: Summary = typed(summary)
    with pytest.raises(ValidationError, match="frozen"):
        found.seeds = (2,)


def test_fields_that_are_left_out_are_not_written(summary: Document) -> None:
    found = typed({**summary, "reference_keys": ["k"]})
    assert found.reference_keys == ("k",)
    assert found.without("reference_keys").reference_keys is None
    assert "reference_keys" not in found.without("reference_keys").model_dump(exclude_unset=True)
