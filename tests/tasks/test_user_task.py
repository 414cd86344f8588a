"""A task that a user brings: the example of the documentation, from its file to a sweep's options."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from optuna.trial import FixedTrial
from PIL import Image
from ray import cloudpickle

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.cli import main
from atlas.config.addresses import with_names
from atlas.config.experiment import Experiment
from atlas.data.prepare import prepare
from atlas.runtime.errors import AtlasError
from atlas.sweep import Options, Sweep
from atlas.sweep.folder import SweepFolder
from atlas.sweep.inputs import resolve_inputs
from atlas.tasks import SPLITS, TASKS, Broken, Record, find_task, task_address
from atlas.tasks.user_task import USER_TASKS

EXAMPLE = Path(__file__).parents[2] / "docs" / "own_task.py"
ADDRESS = f"{EXAMPLE}:TASK"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty photos, red or not, each asked about twice."""
    root = tmp_path / "photos"
    root.mkdir()
    rows = ["image,question,answer"]
    for i in range(40):
        Image.new("RGB", (20, 10), (200, 0, 0) if i % 2 else (0, 0, 200)).save(root / f"bild {i}.png")
        rows += [f'bild {i}.png,"Is it red, {word}?",{"yes" if i % 2 else "no"}' for word in ("really", "truly")]
    (root / "photos.csv").write_text("\n".join(rows), encoding="utf-8")
    return root


def write(path: Path, *, name: str = "photos", more: str = "") -> str:
    """A copy of the example whose task has another name, and its address."""
    path.write_text(EXAMPLE.read_text().replace('name="photos"', f'name="{name}"') + more)
    return f"{path}:TASK"


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) < 30


def test_the_example_is_prepared_from_its_csv(source: Path, tmp_path: Path) -> None:
    task = find_task(ADDRESS).at(source)
    processor = Processor.load(locate("vilt-tiny"))
    prepared = prepare(task, processor=processor, root=tmp_path / "data", source=source)
    assert sum(prepared.counts.values()) == 80
    assert all(count for count in prepared.counts.values())
    assert prepared.card.task == "photos"
    assert prepared.card.pictures["train"] * 2 == prepared.counts["train"]
    tables = [pa.ipc.open_file(prepared.path / f"{split}.arrow").read_all() for split in SPLITS]
    assert sorted(pa.concat_tables(tables)["label"].to_pylist()) == [0] * 40 + [1] * 40


def test_no_photo_is_in_two_splits(source: Path) -> None:
    task = find_task(ADDRESS)
    found = [{r.pictures[0].name for r in task.read(split, source) if isinstance(r, Record)} for split in SPLITS]
    assert sum(map(len, found)) == len(set.union(*found)) == 40


def test_what_the_csv_has_wrong_is_told_with_its_line(source: Path) -> None:
    more = ["gone.png,Is it?,yes", "../x.png,Is it?,yes", "bild 1.png,Is it?,perhaps", "bild 1.png"]
    with open(source / "photos.csv", "a", encoding="utf-8") as file:
        file.write("\n" + "\n".join(more))
    found = [record for split in SPLITS for record in find_task(ADDRESS).read(split, source)]
    told = {record.where: record.reason for record in found if isinstance(record, Broken)}
    assert set(told) == {f"photos.csv:{i}" for i in range(82, 86)}
    assert "there is no image 'gone.png'" in told["photos.csv:82"]
    assert "unknown label 'perhaps'" in told["photos.csv:84"]


def test_a_missing_csv_is_told_before_anything_is_read(source: Path) -> None:
    (source / "photos.csv").unlink()
    with pytest.raises(AtlasError, match="photos: 1 of 1 file is missing under .*: photos.csv. Export photos.csv"):
        find_task(ADDRESS).at(source)


def test_a_task_that_was_brought_is_known_by_its_name_from_then_on() -> None:
    with pytest.raises(AtlasError, match="unknown task 'photos'"):
        find_task("photos")
    task = find_task(ADDRESS)
    assert find_task("photos") is task
    assert find_task(ADDRESS).name == "photos"
    assert task_address("photos") == ADDRESS
    assert task_address("digits") == "digits"
    assert "photos" not in TASKS
    with pytest.raises(AtlasError, match="Did you mean 'photos'"):
        find_task("potos")


def test_a_relative_address_is_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    assert task_address(find_task("own_task.py:TASK").name) == ADDRESS


