from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atlas.learners import learner_digest
from atlas.learners.user_learner import USER_LEARNERS, USER_STAGES
from atlas.reproduce.learner import check_learners, load_recorded_learner
from atlas.reproduce.lookup import recorded_from
from atlas.reproduce.recorded_run import RecordedRun
from atlas.reproduce.replay import ClusterOverrides, replay_of
from atlas.runtime.errors import AtlasError
from tests.report.conftest import typed
from tests.reproduce.conftest import SMALL, SWEEPS, invented

NAME = "spring-adapter"
EXAMPLE = Path(__file__).parents[2] / "docs" / "own_learner.py"


def forget() -> None:
    """Forget the user-defined learner, as another process knows the catalogue alone."""
    USER_LEARNERS.pop(NAME, None)
    USER_STAGES.pop("spring", None)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """The example of a learner of one's own, in a file of the test's; forgotten afterwards."""
    path = tmp_path / "mine.py"
    path.write_text(EXAMPLE.read_text())
    forget()
    yield path
    forget()


@pytest.fixture
def recorded(file: Path, tmp_path: Path) -> RecordedRun:
    """A run with that learner, as another process finds it."""
    summary = invented(SWEEPS / "task_order.py", *SMALL, "--learner", f"{file}:SpringAdapter")
    assert summary["origin"]["learners"] == {NAME: learner_digest(NAME)}
    forget()
    return recorded_from(typed(summary), None, tmp_path)


def test_it_is_brought_from_the_recorded_file_and_its_steps_are_the_recorded_ones(
    recorded: RecordedRun, file: Path
) -> None:
    assert recorded.learner == f"{file}:SpringAdapter"
    load_recorded_learner(recorded)
    replay = replay_of(recorded, SWEEPS / "task_order.py", ClusterOverrides())
    assert replay.options.training.learner == NAME
    arguments = replay.invocation.arguments
    assert arguments[arguments.index("--learner") + 1] == f"{file}:SpringAdapter"


def test_a_file_that_was_changed_is_refused(recorded: RecordedRun, file: Path) -> None:
    text = file.read_text()
    file.write_text(f"{text}\n# one more line\n")
    with pytest.raises(AtlasError, match=f"mine.py of the learner '{NAME}' was changed since the run: sha256 recorded"):
        load_recorded_learner(recorded)
    with pytest.raises(AtlasError, match="was changed since the run"):
        replay_of(recorded, SWEEPS / "task_order.py", ClusterOverrides())
    file.write_text(text)
    load_recorded_learner(recorded)
    check_learners(recorded)


def test_a_file_that_is_gone_is_asked_for_and_may_have_moved(recorded: RecordedRun, file: Path, tmp_path: Path) -> None:
    moved = file.rename(tmp_path / "moved.py")
    with pytest.raises(AtlasError, match=r"there is no file .*mine.py; .* name its file: --learner FILE.py:NAME"):
        load_recorded_learner(recorded)
    load_recorded_learner(recorded, f"{moved}:SpringAdapter")
    assert recorded.summary.origin is not None
    assert learner_digest(NAME) == recorded.summary.origin.learners[NAME]


def test_another_learner_is_refused(recorded: RecordedRun, file: Path, summary: dict[str, Any], tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(EXAMPLE.read_text().replace(NAME, "another").replace('"spring"', '"jump"'))
    with pytest.raises(AtlasError, match=f"is the learner 'another'; the run a-sweep is of '{NAME}'"):
        load_recorded_learner(recorded, f"{other}:SpringAdapter")
    with pytest.raises(AtlasError, match="is of 'atlas'"):
        load_recorded_learner(recorded_from(typed(summary), None, tmp_path), f"{other}:SpringAdapter")
