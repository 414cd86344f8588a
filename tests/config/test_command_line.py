from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atlas.config.command_line import as_arguments, given_options, read_command_line
from atlas.config.options import GROUP_OF, Options
from atlas.config.run import RunOptions
from atlas.runtime.errors import AtlasError

GIVEN: dict[str, tuple[list[str], Any]] = {
    "tasks": (["--tasks", "digits", "easy-ve"], ("digits", "easy-ve")),
    "suite": (["--suite", "mtil"], "mtil"),
    "downstream": (["--downstream", "easy-pair"], ("easy-pair",)),
    "reference": (["--reference", "easy-pair"], "easy-pair"),
    "shots": (["--shots", "16", "5%"], ("16", "5%")),
    "twins": (["--twins"], True),
    "orders": (["--orders", "all"], ("all",)),
    "trials": (["--trials", "7"], 7),
    "seeds": (["--seeds", "1", "2"], (1, 2)),
    "seeds_as_needed": (["--seeds-as-needed"], True),
    "backbone": (["--backbone", "vilt-b32"], "vilt-b32"),
    "readout": (["--readout", "similarity"], "similarity"),
    "towers": (["--towers", "vision", "text"], ("vision", "text")),
    "learner": (["--learner", "ewc"], "ewc"),
    "tokens": (["--tokens", "20"], 20),
    "rank": (["--rank", "4"], 4),
    "settings_of": (["--settings-of", "adapter-1"], "adapter-1"),
    "tuned": (["--tuned", '{"name": "atlas"}'], '{"name": "atlas"}'),
    "steps": (["--steps", "9"], 9),
    "epochs": (["--epochs", "1.5"], 1.5),
    "batch_size": (["--batch-size", "32"], 32),
    "learning_rate": (["--learning-rate", "1e-3"], 1e-3),
    "decay": (["--decay", "constant"], "constant"),
    "precision": (["--precision", "float16"], "float16"),
    "max_gradient_norm": (["--max-gradient-norm", "1.5"], 1.5),
    "evaluate": (["--evaluate", "10", "0"], (10, 0)),
    "score_ahead": (["--score-ahead", "yes"], "yes"),
    "label_space": (["--label-space", "all"], "all"),
    "storage": (["--storage", "/s"], "/s"),
    "source": (["--source", "vqa=/v", "snli=/s"], ("vqa=/v", "snli=/s")),
    "tracking_uri": (["--tracking-uri", "http://h:5000"], "http://h:5000"),
    "fleets": (["--fleets", "3"], 3),
    "workers_per_fleet": (["--workers-per-fleet", "2"], 2),
    "min_workers_per_fleet": (["--min-workers-per-fleet", "1"], 1),
    "cpus_per_worker": (["--cpus-per-worker", "0.5"], 0.5),
    "gpus_per_worker": (["--gpus-per-worker", "0.25"], 0.25),
    "loaders": (["--loaders", "0"], 0),
    "cuda_graphs": (["--no-cuda-graphs"], False),
    "compile": (["--compile"], True),
    "deterministic": (["--deterministic"], True),
    "weights": (["--weights", "float32"], "float32"),
    "recompute": (["--recompute"], True),
    "checkpoint_every": (["--checkpoint-every", "5"], 5.0),
    "aim": (["--aim", "worst"], "worst"),
    "at_most": (["--at-most", "trained_parameters=2%", "forgetting=3"], ("trained_parameters=2%", "forgetting=3")),
    "at_least": (["--at-least", "average_accuracy=60"], ("average_accuracy=60",)),
    "stop_early": (["--stop-early", "median"], "median"),
    "before": (["--before", "digits,easy-ve"], ("digits,easy-ve",)),
    "first": (["--first", "digits"], "digits"),
    "last": (["--last", "digits,easy-ve"], "digits,easy-ve"),
    "together": (["--together", "modality"], ("modality",)),
    "subset_size": (["--subset-size", "3"], 3),
    "sampler": (["--sampler", "orders"], "orders"),
    "sharing": (["--no-sharing"], False),
    "dry_run": (["--dry-run"], True),
    "smoke": (["--smoke"], True),
    "resume": (["--resume"], "latest"),
    "changed": (["--changed"], True),
    "budget": (["--budget", "500steps"], "500steps"),
}


def read(*arguments: str) -> Options:
    return read_command_line("A question?", Options(), arguments).options


def test_every_option_is_tried_below() -> None:
    assert GROUP_OF.keys() == GIVEN.keys()


