"""Riddles are right as often as wrong, and say it truly where that can be checked."""

from __future__ import annotations

import re
from random import Random

from atlas.backbones.pretraining.text_examples import COLORED, text_example
from atlas.backbones.pretraining.tokens import vocabulary
from atlas.tasks.offline.words import NUMBERS

TEXT_EXAMPLES = [text_example(Random(i)) for i in range(4000)]


def test_half_of_them_are_right() -> None:
    assert 0.45 < sum(right for _, right in TEXT_EXAMPLES) / len(TEXT_EXAMPLES) < 0.55


def test_numbers_and_colours_are_truly_right_or_wrong() -> None:
    checked = 0
    for text, right in TEXT_EXAMPLES:
        after = re.match(r"which number comes after (\w+) \? (\w+) \.", text)
        colour = re.match(r"what color is (\w+) \? (\w+) \.", text)
        if after:
            assert right == (NUMBERS.index(after[1]) + 1 == NUMBERS.index(after[2]))
        if colour:
            assert right == (COLORED[colour[1]] == colour[2])
        checked += bool(after or colour)
    assert checked > 50


def test_every_word_is_one_token() -> None:
    words = {word for text, _ in TEXT_EXAMPLES for word in text.split()}
    assert words <= set(vocabulary())
