"""The seams of docs/extending.md: each block of code is written to a file as it stands on the page, and used."""

from __future__ import annotations

import importlib.util
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from atlas.runtime.errors import AtlasError
from atlas.storage.store import Store
from tests.docs.markdown import ROOT, code_of
from tests.e2e.commands import SMALL, WAIT, environment
from tests.e2e.storages import copy_of
from tests.small import SCHEDULE, World, weights

PAGE = ROOT / "docs" / "extending.md"
BLOCKS = dict(code_of(PAGE.read_text()))
LONGEST = 36  # lines of a block, blank ones not counted


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Write a block to a file of its title."""

    def write(title: str) -> Path:
        path = tmp_path / title
        path.parent.mkdir(exist_ok=True)
        path.write_text(BLOCKS[title])
        return path

    return write


def module_of(path: Path) -> ModuleType:
    """The file, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("title", BLOCKS)
def test_a_seam_takes_few_lines(title: str) -> None:
    assert title, "a block without a file's name is not run"
    assert sum(bool(line.strip()) for line in BLOCKS[title].splitlines()) <= LONGEST


def test_every_block_is_used_here() -> None:
    source = Path(__file__).read_text()
    assert [title for title in BLOCKS if not re.search(rf"written\(['\"]{title}", source)] == []


def test_a_task_is_prepared(written: Callable[[str], Path], tmp_path: Path) -> None:
    from atlas.backbones import locate
    from atlas.backbones.processor import Processor
    from atlas.data.prepare import prepare
    from atlas.tasks import find_task

    task = find_task(f"{written('parity.py')}:TASK")
    prepared = prepare(task, processor=Processor.load(locate("vilt-tiny")), root=tmp_path / "data")
    assert sum(prepared.counts.values()) == 900
    assert min(prepared.counts.values()) > 50


def test_a_learner_is_trained(written: Callable[[str], Path], small_world: World, tmp_path: Path) -> None:
    from atlas.learners import find_learner, learner_from

    kind = find_learner(f"{written('small_adapter.py')}:SmallAdapter")
    sizes = []
    for strength in (0.0, 100.0):
        learner = replace(kind(), schedule=SCHEDULE, strength=strength)  # type: ignore[call-arg]
        assert learner_from(learner.settings()) == learner
        store = Store.open(str(tmp_path / f"store-{strength}"))
        steps = small_world.walk("digits", "easy-vqa", learner=learner)
        small_world.learn(steps, store)
        found = weights(store, steps[-1])
        sizes.append(float(sum(found[name].square().sum() for name in found if name.startswith("adapter/"))))
    assert 0 < sizes[1] < sizes[0]


def test_a_metric_is_reported_on_its_routes_and_where_it_is_shown(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from atlas.metrics import METRICS, Undefined, order_metrics
    from atlas.report.page import render_page
    from tests.contracts.test_metric import test_better_is_better, test_it_says_what_it_computes_and_where_it_is_shown
    from tests.report.conftest import invented_summary, typed

    (metric,) = module_of(written("worst_task.py")).METRICS
    monkeypatch.setitem(METRICS, metric.name, metric)
    latest, own = [[90.0, math.nan], [60.0, 70.0]], [[90.0, math.nan], [90.0, 70.0]]
    found = order_metrics(latest, own)
    assert found["latest/worst_task"] == 60
    assert found["own/worst_task"] == 70
    for where in ("leaderboard", "tracking", "table"):
        assert "latest/worst_task" in found.shown(where).values
    assert isinstance(order_metrics([[math.nan]], None).values["latest/worst_task"], Undefined)
    test_it_says_what_it_computes_and_where_it_is_shown(metric)
    test_better_is_better(metric)
    page = render_page(typed(invented_summary()))
    assert "Worst task" in page
    assert "A_min" in page


def test_a_sink_gets_each_step_once(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from atlas import tracking
    from tests.tracking.walks import STEPS, finished_step, record

    sink = module_of(written("csv_sink.py")).CsvSink
    monkeypatch.setattr(tracking, "SINKS", {**tracking.SINKS, "csv": sink})
    address = f"csv:{tmp_path / 'steps.csv'}"
    tracking.check_tracking(address)
    with pytest.raises(AtlasError, match="there is no folder"):
        tracking.check_tracking("csv:/nowhere/at/all.csv")
    for spool in ("first", "resumed"):
        tracker = tracking.Tracker(tracking.open_sink(address), tmp_path / spool)
        record(tracker, finished_step)
        assert tracker.close()
    assert [row.split(",")[0] for row in (tmp_path / "steps.csv").read_text().splitlines()] == list(STEPS)


@pytest.mark.slow
def test_a_sampler_and_a_scheduler_are_planned_by_the_wheels_command_line_from_any_folder(
    written: Callable[[str], Path], quiet: Path, tmp_path: Path
) -> None:
    """A search by them is made in `tests/search/test_seams.py`, which has a cluster."""
    file, storage = written("random_ranks.py"), copy_of(quiet, tmp_path / "storage", "data", "store")
    few = ("--trials", "2", "--orders", "1", "--dry-run", "--storage", str(storage))
    done = subprocess.run(
        [sys.executable, "-m", "atlas.cli", "sweep", str(file), *SMALL, *few],
        env=environment(PYTHONPATH=str(ROOT)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Plan of the sweep random-ranks" in done.stdout


def test_a_backbone_of_a_new_family_is_trained_on(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_folder: Path
) -> None:
    from transformers import BertConfig, BertModel

    from atlas.backbones.families import FAMILIES, Family, encoder_shapes
    from atlas.tasks import TASKS
    from tests.small import make_world

    written("bert/backbone.py")
    written("bert/cost.py")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FAMILIES, "bert", Family("bert"))
    folder = tmp_path / "tiny-bert"
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=40, image_size=8, **sizes)).save_pretrained(folder)
    shutil.copy(small_folder / "tokenizer.json", folder)
    (shape,) = encoder_shapes(folder)
    assert shape.depth == 2
    world = make_world(folder, tmp_path / "data", [TASKS["piqa-twin"], TASKS["easy-vqa"]])
    store = Store.open(str(tmp_path / "store"))
    assert (
        len(world.learn(world.walk("piqa-twin", "easy-vqa"), store)) == 3
    )  # the first task has no experience to train on
