from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas.learners import Schedule, schedule_from
from atlas.runtime.errors import AtlasError

CONSTANT = {"decay": "constant", "warmup": 0.0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": -1e-3}, "learning_rate is -0.001; give a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": float("inf")}, "learning_rate is inf"),
        ({"query_rate_factor": 0}, "query_rate_factor is 0"),
        ({"epochs": 0}, "epochs is 0; give a number above 0"),
        ({"steps": -1}, "steps is -1; give a number of 0 or more"),
        ({"batch_size": 0}, "batch_size is 0; give a number of 1 or more"),
        ({"batch_size": 10, "accumulate": 3}, "batch_size 10 cannot be cut into 3 equal micro-batches"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"patience": 0}, "patience is 0"),
        ({"evaluate_every": 0}, "evaluate_every is 0"),
        ({"warmup": 1.5}, "warmup is 1.5; give the share of updates"),
        ({"decay": "linaer"}, "unknown decay 'linaer'. Did you mean 'linear'"),
        ({"steps": 4, "branches": (2, 4)}, "lengths share updates at a constant rate alone, without"),
        ({**CONSTANT, "steps": 4, "branches": (2, 4), "patience": 1}, "patience 1; lengths share updates"),
        ({**CONSTANT, "steps": 3, "branches": (2, 4)}, "branches are (2, 4), steps 3; give whole numbers of 1 or more"),
        ({**CONSTANT, "steps": 4, "branches": (4, 2)}, "each once, the smallest first, steps among them"),
        ({**CONSTANT, "epochs": 1, "branches": (2, 4)}, "branches are (2, 4), steps None"),
        ({"precision": "float8"}, "unknown precision 'float8'. Did you mean 'float"),
    ],
)
def test_a_value_out_of_range_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        Schedule(**values)
    assert message in str(refused.value)


def test_the_defaults_are_the_papers() -> None:
    schedule = Schedule()
    assert (schedule.learning_rate, schedule.beta1, schedule.beta2, schedule.epsilon) == (5e-4, 0.9, 0.98, 1e-4)
    assert (schedule.weight_decay, schedule.warmup, schedule.decay) == (0.01, 0.1, "linear")
    assert (schedule.batch_size, schedule.epochs, schedule.query_rate_factor) == (128, 20, 100)


def test_lengths_share_their_updates_at_a_constant_rate_alone() -> None:
    constant = Schedule(steps=10, **CONSTANT)  # type: ignore[arg-type]
    made = constant.lengths([2.0, 0.5, 1.0])
    assert {factor: (one.steps, one.branches) for factor, one in made.items()} == {
        2.0: (20, (5, 10, 20)),
        0.5: (5, (5, 10, 20)),
        1.0: (10, (5, 10, 20)),
    }
    assert {one.longest for one in made.values()} == {made[2.0]}
    assert made[0.5].times(2).branches == (10, 20, 40)
    for other in ({"decay": "linear"}, {"warmup": 0.1}, {"patience": 2}, {"steps": None}):
        schedule = replace(constant, **other)  # type: ignore[arg-type]
        assert schedule.lengths([1.0, 2.0]) == {1.0: schedule.times(1.0), 2.0: schedule.times(2.0)}
        assert schedule.longest == schedule


def test_steps_win_over_epochs() -> None:
    assert Schedule(epochs=3, batch_size=10).updates(100) == 30
    assert Schedule(epochs=0.5, batch_size=10).updates(101) == 6
    assert Schedule(epochs=0.001, batch_size=10).updates(100) == 1
    assert Schedule(steps=7, epochs=3, batch_size=10).updates(100) == 7
    assert Schedule(steps=0).updates(100) == 0


def test_the_rate_warms_up_and_decays() -> None:
    schedule = Schedule(warmup=0.2)
    assert [schedule.rate(update, 10) for update in range(10)] == pytest.approx(
        [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    )
    assert [Schedule(warmup=0.0, decay="constant").rate(update, 4) for update in range(4)] == [1.0] * 4
    assert Schedule(warmup=0.0, decay="cosine").rate(5, 10) == pytest.approx(0.5)


@given(
    updates=st.integers(1, 500),
    warmup=st.floats(0, 1),
    decay=st.sampled_from(["linear", "cosine", "constant"]),
    data=st.data(),
)
def test_the_rate_is_always_above_zero_and_at_most_one(updates: int, warmup: float, decay: Any, data: Any) -> None:
    update = data.draw(st.integers(0, updates - 1))
    assert 0 < Schedule(warmup=warmup, decay=decay).rate(update, updates) <= 1


def test_a_schedule_comes_back_from_its_values() -> None:
    schedule = Schedule(steps=3, decay="cosine")
    assert schedule_from(asdict(schedule)) == schedule


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match="Did you mean 'learning_rate'"):
        schedule_from({"learning_rat": 1.0})
