"""Insertion of learnt tokens before those of an encoder or a decoder, while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


@contextmanager
def before_tokens(module: nn.Module, prompts: Tensor) -> Iterator[None]:
    """While it lasts, `module` reads prompts [B, P, D] before its tokens, and gives the states of its tokens alone.

    `module` is called as transformers' encoders and decoders are: by `inputs_embeds` [N, L, D], where there are any an
    `attention_mask` [N, L] and `position_ids` [..., N, L], and its states are `last_hidden_state`. Each of the B
    records has N / B rows, one after the other.
    """
    count = prompts.shape[1]

    def insert(_: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        given = {**kwargs, "inputs_embeds": joined(prompts, kwargs["inputs_embeds"])}
        if (mask := kwargs.get("attention_mask")) is not None:
            given["attention_mask"] = torch.cat([mask.new_ones(len(mask), count), mask], 1)
        if (positions := kwargs.get("position_ids")) is not None:
            first = torch.arange(count, device=positions.device).expand(*positions.shape[:-1], -1)
            given["position_ids"] = torch.cat([first, positions + count], -1)
        return args, given

    def strip(_: nn.Module, args: Sequence[Any], output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[:, count:]
        return output

    yield from _while_hooked(
        [module.register_forward_pre_hook(insert, with_kwargs=True), module.register_forward_hook(strip)]
    )


@contextmanager
def before_layers(layers: Sequence[nn.Module], prompts: Tensor) -> Iterator[None]:
    """As `before_tokens`, for layers called one after the other by states [N, L, D] and a mask of what is seen.

    The mask is bool [N, 1, 1, L]; a layer gives a tuple whose first are its states.
    """
    count = prompts.shape[1]

    def widen(_: nn.Module, args: Sequence[Any]) -> tuple[Any, ...]:
        states, seen, *others = args
        return states, nn.functional.pad(seen, (count, 0), value=True), *others

    def insert(_: nn.Module, args: Sequence[Any]) -> tuple[Any, ...]:
        return joined(prompts, args[0]), *args[1:]

    def strip(_: nn.Module, args: Sequence[Any], output: Sequence[Any]) -> tuple[Any, ...]:
        return output[0][:, count:], *output[1:]

    yield from _while_hooked(
        [
            *(layer.register_forward_pre_hook(widen) for layer in layers),
            layers[0].register_forward_pre_hook(insert),
            layers[-1].register_forward_hook(strip),
        ]
    )


def joined(prompts: Tensor, tokens: Tensor) -> Tensor:
    """prompts [B, P, D] before tokens [N, L, D], in the type of these: [N, P + L, D]."""
    rows = prompts.to(tokens.dtype).repeat_interleave(len(tokens) // len(prompts), dim=0)
    return torch.cat([rows, tokens], 1)


def _while_hooked(handles: Sequence[RemovableHandle]) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
