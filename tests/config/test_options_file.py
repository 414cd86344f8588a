from __future__ import annotations

import json
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any

import pytest
import yaml

from atlas.config.options import Options
from atlas.config.options_file import SCHEMA, read_options_file, write_options_file
from atlas.runtime.errors import AtlasError

EVERY = Options.of(
    tasks=("digits", "easy-ve"),
    downstream=("easy-pair",),
    shots=("16", "5%"),
    orders=("all",),
    trials=3,
    seeds=(1, 2),
    aim="worst",
    learner="ewc",
    epochs=0.5,
    learning_rate=1e-4,
    evaluate=(3, 4),
    storage="/s",
    source=("vqa=/v",),
    fleets=2,
    cpus_per_worker=0.5,
    sharing=False,
    resume="x",
)


def kept(tmp_path: Path, content: Any, name: str = "mine.yaml") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("name", ["mine.yaml", "mine.yml", "mine.json"])
@pytest.mark.parametrize("options", [Options(), EVERY], ids=["defaults", "every"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str, options: Options) -> None:
    path = tmp_path / "folder" / name
    write_options_file(options, path)
    assert read_options_file(path) == options
    content = yaml.safe_load(path.read_text())
    assert content["schema"] == SCHEMA
    assert set(content) == {"schema", "search", "training", "storage", "cluster", "run"}


def test_what_a_file_leaves_out_is_as_in_the_defaults(tmp_path: Path) -> None:
    path = kept(tmp_path, "search: {seeds: [3], shots: [64]}\n")
    assert read_options_file(path, Options.of(rank=4, seeds=(1,))) == Options.of(rank=4, seeds=(3,), shots=("64",))
    assert read_options_file(kept(tmp_path, {}, "empty.json")) == Options()


def test_the_flat_file_of_an_earlier_sweep_is_read(tmp_path: Path) -> None:
    path = kept(tmp_path, json.dumps(EVERY.flat()), "options.json")
    assert read_options_file(path) == EVERY


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "training:\r\n  rank: 3\r\n"), ("a.json", '{"training":\r\n{"rank": 3}}\r\n')]
)
def test_a_file_may_begin_with_a_byte_order_mark_and_have_the_line_ends_of_windows(
    name: str, text: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(BOM_UTF8 + text.encode())
    assert read_options_file(tmp_path / name).training.rank == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("search: {taks: [digits]}", "unknown option in .*mine.yaml, search 'taks'. Did you mean 'tasks'"),
        ("serch: {tasks: [digits]}", "unknown option in .*mine.yaml 'serch'. Did you mean 'search'"),
        ("rnak: 3", "unknown option in .*mine.yaml 'rnak'. Did you mean 'rank'"),
        ("search: 3", "search is 3; give its options by name"),
        ("schema: 3", "has options of schema 3; this version reads 2"),
        ("[1, 2]", "holds no options by name"),
        ("search: {", "is neither YAML nor JSON"),
        ("training: {rank: many}", r"mine.yaml: training.rank is 'many': input should be a valid integer"),
        ("search: {aim: best}", "search.aim is 'best': input should be 'mean', 'worst', 'q10', 'q25' or 'q50'"),
        ("search: {seeds: [1, 1]}", r"mine.yaml: --seeds are \[1, 1\]; give one or more, each once"),
        ("training: {evaluate: [1]}", "training.evaluate.1 is"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message) as refused:
        read_options_file(kept(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_one_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"none.yaml cannot be read: No such file"):
        read_options_file(tmp_path / "none.yaml")
    (tmp_path / "file").write_text("")
    with pytest.raises(AtlasError, match="cannot be written"):
        write_options_file(Options(), tmp_path / "file" / "x.yaml")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", "search:\n  tasks: [digits]\n  tasks: [easy-ve]\n", "it has 'tasks' twice; give it once"),
        ("a.json", '{"training": {"steps": 1}, "training": {"steps": 2}}', "it has 'training' twice; give it once"),
        ("a.yaml", "cluster:\n  loaders: true\n", "cluster.loaders is true; give a number or a text"),
        ("a.yaml", "search:\n  seeds: [0, false]\n", "search.seeds is false; give a number or a text"),
        ("a.yaml", "search:\n  tasks: digits\n", "search.tasks is 'digits'; give a list: [digits]"),
    ],
)
def test_what_a_file_would_be_read_as_without_a_word_is_refused(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(AtlasError) as refused:
        read_options_file(kept(tmp_path, content, name))
    assert message in str(refused.value)