@pytest.mark.parametrize("name", GIVEN)
def test_each_option_is_read_and_changes_nothing_else(name: str) -> None:
    arguments, value = GIVEN[name]
    assert read(*arguments) == Options.of(**{name: value})
    assert Options().flat()[name] != value


@pytest.mark.parametrize("name", GIVEN)
def test_each_option_can_be_written_as_arguments_again(name: str) -> None:
    options = Options.of(**{name: GIVEN[name][1]})
    assert read(*as_arguments(options, Options())) == options


def test_nothing_given_leaves_the_defaults() -> None:
    assert read() == Options()
    assert read_command_line("?", Options.of(rank=3), []).options.training.rank == 3


def test_a_sweep_to_resume_can_be_named() -> None:
    assert read("--resume", "order-1").run.resume == "order-1"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_name_resumes_nothing_and_starts_nothing(empty: str) -> None:
    with pytest.raises(AtlasError, match="after '--resume' is empty; give its value, or leave the option out"):
        read("--resume", empty)
    with pytest.raises(AtlasError, match="--resume is given an empty text; name a sweep"):
        RunOptions(resume=empty)


def test_a_value_may_end_with_a_sign_of_equality() -> None:
    assert read("--backbone=/models/a=").training.backbone == "/models/a="


def test_one_seed_is_an_option_too() -> None:
    assert read("--seed", "5").search.seeds == (5,)


