"""Pins the parts of Ray that are not public: an update that changes one fails here first."""

from __future__ import annotations

import inspect
import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from ray._common.utils import RESOURCE_CONSTRAINT_PREFIX
from ray._private import node, resource_and_label_spec
from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager
from ray._private.services import RAYLET_EXECUTABLE
from ray._private.state import GlobalState
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient
from ray.core.generated import gcs_pb2
from ray.data._internal.cluster_autoscaler import default_autoscaling_coordinator
from ray.train._internal import storage
from ray.train.v2._internal import constants
from ray.train.v2._internal.execution.scaling_policy import autoscaling_coordinator_client
from ray.tune.experiment import Trial

from atlas.cluster import connect, ray_internals


def test_a_placement_group_names_its_maker_its_job_and_its_state() -> None:
    group = vars(gcs_pb2)["PlacementGroupTableData"]
    names = {field.name for field in group.DESCRIPTOR.fields}
    assert names >= {"placement_group_id", "creator_actor_id", "creator_actor_dead", "creator_job_id", "state"}
    assert isinstance(group.REMOVED, int)
    assert callable(GlobalState._connect_and_get_accessor)


def test_the_head_is_marked_by_this_resource() -> None:
    assert ray_internals.HEAD == resource_and_label_spec.HEAD_NODE_RESOURCE_NAME


@pytest.mark.parametrize(
    ("name", "card"), [("Tesla V100-SXM2-16GB", "V100"), ("Tesla T4", "T4"), ("NVIDIA A100-SXM4-40GB", "A100")]
)
def test_cards_are_named_by_their_model_alone(name: str, card: str) -> None:
    assert NvidiaGPUAcceleratorManager._gpu_name_to_accelerator_type(name) == card
    assert ray_internals.ACCELERATOR == RESOURCE_CONSTRAINT_PREFIX


def test_this_machines_card_is_asked_without_arguments() -> None:
    assert not inspect.signature(NvidiaGPUAcceleratorManager.get_current_node_accelerator_type).parameters
    card = ray_internals.own_card()
    assert card is None or card


def test_kuberay_is_asked_with_these_arguments() -> None:
    assert next(iter(inspect.signature(KubernetesHttpApiClient).parameters)) == "namespace"
    assert list(inspect.signature(KubernetesHttpApiClient.get).parameters) == ["self", "path"]
    assert len(inspect.signature(_derive_autoscaling_config_from_ray_cr).parameters) == 1