def test_a_task_that_was_brought_travels_without_its_file(source: Path, tmp_path: Path) -> None:
    address = write(tmp_path / "mine.py")
    task = find_task(address)
    packed = cloudpickle.dumps(task)
    (tmp_path / "mine.py").unlink()
    USER_TASKS.clear()
    records = list(cloudpickle.loads(packed).read("train", source))
    assert [record.id for record in records] == [record.id for record in task.read("train", source)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere.py:TASK", "there is no file .*nowhere.py; a task of your own is written FILE.py:NAME"),
        (str(EXAMPLE), "own_task.py names no task in the file: write .*own_task.py:NAME"),
        (f"{EXAMPLE}:TSK", "unknown task 'TSK'. Did you mean 'TASK'"),
        (f"{EXAMPLE}:LAYOUT", "unknown task 'LAYOUT'. Known: TASK"),
        (f"{EXAMPLE}:", "unknown task ''. Known: TASK"),
    ],
)
def test_an_address_that_leads_to_no_task_is_refused(address: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        find_task(address)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "holds no Task"),
        ("x = 1/0", "cannot be run: ZeroDivisionError: division by zero"),
        ("def (", "cannot be run: SyntaxError"),
        ("import a_module_that_is_not_there", "cannot be run: ModuleNotFoundError"),
        ("import sys; sys.exit(3)", "cannot be run: SystemExit: 3"),
    ],
)
def test_a_file_that_cannot_serve_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(AtlasError, match=message):
        find_task(f"{tmp_path / 'mine.py'}:TASK")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("answers='noyes'", "its answers are a str, 'noyes'; give a tuple"),
        ("answers=7", "its answers are a int, 7; give a tuple"),
        ("version='1'", "its version is '1'; give a whole number"),
        ("chance=float('nan')", "its chance is nan; give the percentage that guessing scores, 0 to 100"),
        ("chance=-1.0", "its chance is -1.0"),
        ("templates=('a photo',)", "its template is 'a photo'; give a text with one"),
    ],
)
def test_fields_that_nothing_could_be_made_of_are_refused(tmp_path: Path, field: str, message: str) -> None:
    more = f"\nfrom dataclasses import replace\nTASK = replace(TASK, {field})\n"
    with pytest.raises(AtlasError, match=message):
        find_task(write(tmp_path / "mine.py", more=more))
    assert USER_TASKS == {}


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="another task has the name 'digits'; give this one another"):
        find_task(write(tmp_path / "mine.py", name="digits"))
    find_task(ADDRESS)
    with pytest.raises(AtlasError, match="another task has the name 'photos'"):
        find_task(write(tmp_path / "mine.py"))
    with pytest.raises(AtlasError, match="name one twice"):
        with_names(Options.of(tasks=(ADDRESS, "photos")))


@pytest.mark.parametrize("name", ["keys", "v1.0", "../up", "a,b", "a=b", "", "2024", "%41", "atlas_key", "x/y"])
def test_a_name_that_could_not_be_kept_is_refused_where_the_file_is_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(AtlasError, match="the task's name is"):
        find_task(write(tmp_path / "mine.py", name=name))
    assert USER_TASKS == {}


@pytest.mark.parametrize("name", ["output", "dense", "layer", "embeddings", "pooler"])
def test_a_name_of_the_backbones_own_modules_is_refused_before_anything_is_prepared(
    tmp_path: Path, storage: Path, name: str
) -> None:
    find_task(write(tmp_path / "mine.py", name=name))
    with pytest.raises(AtlasError, match=f"the task's name is '{name}', as that of a module of the backbone vilt-tiny"):
        resolve_inputs(with_names(Options.of(tasks=(name,))))
    assert not (storage / "data").exists()


def test_a_name_of_a_metric_is_refused_before_anything_is_prepared(tmp_path: Path, storage: Path) -> None:
    find_task(write(tmp_path / "mine.py", name="average_accuracy"))
    with pytest.raises(AtlasError, match="the task's name is 'average_accuracy', as that of a metric"):
        resolve_inputs(with_names(Options.of(tasks=("average_accuracy",))))
    assert not (storage / "data").exists()


def test_steps_know_the_task_by_its_name(source: Path, storage: Path) -> None:
    options = with_names(Options.of(tasks=("digits", ADDRESS), orders=("photos,digits",), source=(f"photos={source}",)))
    assert options.search.tasks == ("digits", "photos")
    sweep = Sweep(name="toy", question="?")
    proposal = Experiment(sweep=sweep, options=options).propose(FixedTrial({}))
    assert proposal.orders == (("photos", "digits"),)
    inputs = resolve_inputs(options.changed(tasks=("photos",)))
    assert sum(inputs.sizes.values()) + sum(inputs.prepared["photos"].counts[s] for s in ("val", "test")) == 80
    assert set(inputs.step_inputs.data) == {"photos"}


def test_an_interrupted_sweep_finds_the_task_again_in_another_process(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "toy", with_names(Options.of(tasks=("digits", ADDRESS))))
    USER_TASKS.clear()
    assert json.loads((folder.path / "options.json").read_text())["search"]["tasks"] == ["digits", ADDRESS]
    assert with_names(folder.options()).search.tasks == ("digits", "photos")


def test_the_command_line_prepares_it(source: Path, storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["prepare", ADDRESS, "--source", str(source)])
    assert "train 62" in capsys.readouterr().out
    shutil.rmtree(source)
    with pytest.raises(SystemExit):
        main(["prepare", f"{EXAMPLE}:TSK", "--source", str(EXAMPLE.parent)])
    assert "Did you mean 'TASK'" in capsys.readouterr().err
