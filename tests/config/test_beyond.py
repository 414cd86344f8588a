from __future__ import annotations

from typing import Any

import pytest

from atlas.config.beyond import beyond_of
from atlas.config.options import Options
from atlas.runtime.errors import AtlasError
from atlas.steps.beyond import Beyond
from atlas.tasks.suites import find_suite

BY_NAME: dict[str, Any] = {"backbone": "clip-tiny", "readout": "similarity"}
TWINS = find_suite("xtail-twin").tasks


def test_a_suite_whose_figures_take_them_has_them_by_default() -> None:
    mtil = Options.of(suite="mtil-twin", tasks=find_suite("mtil-twin").tasks, **BY_NAME)
    assert beyond_of(mtil) == Beyond(ahead=True)
    xtail = Options.of(suite="xtail-twin", tasks=TWINS, **BY_NAME)
    assert beyond_of(xtail) == Beyond(ahead=True, label_space=tuple(sorted(TWINS)))
    assert beyond_of(xtail.changed(score_ahead="no", label_space="none")) is None
    assert beyond_of(xtail.changed(readout="head")) is None
    assert beyond_of(Options.of(tasks=TWINS, **BY_NAME)) is None


def test_they_can_be_asked_for() -> None:
    asked = Options.of(tasks=("digits", "easy-vqa"), score_ahead="yes", label_space="all", **BY_NAME)
    assert beyond_of(asked) == Beyond(ahead=True, label_space=("digits",))  # easy-vqa's pictures come with a question
    learnt = asked.changed(score_ahead="no", label_space="learnt")
    assert beyond_of(learnt) == Beyond(label_space=("digits",), growing=True)
    words = Options.of(tasks=("easy-vqa",), backbone="vlm-tiny", readout="likelihood", score_ahead="yes")
    assert beyond_of(words) == Beyond(ahead=True)


def test_what_a_readout_cannot_give_is_refused() -> None:
    with pytest.raises(AtlasError, match="--score-ahead yes: the readout 'head' answers no task before it is learnt"):
        beyond_of(Options.of(score_ahead="yes"))
    with pytest.raises(AtlasError, match="--label-space all: the readout 'head' has no classes"):
        beyond_of(Options.of(label_space="all"))
    with pytest.raises(AtlasError, match="none of easy-vqa names pictures by classes alone"):
        beyond_of(Options.of(tasks=("easy-vqa",), label_space="all", **BY_NAME))
    with pytest.raises(AtlasError, match="'sometimes' is no value of --score-ahead|--score-ahead"):
        Options.of(score_ahead="sometimes")
