"""Updates recorded as CUDA graphs: when they are, and that they are the same to the bit."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from atlas.data.loader import Batch
from atlas.learners.compute import Compute
from atlas.learners.hooks import StageHooks
from atlas.learners.process_group import ProcessGroup
from atlas.learners.recorded import WORTH, RecordedPass, is_recorded
from atlas.learners.schedule import Schedule

GPU = ProcessGroup(device=torch.device("cuda"), compute=Compute(graphs=True))
needs_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="records CUDA graphs")


class Replaying(StageHooks):
    """Hooks that may do another thing at every update."""


@pytest.mark.parametrize(
    ("changed", "recorded"),
    [
        ({}, True),
        ({"own": True}, False),
        ({"updates": WORTH - 1}, False),
        ({"hooks": Replaying()}, False),
        ({"schedule": Schedule(precision="float16")}, False),
        ({"schedule": Schedule(accumulate=2)}, False),
        ({"group": replace(GPU, size=2)}, False),
        ({"group": replace(GPU, compute=Compute())}, False),
        ({"group": replace(GPU, device=torch.device("cpu"))}, False),
    ],
)
def test_only_passes_that_are_the_same_at_every_update_are_recorded(changed: dict[str, Any], recorded: bool) -> None:
    usual: dict[str, Any] = {"schedule": Schedule(), "hooks": StageHooks(), "group": GPU, "updates": 100, "own": False}
    given = usual | changed
    assert is_recorded(given.pop("schedule"), given.pop("hooks"), given.pop("group"), **given) is recorded


def work_on(model: nn.Module) -> Any:
    def work(batch: Batch) -> Tensor:
        loss = (model(batch.pixels.float().flatten(1)) * batch.targets[:, None]).square().mean()
        loss.backward()
        return loss.detach()

    return work


def batch(number: int, device: str, *, shared: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(number)
    tokens = torch.randint(9, (4, 1, 3), generator=generator)
    made = Batch(
        pixels=torch.randint(255, (4, 1, 3, 4, 4), generator=generator).byte(),
        tokens=tokens[:1].expand_as(tokens) if shared else tokens,
        mask=torch.ones(4, 1, 3, dtype=torch.bool),
        targets=torch.arange(4),
    )
    return made.to(device)


def test_texts_are_left_to_python() -> None:
    model = nn.Linear(48, 2)
    written = replace(batch(0, "cpu"), references=(("a",),) * 4)
    loss = RecordedPass(work_on(model), list(model.parameters()))(written)
    model.zero_grad()
    assert torch.equal(loss, work_on(model)(written))


class Gpu:
    """CUDA as far as it is asked before a recording begins: whether what waits is refused, and what is awaited."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mode: int | str = 0
        self.awaited: list[object] = []
        for name in ("Stream", "current_stream"):
            monkeypatch.setattr(torch.cuda, name, lambda: self)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: self.mode)
        monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: setattr(self, "mode", mode))

    def wait_stream(self, stream: object) -> None:
        self.awaited.append(stream)


def test_a_pass_that_waits_for_the_gpu_is_computed_before_a_recording_has_begun(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gpu, model = Gpu(monkeypatch), nn.Linear(48, 2)  # a graph that is begun would be an error of another kind here
    modes: list[int | str] = []

    def waits(given: Batch) -> Tensor:
        modes.append(gpu.mode)
        if gpu.mode == "error":
            raise RuntimeError("called a synchronizing CUDA operation")
        return work_on(model)(given)

    loss = RecordedPass(waits, list(model.parameters()))(batch(0, "cpu"))
    assert modes == [0, 0, "error", 0]
    assert "not recorded" in caplog.text
    assert "synchronizing" in caplog.text
    assert (gpu.mode, len(gpu.awaited)) == (0, 2)
    gradient = model.weight.grad
    model.zero_grad()
    assert torch.equal(loss, work_on(model)(batch(0, "cpu")))
    assert model.weight.grad is not None
    assert gradient is not None
    assert torch.equal(gradient, model.weight.grad)


@needs_a_gpu
def test_after_a_pass_that_waits_random_numbers_are_drawn_and_memory_is_given_back() -> None:
    model = nn.Linear(48, 2).cuda()

    def waits(given: Batch) -> Tensor:
        float(given.pixels.float().sum())
        return work_on(model)(given)

    RecordedPass(waits, list(model.parameters()))(batch(1, "cuda"))
    torch.rand(3, device="cuda")
    large = torch.zeros(2**26, device="cuda")
    before = torch.cuda.memory_reserved()
    del large
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() < before


@needs_a_gpu
def test_a_recorded_pass_has_the_loss_and_gradients_of_the_pass() -> None:
    model = nn.Linear(48, 2).cuda()
    trained = list(model.parameters())
    recorded = RecordedPass(work_on(model), trained)
    for number in range(4):
        given = batch(number, "cuda", shared=number == 2)
        expected = work_on(model)(given)
        gradients = [value.grad.clone() for value in trained if value.grad is not None]
        model.zero_grad()
        assert torch.equal(recorded(given), expected)
        for value, gradient in zip(trained, gradients, strict=True):
            assert value.grad is not None
            assert torch.equal(value.grad, gradient)
        with torch.no_grad():  # as an optimiser changes weights, in place
            for value in trained:
                value.add_(0.1)
        model.zero_grad()


@needs_a_gpu
def test_an_earlier_recording_may_be_garbage_while_another_is_made(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Linear(48, 2).cuda()
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(3):
            recorded = RecordedPass(work_on(model), list(model.parameters()))
            recorded(batch(number, "cuda"))
            recorded.itself = recorded  # type: ignore[attr-defined]  # a circle, which only the collector frees
    finally:
        gc.set_threshold(*threshold)
    assert not caplog.text


@needs_a_gpu
def test_a_pass_that_cannot_be_recorded_is_computed(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.Linear(48, 2).cuda()

    def waits(given: Batch) -> Tensor:
        float(given.pixels.float().sum())
        return work_on(model)(given)

    recorded = RecordedPass(waits, list(model.parameters()))
    loss = recorded(batch(1, "cuda"))
    model.zero_grad()
    assert torch.equal(loss, waits(batch(1, "cuda")))
    assert "not recorded" in caplog.text
