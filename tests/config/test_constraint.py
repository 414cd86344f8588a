from __future__ import annotations

import pytest

from atlas.config.constraint import Constraint, constrained_names, constraints_from
from atlas.config.options import Options
from atlas.runtime.errors import UserError


def test_it_is_written_as_it_is_read() -> None:
    (share,) = constraints_from(("trained-parameters=2 %",), ())
    assert share == Constraint(name="trained_parameters", bound=2.0, share=True)
    assert str(share) == "--at-most trained_parameters=2%"
    (least,) = constraints_from((), ("average_accuracy=60.5",))
    assert str(least) == "--at-least average_accuracy=60.5"
    assert least.needs_training
    assert not share.needs_training


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trained_parameters", "give NAME=VALUE, such as trained_parameters=2% or forgetting=3"),
        ("parameters=2%", "Did you mean 'trained_parameters'"),
        ("forgetting=2%", "only trained_parameters has a share of the backbone's"),
        ("trained_parameters=0", "out of range; give more than 0"),
        ("stored_parameters=3", "unknown figure of --at-most 'stored_parameters'"),
    ],
)
def test_what_is_no_constraint_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        Options.of(at_most=(text,))


def test_bounds_are_given_once_and_leave_room() -> None:
    with pytest.raises(UserError, match="bound one figure twice"):
        Options.of(at_most=("forgetting=3", "forgetting=4"))
    with pytest.raises(UserError, match="leave no value between them"):
        Options.of(at_most=("average_accuracy=50",), at_least=("average_accuracy=60",))
    assert (
        len(Options.of(at_most=("average_accuracy=70",), at_least=("average_accuracy=60",)).search.constraints()) == 2
    )


def test_a_forecast_does_not_stand_beside_a_constraint_that_needs_training() -> None:
    with pytest.raises(UserError, match="which --at-most forgetting=3 may rule out"):
        Options.of(at_most=("forgetting=3",), stop_early="forecast")
    Options.of(at_most=("trained_parameters=2%",), stop_early="forecast")


def test_an_excess_is_above_zero_on_the_wrong_side_alone() -> None:
    most, least = Constraint(name="forgetting", bound=3.0), Constraint(name="forgetting", bound=3.0, least=True)
    assert [most.excess(value, 1) for value in (2.0, 3.0, 5.0)] == [-1.0, 0.0, 2.0]
    assert [least.excess(value, 1) for value in (2.0, 3.0, 5.0)] == [1.0, 0.0, -2.0]
    share = Constraint(name="trained_parameters", bound=2.0, share=True)
    assert share.excess(30, 1000) == pytest.approx(1.0)
    assert share.missed(30, 1000) == "trained_parameters is 3%, at most 2% is asked for"


def test_the_value_that_is_shown_keeps_its_side_of_a_bound() -> None:
    """So that the bound which a message gives lets the trial pass."""
    share = Constraint(name="trained_parameters", bound=2.0, share=True)
    given = Constraint.parse(f"trained_parameters={share.shown(31234, 1_000_000)}", least=False)
    assert given.bound == 3.13
    assert Constraint(name="trained_parameters", bound=3.13, share=True).excess(31234, 1_000_000) <= 0
    least = Constraint(name="average_accuracy", bound=60.0, least=True)
    assert least.shown(56.789, 1) == "56.7"


def test_every_name_is_one_that_reports_have() -> None:
    assert {"trained_parameters", "seconds", "forgetting", "average_accuracy"} <= set(constrained_names())
