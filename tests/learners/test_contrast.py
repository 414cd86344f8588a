"""The contrastive losses: those of transformers' models, of several captions, and of a batch that workers share."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, normalize

from atlas.learners.contrast import Features, PairedFeatures, pairs_of, sigmoid_loss, softmax_loss
from atlas.learners.process_group import ProcessGroup

LOSSES = {"softmax": softmax_loss, "sigmoid": sigmoid_loss}
CAPTIONS = (("a", "b"), ("c",), ("d", "e", "b"), ("f",), ("g", "h"), ("i",))


def scaled(cosines: Tensor) -> Tensor:
    return 7 * cosines - 1


def features(captions: tuple[tuple[str, ...], ...], seed: int = 0) -> Features:
    """Random unit features, equal for equal texts; records with fewer captions are filled with the first."""
    source = torch.Generator().manual_seed(seed)
    most = max(map(len, captions))
    named = {text: torch.randn(5, generator=source) for text in sorted({one for row in captions for one in row})}
    texts = torch.stack([torch.stack([named[one] for one in (*row, *row[:1] * (most - len(row)))]) for row in captions])
    held = torch.tensor([[place < len(row) for place in range(most)] for row in captions])
    images = torch.randn(len(captions), 5, generator=source)
    return Features(normalize(images, dim=-1), normalize(texts, dim=-1), held)


def alone(captions: tuple[tuple[str, ...], ...]) -> PairedFeatures:
    return pairs_of(features(captions), captions, ProcessGroup())


def test_of_one_caption_each_the_losses_are_clip_s_and_siglip_s() -> None:
    single = tuple((str(number),) for number in range(6))
    pairs = alone(single)
    logits = scaled(pairs.own.images @ pairs.own.texts[:, 0].T)
    right = torch.arange(6)
    expected = (cross_entropy(logits, right) + cross_entropy(logits.T, right)) / 2
    assert torch.allclose(softmax_loss(pairs, scaled), expected)
    signs = 2 * torch.eye(6) - 1
    assert torch.allclose(sigmoid_loss(pairs, scaled), -logsigmoid(signs * logits).sum(1).mean())


def test_all_captions_of_a_picture_and_the_same_texts_elsewhere_are_right() -> None:
    pairs, (images, texts, _) = alone(CAPTIONS), features(CAPTIONS)
    words = [
        (record, text, texts[record, place]) for record, row in enumerate(CAPTIONS) for place, text in enumerate(row)
    ]
    logits = scaled(images @ torch.stack([row for *_, row in words]).T)
    of_image, of_text = [], []
    for record, captions in enumerate(CAPTIONS):
        right = [place for place, (_, text, _) in enumerate(words) if text in captions]
        of_image.append(-log_softmax(logits[record], 0)[right].mean())
        own = [place for place, (owner, *_) in enumerate(words) if owner == record]
        known = [[i for i, row in enumerate(CAPTIONS) if words[place][1] in row] for place in own]
        found = [-log_softmax(logits[:, place], 0)[right].mean() for place, right in zip(own, known, strict=True)]
        of_text.append(torch.stack(found).mean())
    expected = (torch.stack(of_image).mean() + torch.stack(of_text).mean()) / 2
    assert torch.allclose(softmax_loss(pairs, scaled), expected)
    signs = torch.tensor([[1.0 if text in row else -1.0 for _, text, _ in words] for row in CAPTIONS])
    shares = torch.tensor([1 / len(CAPTIONS[owner]) for owner, *_ in words])
    assert torch.allclose(sigmoid_loss(pairs, scaled), -(logsigmoid(signs * logits) * shares).sum(1).mean())


@pytest.mark.parametrize("loss", LOSSES.values())
def test_the_mean_of_two_workers_losses_is_that_of_the_joined_batch(loss: Any) -> None:
    """And so are the gradients; the workers' records have different numbers of captions."""
    own = features(CAPTIONS)
    leaves = [own.images.clone().requires_grad_(), own.texts.clone().requires_grad_()]
    whole = pairs_of(Features(*leaves, own.held), CAPTIONS, ProcessGroup())
    expected = loss(whole, scaled)
    gradients = torch.autograd.grad(expected, leaves)
    shares = [
        PairedFeatures(
            own=Features(*(one[rows] for one in whole.own)),
            every=whole.every,
            numbers=whole.numbers[rows],
            every_number=whole.every_number,
        )
        for rows in (slice(0, 6, 2), slice(1, 6, 2))
    ]
    found = torch.stack([loss(one, scaled) for one in shares]).mean()
    assert torch.allclose(found, expected)
    for one, other in zip(torch.autograd.grad(found, leaves), gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_places_without_a_caption_change_nothing(loss: Any) -> None:
    pairs = alone(CAPTIONS[3:4] + CAPTIONS[1:2])
    wide = pairs_of(
        Features(
            pairs.own.images,
            pairs.own.texts.expand(-1, 4, -1),
            torch.tensor([[True, False, False, False]] * 2),
        ),
        CAPTIONS[3:4] + CAPTIONS[1:2],
        ProcessGroup(),
    )
    assert torch.allclose(loss(wide, scaled), loss(pairs, scaled))
