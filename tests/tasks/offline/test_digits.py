from __future__ import annotations

import numpy as np

from atlas.tasks.offline.digits import DIGITS, SHARES, bundle, members


def test_the_splits_cover_all_images_once() -> None:
    every = sorted(image for images in members().values() for image in images)
    assert every == list(range(1797))


def test_every_digit_is_split_in_the_same_shares() -> None:
    labels = bundle()[1]
    for split, share in SHARES.items():
        counts = np.bincount(labels[list(members()[split])], minlength=10)
        assert np.abs(counts / np.bincount(labels) - share).max() < 0.01


def test_a_picture_is_the_bundled_image_at_full_contrast() -> None:
    from sklearn.datasets import load_digits

    record = next(DIGITS.read("train", None))
    drawn = np.asarray(record.pictures[0].open())
    original = load_digits().images[int(record.id)]
    assert drawn.shape == (8, 8)
    assert np.abs(drawn / 255 - original / 16).max() < 0.003
    assert bundle()[0].max() == 255


def test_images_and_labels_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    images, labels = bundle()
    assert (images == np.round(load_digits().images * (255 / 16))).all()
    assert (labels == load_digits().target).all()


def test_the_source_is_the_digest_of_the_table() -> None:
    assert len(DIGITS.sources(None)["sklearn digits"]) == 64