def test_one_order_is_an_option_too() -> None:
    found = read("--suite", "mtil", "--order", "I").search
    assert (found.suite, found.orders) == ("mtil", ("I",))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--taks", "digits"], "unknown option '--taks'. Did you mean '--tasks'"),
        (["--learning-rat=3", "--trails", "3"], "unknown option '--learning-rat'. Did you mean '--learning-rate'"),
        (["--save-confg", "x"], "unknown option '--save-confg'. Did you mean '--save-config'"),
        (["--sharing"], "unknown option '--sharing'. Did you mean '--no-sharing'"),
        (["--trials", "many"], "--trials is 'many'; give N, a whole number (see --help)"),
        (["--steps", "1.0"], "--steps is '1.0'; give N, a whole number (see --help)"),
        (["--seeds", "0", "x"], "--seeds is '0 x'; give SEED [SEED ...], a whole number (see --help)"),
        (["--evaluate", "20", "3.5"], "--evaluate is '20 3.5'; give VAL TEST, a whole number (see --help)"),
        (["--epochs", "two"], "--epochs is 'two'; give N, a number (see --help)"),
        (["--tokens", "nan"], "--tokens is 'nan'; give N, a whole number (see --help)"),
        (["--seeds", "1", "x"], "--seeds is '1 x'; give SEED [SEED ...]"),
        (["--evaluate", "3"], "--evaluate is '3'; give VAL TEST"),
        (["--aim", "best"], "--aim is 'best'; give mean, worst, q10, q25, q50"),
        (["--tasks"], "--tasks names none; give one or more"),
        (["--config"], "--config is ''; give FILE"),
        (["--batch-size", "-2"], "--batch-size is -2; give a whole number of 1 or more"),
        (["--loaders", "-1"], "--loaders is -1; give a number of threads up to 256, 0 for none"),
        (["--loaders", "1000000"], "--loaders is 1000000; give a number of threads up to 256"),
        (["--shots"], "--shots names none; give one or more"),
        (["--checkpoint-every", "-1"], "--checkpoint-every is -1.0; give seconds, 0 for never"),
        (["--trials", "0"], "--trials is 0; give 1 or more"),
        (["--trials", "1000000000"], "--trials is 1000000000; give at most 1000000"),
        (["--storage", ""], "'' after '--storage' is empty; give its value, or leave the option out"),
        (["--backbone="], "'--backbone=' is empty"),
        (["--fleets", "-1"], "--fleets is -1; give 1 or more"),
        (["--workers-per-fleet", "0"], "--workers-per-fleet is 0"),
        (["--min-workers-per-fleet", "0"], "--min-workers-per-fleet is 0"),
        (["--min-workers-per-fleet", "2"], "--min-workers-per-fleet is 2, more than --workers-per-fleet 1"),
        (["--evaluate", "-1", "3"], "give two numbers of records, 0 for all"),
        (["--seeds", "1", "1"], "--seeds are [1, 1]; give one or more, each once"),
        (["--tasks", "digits", "digits"], "the tasks digits, digits name one twice"),
        (["--downstream", "digits"], "the tasks easy-vqa, digits, easy-ve, piqa-twin, digits name one twice"),
        (["digits"], "unrecognized arguments: digits"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(AtlasError) as refused:
        read(*arguments)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_help_is_grouped_and_shows_the_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_command_line("A question?", Options.of(rank=3), ["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    at = [said.index(f"{group} options") for group in ("search", "training", "storage", "cluster", "run")]
    assert at == sorted(at)
    for phrase in ("A question?", "--seed SEED", "(default: 3)", "$ATLAS_STORAGE", "--resume [SWEEP]", "--no-sharing"):
        assert phrase in said


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import sys\nfrom atlas.config.command_line import Options, read_command_line\n"
        "try: read_command_line('?', Options(), ['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('torch', 'ray', 'mlflow', 'pydantic', 'yaml', 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_file_gives_the_defaults_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("search: {tasks: [digits, easy-ve], seeds: [1, 2]}\ntraining: {rank: 4}\n")
    options = read(f"--config={path}", "--rank", "8")
    assert options == Options.of(tasks=("digits", "easy-ve"), seeds=(1, 2), rank=8)
    assert read("--rank", "8", "--config", str(path)) == options


def test_values_that_only_hold_together_may_come_from_file_and_command_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("cluster: {workers_per_fleet: 4}\n")
    assert read("--config", str(path), "--min-workers-per-fleet", "3").cluster.min_workers_per_fleet == 3


def test_the_file_to_write_is_read_too() -> None:
    assert read_command_line("?", Options(), ["--save-config", "x.yaml"]).save_config == Path("x.yaml")
    assert read_command_line("?", Options(), []).save_config is None


def test_the_options_that_a_recorded_command_names_are_found_by_shortened_names_too() -> None:
    words = ["--tas", "a", "b", "--steps=3", "--no-sharing", "--seed", "1", "--resume", "--nonsense", "x", "--s", "y"]
    assert given_options(words) == {
        "tasks": ["a", "b"],
        "steps": ["3"],
        "sharing": [],
        "seeds": ["1"],
        "resume": [],
    }


@pytest.mark.parametrize("flag", ["--tasks", "--seeds", "--source"])
def test_a_list_that_is_given_twice_is_refused_as_its_first_part_would_be_lost(flag: str) -> None:
    with pytest.raises(AtlasError, match=f"{flag} is given 2 times; give it once, with all its values"):
        read_command_line("?", Options(), [flag, "1", f"{flag}=2"])
    assert read_command_line("?", Options(), ["--steps", "3", "--steps", "5"]).options.training.steps == 5


@pytest.mark.parametrize("flag", ["--towers", "--before", "--source", "--downstream", "--orders"])
def test_a_list_without_a_value_is_refused_unless_it_takes_away_a_sweeps_own(flag: str) -> None:
    with pytest.raises(AtlasError, match=f"{flag} has no value; give one or more, or leave the option out"):
        read_command_line("?", Options(), [flag, "--dry-run"])
    usual = Options.of(downstream=("easy-pair",))
    assert read_command_line("?", usual, ["--downstream"]).options.search.downstream == ()


def test_a_value_that_is_no_number_is_told_the_words_that_are_allowed_too() -> None:
    with pytest.raises(AtlasError, match="--batch-size is 'AUTO'; give N, a whole number, or auto"):
        read_command_line("?", Options(), ["--batch-size", "AUTO"])
    with pytest.raises(AtlasError, match=r"--aim is 'best'; give mean, worst, q10, q25, q50 \(see --help\)"):
        read_command_line("?", Options(), ["--aim", "best"])


def test_a_flag_may_be_given_though_a_file_or_the_sweep_has_it_on_and_can_be_turned_off(tmp_path: Path) -> None:
    usual = Options.of(dry_run=True, recompute=True, cuda_graphs=False)
    given = ["--dry-run", "--recompute", "--no-cuda-graphs"]
    assert read_command_line("?", usual, given).options == usual
    assert not read_command_line("?", usual, ["--no-dry-run"]).options.run.dry_run
    (tmp_path / "mine.yaml").write_text("run: {dry_run: true}")
    assert read_command_line("?", Options(), ["--config", str(tmp_path / "mine.yaml"), "--dry-run"]).options.run.dry_run


def test_two_files_of_options_are_refused() -> None:
    with pytest.raises(AtlasError, match="--config is given 2 times; give one file"):
        read_command_line("?", Options(), ["--config", "a.yaml", "--config=b.yaml"])
