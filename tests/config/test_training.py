from __future__ import annotations

import math
from typing import Any

import pytest

from atlas.cluster.options import ClusterOptions
from atlas.config.training import TrainingOptions
from atlas.runtime.errors import UserError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "--steps is 0; give a whole number of 1 or more"),
        ({"steps": -3}, "--steps is -3"),
        ({"steps": 2.5}, "--steps is 2.5"),
        ({"steps": math.nan}, "--steps is nan; give a whole number of 1 or more"),
        ({"steps": 2.0}, "--steps is 2.0; give a whole number of 1 or more"),
        ({"steps": "2"}, "--steps is '2'; give a whole number of 1 or more"),
        ({"tokens": 0}, "--tokens is 0; give a whole number of 1 or more"),
        ({"tokens": math.nan}, "--tokens is nan; give a whole number of 1 or more"),
        ({"rank": 0}, "--rank is 0"),
        ({"rank": True}, "--rank is True"),
        ({"batch_size": 0}, "--batch-size is 0"),
        ({"steps": 10**22}, f"--steps is {10**22}; give at most {10**8}"),
        ({"rank": 100_000}, "--rank is 100000; give at most 8192"),
        ({"learning_rate": 1e30}, "--learning-rate is 1e+30; give at most 100"),
        ({"epochs": 0.0}, "--epochs is 0.0; give a number above 0"),
        ({"epochs": math.nan}, "--epochs is nan"),
        ({"epochs": math.inf}, "--epochs is inf"),
        ({"learning_rate": math.nan}, "--learning-rate is nan"),
        ({"learning_rate": -1e-3}, "--learning-rate is -0.001"),
        ({"max_gradient_norm": 0.0}, "--max-gradient-norm is 0.0; give a number above 0"),
        ({"max_gradient_norm": math.inf}, "--max-gradient-norm is inf"),
        ({"decay": "constnat"}, "unknown value of --decay 'constnat'. Did you mean 'constant'"),
        ({"precision": "float"}, "unknown --precision 'float'. Did you mean 'float"),
        ({"precision": "fp16"}, "unknown --precision 'fp16'"),
        ({"evaluate": (-1, 3)}, "--evaluate is (-1, 3)"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        TrainingOptions(**given)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cpus_per_worker": 0.0}, "--cpus-per-worker is 0.0; give a number above 0"),
        ({"cpus_per_worker": math.nan}, "--cpus-per-worker is nan"),
        ({"cpus_per_worker": math.inf}, "--cpus-per-worker is inf"),
        ({"gpus_per_worker": -1.0}, "--gpus-per-worker is -1.0; give a number of 0 or more"),
        ({"gpus_per_worker": math.nan}, "--gpus-per-worker is nan"),
        ({"gpus_per_worker": 1.5}, "--gpus-per-worker is 1.5; give a whole number, or a share of one GPU such as 0.5"),
        ({"gpus_per_worker": 0.5, "workers_per_fleet": 2}, "the workers of a fleet cannot share a GPU"),
        ({"checkpoint_every": math.nan}, "--checkpoint-every is nan"),
        ({"checkpoint_every": math.inf}, "--checkpoint-every is inf"),
        ({"fleets": 0}, "--fleets is 0"),
    ],
)
def test_shares_of_the_cluster_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        ClusterOptions(**given)
    assert message in str(refused.value)
