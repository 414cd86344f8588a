"""The benchmark of a GPU, in the tiny form that a CPU does."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from benchmarks import gpu
from benchmarks.gpus.timing import union


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    folder = tmp_path_factory.mktemp("gpu")
    benchmark = gpu.Benchmark(folder, tiny=True)
    gpu.report(benchmark, ("steps", "packing"), Console(width=120, quiet=True), folder)
    found: dict[str, list[dict[str, object]]] = json.loads((folder / "gpu.json").read_text())
    return found


def test_every_model_has_a_bare_row_that_its_others_are_held_against(
    figures: dict[str, list[dict[str, float]]],
) -> None:
    bare = {
        row["model"]: row["pace"]["milliseconds"] for row in figures["steps"] if not row["adapters"] + row["loader"]
    }  # type: ignore[index]
    assert len(bare) == len(gpu.TINY)
    for row in figures["steps"]:
        assert row["pace"]["milliseconds"] / bare[row["model"]] == pytest.approx(row["against_bare"])  # type: ignore[index]
    assert {row["loader"] for row in figures["steps"]} == {True, False}


def test_packed_settings_have_the_gradients_of_settings_trained_one_by_one(
    figures: dict[str, list[dict[str, float]]],
) -> None:
    assert figures["packing"]
    assert all(row["apart"] < 1e-5 for row in figures["packing"])


def test_spans_that_overlap_count_once() -> None:
    assert union([(0, 2), (1, 3), (1, 2), (5, 6)]) == 4


def test_all_parts_have_a_table() -> None:
    assert set(gpu.TABLES) == set(gpu.PARTS)
