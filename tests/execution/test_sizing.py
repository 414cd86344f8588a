from __future__ import annotations

from typing import Any

import pytest

from atlas.cluster.connect import join_cluster, leave_cluster
from atlas.cluster.limits import this_machine
from atlas.cluster.options import ClusterOptions
from atlas.execution.sizing import (
    RESERVE,
    TRIAL_CPUS,
    FleetSize,
    fitted,
    loaders_of,
    size_fleets,
    threads_of,
    trials_at_once,
)
from atlas.runtime.errors import AtlasError

TWO_GPUS = {"CPU": 16.0, "GPU": 2.0}


@pytest.mark.parametrize(
    ("resources", "options", "expected"),
    [
        ({"CPU": 2}, {}, (2, 1, 0.95, 0)),
        ({"CPU": 1}, {}, (1, 1, 0.9, 0)),
        ({"CPU": 16}, {}, (16, 1, 0.99, 0)),
        ({"CPU": 16}, {"fleets": 2}, (2, 1, 1.0, 0)),
        ({"CPU": 16}, {"fleets": 2, "workers_per_fleet": 4}, (2, 4, 1.0, 0)),
        ({"CPU": 4}, {"workers_per_fleet": 2}, (2, 2, 0.97, 0)),
        ({"CPU": 16, "GPU": 1}, {}, (1, 1, 4.0, 1)),
        ({"CPU": 16, "GPU": 4}, {}, (4, 1, 3.97, 1)),
        ({"CPU": 16, "GPU": 4}, {"workers_per_fleet": 2}, (2, 2, 3.97, 1)),
        ({"CPU": 16, "GPU": 1}, {"gpus_per_worker": 0.25}, (4, 1, 3.97, 0.25)),
        ({"CPU": 16, "GPU": 1}, {"gpus_per_worker": 0}, (16, 1, 0.99, 0)),
        ({"CPU": 16, "GPU": 1}, {"gpus_per_worker": 0.1}, (10, 1, 1.59, 0.1)),
        ({"CPU": 16, "GPU": 2}, {"gpus_per_worker": 0.4}, (4, 1, 3.97, 0.4)),
        ({"CPU": 16, "GPU": 1}, {"gpus_per_worker": 0.125, "fleets": 8}, (8, 1, 1.98, 0.125)),
        ({"CPU": 32, "GPU": 8}, {"gpus_per_worker": 2}, (4, 1, 4.0, 2)),
        ({"CPU": 8}, {"fleets": 3, "cpus_per_worker": 2}, (3, 1, 2, 0)),
    ],
)
def test_fleets_fill_the_cluster(
    resources: dict[str, float], options: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    size = size_fleets(ClusterOptions(**options), [resources])
    assert (size.fleets, size.workers, size.cpus, size.gpus) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("resources", "options", "message"),
    [
        ({"CPU": 2}, {"fleets": 3, "cpus_per_worker": 1}, "3 fleets of 1 worker at 1 CPU need 3.1 CPUs"),
        ({"CPU": 2}, {"cpus_per_worker": 2, "fleets": 1}, "(with 0.1 for the trials), the cluster has at most 2"),
        ({"CPU": 8}, {"gpus_per_worker": 1}, "at 1 GPU needs 1 GPU (with 0 for the trials), the cluster has at most 0"),
        ({"CPU": 8, "GPU": 2}, {"workers_per_fleet": 4}, "needs 4 GPUs"),
        ({"CPU": 0}, {}, "the cluster has at most 0"),
        ({"CPU": 16, "GPU": 2}, {"gpus_per_worker": 0.4, "fleets": 5}, "but the nodes hold 4"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_the_numbers(
    resources: dict[str, float], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AtlasError) as refused:
        size_fleets(ClusterOptions(**options), [resources])
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("work", "options", "fleets"),
    [
        (0.0, {}, 1),
        (59.0, {}, 2),
        (61.0, {}, 3),
        (1e6, {}, 8),
        (0.0, {"fleets": 5}, 5),
        (59.0, {"workers_per_fleet": 2}, 2),
    ],
)
def test_no_more_fleets_are_started_than_the_work_is_worth(work: float, options: dict[str, Any], fleets: int) -> None:
    given, nodes = ClusterOptions(**options), [{"CPU": 8.0}]
    size = fitted(size_fleets(given, nodes), given, nodes, work)
    assert size.fleets == fleets
    assert size.workers == given.workers_per_fleet


@pytest.mark.parametrize(
    ("gpus", "cpus", "asked", "loaders"),
    [(0, 4, None, 0), (1, 4, None, 2), (0.25, 1, None, 1), (1, 4, 0, 0), (0, 1, 3, 3)],
)
def test_gpus_have_threads_that_read_ahead(gpus: float, cpus: float, asked: int | None, loaders: int) -> None:
    assert loaders_of(FleetSize(fleets=1, workers=1, cpus=cpus, gpus=gpus), asked) == loaders


def test_each_worker_has_to_fit_on_one_node() -> None:
    options, uneven = ClusterOptions(fleets=2, cpus_per_worker=6), [{"CPU": 8.0}, {"CPU": 4.0}, {"CPU": 4.0}]
    with pytest.raises(AtlasError, match="2 workers of 6 CPUs are wanted, but the nodes hold 1; give fewer --fleets"):
        size_fleets(options, uneven)
    assert size_fleets(options, [{"CPU": 8.0}, {"CPU": 8.0}]).fleets == 2


def test_adapters_are_compiled_on_gpus_alone() -> None:
    with pytest.raises(AtlasError, match="--compile is for GPUs, and the workers of this sweep have none"):
        size_fleets(ClusterOptions(compile=True), [{"CPU": 4}])
    assert size_fleets(ClusterOptions(compile=True), [{"CPU": 4, "GPU": 1}]).gpus == 1


def test_weights_are_quantised_on_gpus_alone() -> None:
    with pytest.raises(AtlasError, match="--weights 4-bit needs GPUs, and the workers of this sweep have none"):
        size_fleets(ClusterOptions(weights="4-bit"), [{"CPU": 4}])
    assert size_fleets(ClusterOptions(weights="4-bit"), [{"CPU": 4, "GPU": 1}]).gpus == 1


def test_an_elastic_fleet_is_wanted_whole_and_does_with_the_least() -> None:
    size = size_fleets(
        ClusterOptions(fleets=1, workers_per_fleet=4, min_workers_per_fleet=2, gpus_per_worker=1), [TWO_GPUS]
    )
    assert (size.workers, size.elastic, list(size.numbers), size.each) == (4, True, [2, 3, 4], "2 to 4")
    with pytest.raises(AtlasError, match="1 fleet of 3 to 4 workers at 1 GPU needs 3 GPUs"):
        size_fleets(
            ClusterOptions(fleets=1, workers_per_fleet=4, min_workers_per_fleet=3, gpus_per_worker=1), [TWO_GPUS]
        )


@pytest.mark.parametrize("least", [None, 4])
def test_a_fleet_of_one_size_is_steady(least: int | None) -> None:
    size = size_fleets(ClusterOptions(workers_per_fleet=4, min_workers_per_fleet=least), [{"CPU": 8.0}])
    assert (size.elastic, list(size.numbers), size.each) == (False, [4], "4")


def test_trials_keep_the_fleets_busy_and_fit_beside_them() -> None:
    sizes = [FleetSize(fleets=fleets, workers=1, cpus=1, gpus=0) for fleets in (1, 4, 100)]
    assert [trials_at_once(size, known=False) for size in sizes] == [4, 8, 20]
    assert trials_at_once(sizes[-1], known=False) * TRIAL_CPUS <= RESERVE
    assert [trials_at_once(size, known=True) for size in sizes] == [2, 4, 20]


def test_half_precision_is_for_accelerators() -> None:
    assert FleetSize(fleets=1, workers=1, cpus=1, gpus=1).precision == "bfloat16"
    assert FleetSize(fleets=1, workers=1, cpus=1, gpus=0).precision == "float32"


@pytest.mark.parametrize(
    ("cards", "options", "precision"),
    [
        (["A100"], {}, "bfloat16"),
        (["V100"], {}, "float16"),
        (["T4"], {}, "float16"),
        (["A100", "V100"], {}, "float16"),
        (["V100"], {"gpus_per_worker": 0}, "float32"),
        ([], {}, "bfloat16"),
    ],
)
def test_the_precision_suits_the_oldest_card(cards: list[str], options: dict[str, Any], precision: str) -> None:
    nodes = [{**TWO_GPUS, f"accelerator_type:{card}": 1.0} for card in cards] or [TWO_GPUS]
    size = size_fleets(ClusterOptions(**options), nodes)
    assert size.precision == size.precision_as("auto") == precision
    assert size.precision_as("float32") == "float32"
    assert size.precision_as("float16") == "float16"


def test_bfloat16_is_refused_on_cards_that_have_none() -> None:
    size = size_fleets(ClusterOptions(), [{**TWO_GPUS, "accelerator_type:T4": 1.0}])
    with pytest.raises(AtlasError, match=r"--precision is bfloat16, but T4 cannot .* float16 or float32"):
        size.precision_as("bfloat16")
    assert size_fleets(ClusterOptions(gpus_per_worker=0), [TWO_GPUS]).precision_as("bfloat16") == "bfloat16"


def test_a_worker_computes_with_at_least_one_thread() -> None:
    assert [threads_of(FleetSize(fleets=1, workers=1, cpus=cpus, gpus=0)) for cpus in (0.1, 0.95, 3.97)] == [1, 1, 4]


def test_this_machine_counts_where_no_cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    found = this_machine()
    assert found is not None
    assert found["CPU"] >= 1
    monkeypatch.setenv("RAY_ADDRESS", "ray://cluster:10001")
    assert this_machine() is None


def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nonsense")
    with pytest.raises(AtlasError, match="no Ray cluster at nonsense: .*Check RAY_ADDRESS"):
        join_cluster()


@pytest.mark.parametrize(("failures", "message"), [(2, ""), (3, "the node timed out during startup")])
def test_a_cluster_of_ones_own_that_does_not_start_in_time_is_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failures: int, message: str
) -> None:
    """Three times in all, with what the last try said."""
    import ray

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    answers = [*[RuntimeError("the node timed out during startup")] * failures, None]

    def init(**how: Any) -> None:
        if (answer := answers.pop(0)) is not None:
            raise answer

    monkeypatch.setattr(ray, "init", init)
    if message:
        with pytest.raises(AtlasError, match=message):
            join_cluster()
    else:
        join_cluster()
    leave_cluster()
    assert len(answers) == (1 if message else 0)
    assert caplog.text.count("Ray did not start in time") == 2