def test_controllers_look_at_their_workers_as_often_as_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a variable of the driver, which Ray Train hands on to its controllers."""
    name = constants.HEALTH_CHECK_INTERVAL_S_ENV_VAR
    monkeypatch.setattr(os, "environ", {})
    connect._set_environment()
    assert constants.get_env_vars_to_propagate()[name] == str(connect.HEALTH_SECONDS)
    os.environ[name] = "7"
    connect._set_environment()
    assert constants.get_env_vars_to_propagate()[name] == "7"


def test_a_node_knows_how_often_it_is_to_connect_to_its_object_store() -> None:
    raylet = Path(RAYLET_EXECUTABLE).read_bytes()
    assert all(name.removeprefix("RAY_").encode() in raylet for name in connect.SOON)


def test_controllers_ask_the_coordinator_that_is_started_beforehand() -> None:
    found = autoscaling_coordinator_client.get_or_create_autoscaling_coordinator
    assert found is default_autoscaling_coordinator.get_or_create_autoscaling_coordinator
    assert not inspect.signature(found).parameters


def test_a_node_that_takes_too_long_to_start_is_reported_in_these_words() -> None:
    assert ray_internals.SLOW_START in inspect.getsource(node)


def test_the_loggers_that_repeat_errors_are_there() -> None:
    assert storage.logger.name in ray_internals.CHATTY_LOGGERS
    assert isinstance(logging.getLogger("ray.tune"), logging.Logger)


def test_a_trial_of_tune_keeps_its_error_in_these_files() -> None:
    assert {"error_file", "pickled_error_file"} <= set(dir(Trial))
    assert "max_failures" in inspect.signature(Trial).parameters


def test_a_lean_trainer_leaves_out_two_callbacks_and_no_other() -> None:
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer

    def names(trainer: type[Any]) -> list[str]:
        made = trainer(print, scaling_config=ScalingConfig(num_workers=1))
        return [type(one).__name__ for one in made._create_default_callbacks()]

    single, several = (ray_internals.lean_trainer(number, asks_for_room=True) for number in (1, 2))
    assert issubclass(several, TorchTrainer)
    assert not issubclass(single, TorchTrainer)
    whole, lean = names(TorchTrainer), names(several)
    assert names(single) == [*lean, "LoneWorker"]
    assert {"DatasetsCallback", "PlacementGroupCleanerCallback"} <= set(whole)
    assert lean == [name for name in whole if name not in ("DatasetsCallback", "PlacementGroupCleanerCallback")]


def test_fleets_that_ask_nobody_for_room_have_rays_fixed_policy_less_its_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ray.train import ScalingConfig
    from ray.train.v2._internal.execution import scaling_policy
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

    given: list[Any] = []
    monkeypatch.setattr(
        DataParallelTrainer, "_initialize_and_run_controller", lambda self, **parts: given.append(parts)
    )
    ours = scaling_policy.FixedScalingPolicy(ScalingConfig(num_workers=3))
    for asks in (True, False):
        made = ray_internals.lean_trainer(1, asks_for_room=asks)(print, scaling_config=ScalingConfig(num_workers=1))
        made._initialize_and_run_controller(scaling_policy=ours, callbacks=[])
    asking, silent = (parts["scaling_policy"] for parts in given)
    assert asking is ours
    assert given[1]["callbacks"] == []
    assert isinstance(silent, scaling_policy.FixedScalingPolicy)
    silent.after_controller_start(None)
    assert silent.make_decision_for_non_running_worker_group().num_workers == 1
    assert type(silent.make_decision_for_running_worker_group(None, None)) is scaling_policy.NoopDecision
    silent.before_controller_abort()
    assert silent._coordinator_client is None


def test_a_bare_node_starts_none_of_what_nobody_uses_and_other_nodes_do() -> None:
    from ray._private import services, utils

    started, asked = inspect.getsource(node.Node), inspect.getsource(services)
    names = ("start_monitor", "start_log_monitor", "start_api_server")
    before = {name: getattr(node.Node, name) for name in names}
    for name in names:
        assert f"self.{name}(" in started
    assert asked.count("ray._private.utils.get_dashboard_dependency_error()") > 1
    with ray_internals.bare_node():
        assert [getattr(node.Node, name)(None) for name in names] == [None] * 3
        assert utils.get_dashboard_dependency_error() is not None
    assert {name: getattr(node.Node, name) for name in names} == before
    assert utils.get_dashboard_dependency_error() is None


def test_a_bare_node_is_looked_for_until_it_is_there_and_then_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray asks its control service, which waits for a second where it does not know the node yet."""
    from ray._private import services, state

    tables = iter([[], [{"NodeID": "other"}], [{"NodeID": "other"}, {"NodeID": "n"}]])
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(state.GlobalState, "_initialize_global_state", lambda self, options: None)
    monkeypatch.setattr(state.GlobalState, "node_table", lambda self: next(tables))
    monkeypatch.setattr(services, "get_node", lambda address, node: asked.append((address, node)))
    assert "ray._private.services.get_node(" in inspect.getsource(node.Node)
    with ray_internals.bare_node():
        services.get_node("127.0.0.1:6379", "n")
    assert asked == [("127.0.0.1:6379", "n")]
    assert next(tables, None) is None


def test_tune_asks_this_function_for_the_event_that_ends_it() -> None:
    from ray.tune import tune

    event = threading.Event()
    assert "experiment_interrupted_event = _setup_signal_catching()" in inspect.getsource(tune.run)
    with ray_internals.search_ended_by(event):
        assert tune._setup_signal_catching() is event


def test_tune_counts_callbacks_by_this_function_and_again_after_the_context() -> None:
    from ray.air._internal import usage
    from ray.tune import tune

    before = usage.tag_callbacks
    assert "air_usage.tag_callbacks(callbacks)" in inspect.getsource(tune)
    assert tune.air_usage is usage
    with ray_internals.callbacks_uncounted():
        assert usage.tag_callbacks([]) is False
        assert usage.tag_callbacks is not before
    assert usage.tag_callbacks is before
