"""Helpers of the twins' tests: probes that see a part of a record alone, and the content of a picture."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from atlas.tasks.offline.scenes import Scene
from atlas.tasks.offline.words import SHAPES
from atlas.tasks.sample import Picture, Record
from atlas.tasks.task import Task
from atlas.tasks.twins.pictures import COLORS

PROBED = {"train": 2000, "test": 1000}  # records


def scene(picture: Picture) -> Scene:
    """The scene that a twin's picture is drawn from."""
    assert isinstance(picture.open, functools.partial)
    found = picture.open.args[0]
    assert isinstance(found, Scene)
    return found


def records(task: Task, split: str) -> list[Record]:
    return [record for record, _ in zip(task.read(split, None), range(PROBED[split]), strict=False)]


def top(record: Record) -> int:
    """The class of a record: of a soft label the first with the highest score."""
    return record.label if isinstance(record.label, int) else max(record.label, key=lambda pair: pair[1])[0]


def seen(record: Record) -> list[float]:
    """All that a record's pictures show, as numbers: every colour, shape and place of each, and pairs of them."""
    found: list[float] = []
    for picture in record.pictures:
        shapes = scene(picture).shapes
        words = [{s.color, s.shape, s.row, s.column, f"{s.row} {s.column}"} for s in shapes]
        names = (*COLORS, *SHAPES, "top", "bottom", "left", "right", "top left", "bottom right")
        found += [float(sum(name in some for some in words)) for name in names]
        found += [float(any({c, s} <= some for some in words)) for c in COLORS for s in SHAPES]
        found.append(float(len(shapes)))
    return found


def _fit(train: object, labels: Sequence[int], test: object) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    return np.asarray(LogisticRegression(max_iter=200, C=0.1).fit(train, labels).predict(test))


def picture_score(task: Task, score: Callable[[Record, int], float]) -> float:
    """The score of a probe that is told all that the pictures show, and nothing of the texts."""
    train, test = records(task, "train"), records(task, "test")
    said = _fit([seen(r) for r in train], [top(r) for r in train], [seen(r) for r in test])
    return float(np.mean([score(record, int(label)) for record, label in zip(test, said, strict=True)]))


def text_score(task: Task, score: Callable[[Record, int], float]) -> float:
    """The score of a probe of words and pairs of words that never sees a picture."""
    from sklearn.feature_extraction.text import CountVectorizer

    train, test = records(task, "train"), records(task, "test")
    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit(r.texts[0] for r in train)
    features = [words.transform([r.texts[0] for r in part]) for part in (train, test)]
    said = _fit(features[0], [top(r) for r in train], features[1])
    return float(np.mean([score(record, int(label)) for record, label in zip(test, said, strict=True)]))


def choice_score(task: Task, reads: Callable[[str], str]) -> float:
    """The accuracy of a probe of `reads` of each choice's text, relative to the mean of its record's choices."""
    from sklearn.feature_extraction.text import CountVectorizer

    train, test = records(task, "train"), records(task, "test")
    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit(reads(t) for r in train for t in r.texts)

    def features(part: list[Record]) -> np.ndarray:
        counts = words.transform([reads(text) for r in part for text in r.texts]).toarray()
        every = counts.reshape(len(part), task.choices, -1).astype(np.float32)
        return np.asarray(every - every.mean(axis=1, keepdims=True))

    one, two = features(train), features(test)
    right = [place == record.label for record in train for place in range(task.choices)]
    from sklearn.linear_model import LogisticRegression

    probe = LogisticRegression(max_iter=200, C=0.1).fit(one.reshape(-1, one.shape[-1]), right)
    said = probe.decision_function(two.reshape(-1, two.shape[-1])).reshape(len(test), -1).argmax(axis=1)
    return float(np.mean([record.label == place for record, place in zip(test, said, strict=True)]))


def exact(record: Record, label: int) -> float:
    return float(record.label == label)


def soft(record: Record, label: int) -> float:
    assert not isinstance(record.label, int)
    return dict(record.label).get(label, 0.0)
