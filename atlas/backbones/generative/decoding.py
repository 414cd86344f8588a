"""Decoding: the likelihood of given answers, and answers that a model writes itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from atlas.adapters.scope import AlphaScope
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.generative.sequences import Sequences

TOKENS_AT_ONCE = 2**16  # of all sequences of a pass that nothing is learnt from


def likelihoods(
    backbone: GenerativeBackbone, pixels: Tensor, tokens: Tensor, mask: Tensor, *, longest: int | None = None
) -> Tensor:
    """log p of each answer given its prompt, and the number of its tokens: [B, C, 2], float32.

    pixels uint8 [B, I, 3, S, S]; tokens [B, C, L] and mask bool [B, C, L], of prompts with an answer each. The answer's
    end is one of its tokens. longest: the most tokens of an answer; without it a GPU is waited for.
    """
    if not torch.is_grad_enabled():
        parts = _parts(backbone, pixels, tokens)
        return torch.cat([_likelihoods(backbone, pixels[part], tokens[part], mask[part], longest) for part in parts])
    return _likelihoods(backbone, pixels, tokens, mask, longest)


def _likelihoods(
    backbone: GenerativeBackbone, pixels: Tensor, tokens: Tensor, mask: Tensor, longest: int | None
) -> Tensor:
    sequences = backbone.sequences(tokens.flatten(0, 1), mask.flatten(0, 1), images=pixels.shape[1])
    states = backbone.decode(sequences, backbone.embed(sequences, pixels))
    answer = sequences.mask & ~sequences.prompt
    width = longest or int(answer.sum(1).max())
    places = answer.int().argsort(dim=1, descending=True, stable=True)[:, :width]
    before = places - 1  # the place before an answer's first token is nobody's, the one before that its prompt's end
    before = (before - (~sequences.mask.gather(1, before.clamp_min(0))).long()).clamp_min(0)
    states = states[torch.arange(len(states), device=states.device)[:, None], before]
    found = _token_likelihoods(backbone, states, sequences.tokens.gather(1, places))
    valid = answer.gather(1, places)
    sums = torch.stack([found.masked_fill(~valid, 0).sum(1), valid.sum(1).float()], dim=-1)
    return sums.view(*tokens.shape[:2], 2)


def _token_likelihoods(backbone: GenerativeBackbone, states: Tensor, tokens: Tensor) -> Tensor:
    """log p of tokens [N, A] by the states before them [N, A, D]: [N, A], float32."""
    logits = backbone.output(states).float()
    return -nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)


def answer_likelihoods(
    backbone: GenerativeBackbone, pixels: Tensor, tokens: Tensor, mask: Tensor, answers: Tensor
) -> Tensor:
    """As `likelihoods`, of the same K answers after every prompt: [B, K, 2]. A prompt is read once.

    tokens [B, 1, L] and mask [B, 1, L], of prompts; answers long [K, A], padded with −1. For no gradients.
    """
    found = []
    for part in _parts(backbone, pixels, tokens, follow=answers.shape[1], times=len(answers)):
        prompt = Prompted.read(backbone, pixels[part], tokens[part, 0], mask[part, 0])
        most = max(1, TOKENS_AT_ONCE // (prompt.mask.numel() + len(prompt.last) * answers.shape[1]))
        found.append(torch.cat([_after(prompt, some) for some in answers.split(most)], 1))
    return torch.cat(found)


def _after(prompt: Prompted, answers: Tensor) -> Tensor:
    """log p of answers [K, A] after prompts, and their numbers of tokens: [B, K, 2]."""
    valid, given = answers >= 0, answers.clamp_min(0)
    records, count = len(prompt.last), len(answers)
    first = prompt.backbone.output(prompt.last).float().log_softmax(-1)[:, given[:, 0]]
    total = torch.stack([first, valid.sum(1).expand(records, -1).float()], dim=-1)
    if answers.shape[1] > 1:
        given, valid = (one.repeat(records, 1) for one in (given, valid))
        states = prompt.repeated(count).follow(given[:, :-1], valid[:, :-1])
        later = _token_likelihoods(prompt.backbone, states, given[:, 1:]).masked_fill(~valid[:, 1:], 0)
        total[..., 0] += later.sum(1).view(records, count)
    return total


def generate(
    backbone: GenerativeBackbone, pixels: Tensor, tokens: Tensor, mask: Tensor, *, most: int, end: int
) -> list[list[int]]:
    """The tokens that each prompt is continued with, greedily: until `end`, which is left out, or `most` of them.

    pixels uint8 [B, I, 3, S, S]; tokens [B, 1, L] and mask bool [B, 1, L], of prompts.
    """
    found: list[list[int]] = []
    for part in _parts(backbone, pixels, tokens, follow=most):
        prompt = Prompted.read(backbone, pixels[part], tokens[part, 0], mask[part, 0])
        for row in _continued(prompt, most, end).tolist():
            found.append(row[: row.index(end)] if end in row else row)
    return found


def _continued(prompt: Prompted, most: int, end: int) -> Tensor:
    """long [B, at most `most`]: all `end` once a sequence has ended."""
    written: list[Tensor] = []
    state, ended = prompt.last, torch.zeros(len(prompt.last), dtype=torch.bool, device=prompt.last.device)
    for number in range(most):
        token = prompt.backbone.output(state).argmax(1).masked_fill(ended, end)
        written.append(token)
        ended = ended | (token == end)
        if number == most - 1 or bool(ended.all()):
            break
        state = prompt.follow(token[:, None], torch.ones_like(token[:, None], dtype=torch.bool))[:, 0]
    return torch.stack(written, 1)


@dataclass(kw_only=True)
class Prompted:
    """A batch of prompts that a decoder has read: its cache, the α of its sites, the states at their ends.

    last: [N, D]. mask: bool [N, K], of the cache's tokens. next: long [N], or [axes, N]: the next token's position.
    """

    backbone: GenerativeBackbone
    scope: AlphaScope
    cache: DynamicCache
    last: Tensor
    mask: Tensor
    next: Tensor

    @classmethod
    def read(cls, backbone: GenerativeBackbone, pixels: Tensor, tokens: Tensor, mask: Tensor) -> Prompted:
        """Prompts [N, L] are padded on their left, as decoding needs them."""
        sequences: Sequences = backbone.sequences(tokens, mask, images=pixels.shape[1]).left_padded()
        scope, cache = AlphaScope(sequences.prompt, keeps=True), DynamicCache(config=backbone.decoder.config)
        states = backbone.decode(sequences, backbone.embed(sequences, pixels), scope=scope, cache=cache)
        following = backbone.positions(sequences)[..., -1] + 1
        return cls(backbone=backbone, scope=scope, cache=cache, last=states[:, -1], mask=sequences.mask, next=following)

    def follow(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The states [N, A, D] of tokens [N, A] that follow; those without mask are padding at their ends."""
        self.mask = torch.cat([self.mask, mask], 1)
        steps = torch.arange(tokens.shape[1], device=tokens.device)
        positions = self.next[..., None] + steps
        self.next = self.next + tokens.shape[1]
        return self.backbone.states(
            self.backbone.decoder.get_input_embeddings()(tokens),
            mask=self.mask,
            positions=positions,
            scope=self.scope,
            cache=self.cache,
        )

    def repeated(self, count: int) -> Prompted:
        """Each prompt `count` times in a row, in a cache of its own."""
        cache = deepcopy(self.cache)
        cache.batch_repeat_interleave(count)
        scope = AlphaScope(keeps=True)
        scope.kept = {name: alpha.repeat_interleave(count, 0) for name, alpha in self.scope.kept.items()}
        return Prompted(
            backbone=self.backbone,
            scope=scope,
            cache=cache,
            last=self.last.repeat_interleave(count, 0),
            mask=self.mask.repeat_interleave(count, 0),
            next=self.next.repeat_interleave(count, -1),
        )


def _parts(
    backbone: GenerativeBackbone, pixels: Tensor, tokens: Tensor, *, follow: int = 0, times: int = 1
) -> Iterator[slice]:
    """The records in parts, so that all sequences of a part have TOKENS_AT_ONCE tokens, or are of one record.

    A sequence is read `times` times, and so many tokens `follow` it each time.
    """
    expansion = pixels.shape[1] * (len(backbone.expansion) - 1)
    each = tokens.shape[1] * (tokens.shape[2] + expansion + follow) * times
    size = max(1, TOKENS_AT_ONCE // each)
    for start in range(0, len(tokens), size):
        yield slice(start, start + size)


def padded(answers: Sequence[Sequence[int]], fill: int) -> Tensor:
    """long [K, A]: answers of different lengths."""
    width = max(map(len, answers))
    return torch.tensor([[*one, *[fill] * (width - len(one))] for one in answers])
