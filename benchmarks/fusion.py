"""What do the adapters cost, and does the fused form pay?

    python benchmarks/fusion.py                         # both sizes, 1 to 16 adapters: some twenty minutes on a core
    python benchmarks/fusion.py --quick                 # the tiny size, 1, 2 and 4 adapters: under a minute

Times and memory, forward and backward, of a ViLT's transformer with random weights (no download): bare and frozen,
with the adapters in the plain form, and in the fused form. The newest adapter is trained, in stage 2 of the method. The
three take turns in each repetition, so that a busy machine slows all of them; the fastest of the repetitions counts.

Expected: fused is at least as fast as plain from two adapters on, and `kept` (what autograd holds for the backward
pass) grows by less than one h = [B, L, D] a site and adapter, where plain grows by several.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # read once, when torch is imported: the profiler would chat on stderr

import torch
from peft import get_peft_model
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from transformers import ViltConfig, ViltModel

from atlas.adapters import AtlasConfig, AtlasModel
from atlas.adapters.fusion import plain


@dataclass(frozen=True, kw_only=True)
class Size:
    """A transformer, its batch [B, L, D] and the adapters' rank."""

    layers: int
    width: int
    heads: int
    batch: int
    tokens: int
    r: int


SIZES = {
    "tiny": Size(layers=4, width=128, heads=4, batch=32, tokens=33, r=16),
    "vilt-b": Size(layers=12, width=768, heads=12, batch=4, tokens=185, r=48),
}
FORMS = ("bare", "plain", "fused")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of the fastest repetition, bytes kept for the backward pass, and the peak of all bytes allocated."""

    forward: float
    backward: float
    kept: int
    peak: int

    @property
    def total(self) -> float:
        """Seconds, forward and backward."""
        return self.forward + self.backward


def transformer(size: Size, layers: int) -> ViltModel:
    """A frozen ViLT with random weights, the same each time."""
    torch.manual_seed(0)
    config = ViltConfig(
        hidden_size=size.width,
        num_hidden_layers=layers,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        image_size=32,
        patch_size=32,
        vocab_size=8,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return ViltModel(config).requires_grad_(False)


def _needs_gradient(module: nn.Module, args: object, out: Tensor) -> Tensor:
    return out.detach().requires_grad_()


def bare(size: Size, layers: int) -> nn.Module:
    """The frozen encoder, whose backward pass reaches as far down as it does with adapters: the first site."""
    model = transformer(size, layers)
    model.get_submodule("encoder.layer.0.attention.output.dense").register_forward_hook(_needs_gradient)
    return model.get_submodule("encoder")


def adapted(size: Size, layers: int, count: int, weighting: str, form: str) -> nn.Module:
    """The encoder with `count` adapters of which the newest is being trained."""
    names = [f"task-{i}" for i in range(count)]
    configs = [AtlasConfig(r=size.r, weighting=weighting, experience=names[:i]) for i in range(count)]
    model = get_peft_model(transformer(size, layers), configs[0], names[0])
    for name, config in zip(names[1:], configs[1:], strict=True):
        model.add_adapter(name, config)
    tuner = model.base_model
    assert isinstance(tuner, AtlasModel)
    for i, name in enumerate(names):
        tuner.reset_adapter(name, torch.Generator().manual_seed(i))
    tuner.train_expansion(names[-1])
    if form == "plain":
        for layer in tuner.sites().values():
            layer.fuse = plain
    return tuner.model.get_submodule("encoder")


def run(encoder: nn.Module, hidden: Tensor, cotangent: Tensor) -> tuple[float, float]:
    """Seconds of one forward and one backward pass."""
    start = time.perf_counter()
    out = encoder(hidden).last_hidden_state
    middle = time.perf_counter()
    out.backward(cotangent)
    return middle - start, time.perf_counter() - middle


def kept_bytes(encoder: nn.Module, hidden: Tensor) -> int:
    """Bytes of all storages that autograd keeps, parameters aside."""
    own = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = encoder(hidden).last_hidden_state
    del out
    return sum(kept.values())


def peak_bytes(step: Callable[[], object]) -> int:
    """The most bytes that PyTorch's allocator had out during `step`, above those it started with."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True) as profile:
        step()
    assert profile.profiler is not None
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    level = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        level += event.nbytes()
        peak = max(peak, level)
    return peak


def measure(size: Size, layers: int, count: int, weighting: str, repeats: int) -> dict[str, Cost]:
    """The cost of each form."""
    torch.manual_seed(1)
    hidden, cotangent = torch.randn(2, size.batch, size.tokens, size.width).unbind()
    encoders = {
        form: bare(size, layers) if form == "bare" else adapted(size, layers, count, weighting, form) for form in FORMS
    }
    memory = {}
    for form, encoder in encoders.items():
        run(encoder, hidden, cotangent)
        for parameter in encoder.parameters():
            parameter.grad = None
        memory[form] = kept_bytes(encoder, hidden), peak_bytes(lambda e=encoder: run(e, hidden, cotangent))  # type: ignore[misc]
    times: dict[str, list[tuple[float, float]]] = {form: [] for form in FORMS}
    for _ in range(repeats):
        for form, encoder in encoders.items():
            times[form].append(run(encoder, hidden, cotangent))
    fastest = {form: min(runs, key=sum) for form, runs in times.items()}
    return {
        form: Cost(forward=fastest[form][0], backward=fastest[form][1], kept=memory[form][0], peak=memory[form][1])
        for form in FORMS
    }


def table(title: str) -> Table:
    """The empty table."""
    result = Table(title=title)
    for column in (
        "adapters",
        "form",
        "forward ms",
        "backward ms",
        "× bare",
        "plain ÷ it",
        "kept MB",
        "h a site",
        "peak MB",
    ):
        result.add_column(column, justify="right")
    return result


def add_rows(rows: Table, size: Size, layers: int, count: int, costs: dict[str, Cost]) -> None:
    """One row a form; `h a site` is what the adapters keep, in units of h = [B, L, D] at each site."""
    h = 4 * size.batch * size.tokens * size.width * 2 * layers
    for form in FORMS:
        cost = costs[form]
        rows.add_row(
            str(count),
            form,
            f"{1e3 * cost.forward:.1f}",
            f"{1e3 * cost.backward:.1f}",
            f"{cost.total / costs['bare'].total:.2f}",
            "" if form == "bare" else f"{costs['plain'].total / cost.total:.2f}",
            f"{cost.kept / 1e6:.1f}",
            "" if form == "bare" else f"{(cost.kept - costs['bare'].kept) / h:.2f}",
            f"{cost.peak / 1e6:.1f}",
            end_section=form == FORMS[-1],
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parses the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--adapters", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--weighting", choices=("whole", "dimension"), default="whole")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--layers", type=int, help="of the transformer, fewer for a shorter run")
    parser.add_argument("--quick", action="store_true", help="the tiny size and few adapters")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        chosen.sizes, chosen.adapters, chosen.repeats = ["tiny"], [1, 2, 4], 3
    console = Console(width=110)
    for name in chosen.sizes:
        size = SIZES[name]
        layers = chosen.layers or size.layers
        shape = f"B {size.batch}, L {size.tokens}, D {size.width}, r {size.r}, {layers} layers"
        rows = table(f"{name} ({shape}), {chosen.weighting}, {torch.get_num_threads()} threads")
        for count in chosen.adapters:
            costs = measure(size, layers, count, chosen.weighting, chosen.repeats)
            add_rows(rows, size, layers, count, costs)
        console.print(rows)


if __name__ == "__main__":
    main()
