"""The contract of a tracking sink: events arrive in order and once, however often they are replayed.

A new sink is tested by one more `View` below, which reads back what the sink shows.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking import (
    SINKS,
    Event,
    Sink,
    StepFinished,
    SweepFinished,
    SweepStarted,
    Tracker,
    TrialFinished,
    TrialStarted,
    TrialStep,
    default_tracking_uri,
    initialise,
    open_sink,
)
from atlas.tracking.event_lines import from_line
from atlas.tracking.mlflow import address as mlflow_address
from atlas.tracking.mlflow.notes import parse_steps
from tests.tracking.walks import STEPS, finished_step, two_trials

ROOT = Path(__file__).parents[2]


@cache
def _database(session: Path) -> str:
    """The address of one database for the session; a test has its own experiment."""
    address = default_tracking_uri(session / "mlflow")
    initialise(address, "first")
    return address


@pytest.fixture(scope="module", autouse=True)
def tables(mlflow_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """That database's tables, which take seconds to make."""
    folder = tmp_path_factory.getbasetemp() / "mlflow"
    folder.mkdir()
    shutil.copy(mlflow_tables, folder)


@dataclass(frozen=True)
class Shown:
    """A run as a sink shows it: its status, its metrics, the number of points of its curve, the steps of a trial."""

    status: str
    metrics: dict[str, float]
    points: int
    steps: tuple[str, ...] = ()


class MlflowView:
    """Reads MLflow's runs."""

    def __init__(self, folder: Path) -> None:
        self.address, self.unusable = _database(folder.parent), "http://me:hunter2@127.0.0.1:9"
        self.experiment = folder.name

    def read(self) -> dict[str, Shown]:
        """Key → run; fails where two have one key."""
        client = mlflow_address.connect(self.address)
        found = client.search_runs([client.get_experiment_by_name(self.experiment).experiment_id])
        runs = {
            run.data.tags["atlas.key"]: Shown(
                run.info.status,
                {name: value for name, value in run.data.metrics.items() if not name.startswith("setting/")},
                len(client.get_metric_history(run.info.run_id, "train/loss")),
                tuple(link.key for link in parse_steps(run.data.tags.get("atlas.steps"))),
            )
            for run in found
        }
        assert len(runs) == len(found)
        return runs


class JsonLinesView:
    """Reads lines of JSON, of a file or of objects."""

    def __init__(self, folder: Path) -> None:
        (folder / "file").write_text("")
        self.experiment = folder.name
        self.folder, self.address = folder / "lines", f"jsonl:{folder}/lines"
        self.unusable = f"jsonl:{folder}/file/lines"

    def events(self) -> list[Event]:
        """The events in the order of their lines."""
        files = sorted(path for path in self.folder.rglob("*.jsonl") if path.is_file())
        return [from_line(line) for path in files for line in path.read_bytes().splitlines()]

    def read(self) -> dict[str, Shown]:
        """Key → run, as a reader folds the lines: the last line of a start or an end counts."""
        runs: dict[str, Shown] = {}
        for event in self.events():
            old = runs.get(event.key, Shown("RUNNING", {}, 0))
            match event:
                case SweepStarted() | TrialStarted():
                    runs[event.key] = Shown("RUNNING", old.metrics, old.points, old.steps)
                case StepFinished():
                    assert event.key not in runs
                    scores = {name: value for name, value in event.scores.items() if value is not None}
                    last = {name: float(curve[-1].value or 0) for name, curve in event.curves.items()}
                    runs[event.key] = Shown(event.status, scores | last, len(event.curves["train/loss"]))
                case TrialStep():
                    metrics = old.metrics | {name: value for name, value in event.metrics.items() if value is not None}
                    runs[event.key] = Shown(old.status, metrics, old.points, (*old.steps, event.step))
                case TrialFinished() | SweepFinished():
                    metrics = old.metrics | {name: value for name, value in event.metrics.items() if value is not None}
                    runs[event.key] = Shown(event.status, metrics, old.points, old.steps)
        return runs


class ObjectsView(JsonLinesView):
    """The same where each line is an object, as in an object store."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.address, self.unusable = f"jsonl:file://{folder}/lines", f"jsonl:file://{folder}/file/lines"


VIEWS = {"mlflow": MlflowView, "jsonl": JsonLinesView, "jsonl objects": ObjectsView}
View = MlflowView | JsonLinesView


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> View:
    """A fresh address, and how to read what is shown there."""
    return VIEWS[request.param](tmp_path_factory.mktemp("sink"))


@pytest.fixture
def sink(view: View) -> Sink:
    return open_sink(view.address, view.experiment)


@pytest.fixture
def events() -> list[Event]:
    """Two trials that share a step, recorded by each."""
    return two_trials(finished_step)


WHOLE = {"sweep/s1", "trial/s1/t1", "trial/s1/t2", *STEPS}


def expect_whole(view: View) -> None:
    runs = view.read()
    assert set(runs) == WHOLE
    assert {run.status for run in runs.values()} == {"FINISHED"}
    assert {runs[key].points for key in STEPS} == {50}
    assert runs["k1"].metrics["test/latest/digits"] == 91.0
    assert runs["trial/s1/t1"].metrics == {"val/average": 78.0, "final": 78.0}
    assert (runs["trial/s1/t1"].steps, runs["trial/s1/t2"].steps) == (("k1", "k2"), ("k1", "k3"))
    assert runs["sweep/s1"].metrics == {"best": 78.0}


def test_events_are_shown_in_their_order_each_step_once(view: View, sink: Sink, events: list[Event]) -> None:
    for event in events:
        sink.apply(event)
    expect_whole(view)


@pytest.mark.parametrize("lives", [1, 2])
def test_a_replay_changes_nothing(view: View, sink: Sink, events: list[Event], lives: int) -> None:
    """Within one life of the sink and in the next, which remembers nothing."""
    for event in events:
        sink.apply(event)
    before = view.read()
    again = sink if lives == 1 else open_sink(view.address, view.experiment)
    for event in events:
        again.apply(event)
    assert view.read() == before


def test_a_replay_from_the_middle_changes_nothing(view: View, sink: Sink, events: list[Event]) -> None:
    """Its tracker was killed after an event had arrived, before that was noted."""
    for upto in range(1, len(events) + 1):
        sink.apply(events[upto - 1])
        if upto % 4 == 0:
            sink = open_sink(view.address, view.experiment)
            sink.apply(events[upto - 1])
    expect_whole(view)


def test_a_resumed_sweep_ends_as_if_it_had_not_been_cut_off(view: View, sink: Sink, events: list[Event]) -> None:
    for event in events[:4]:
        sink.apply(event)
    sink.apply(SweepFinished(sweep="s1", status="KILLED"))
    assert view.read()["sweep/s1"].status == "KILLED"
    for event in two_trials(finished_step):
        sink.apply(event)
    expect_whole(view)


KILLED = """
import os, signal
from importlib import import_module
from pathlib import Path
from atlas.tracking import Tracker, open_sink
from tests.tracking.walks import finished_step, record

def write(address, experiment, spool, after):
    sink, count = open_sink(address, experiment), [0]
    apply = sink.apply
    def counted(event):
        apply(event)
        count[0] += 1
        if count[0] == after:
            os.kill(os.getpid(), signal.SIGKILL)
    sink.apply = counted
    tracker = Tracker(sink, Path(spool))
    record(tracker, finished_step)
    tracker.flush(100)

for name in {imported!r}:
    import_module(name)
for case in {cases!r}:
    writer = os.fork()  # nothing is open yet
    if not writer:
        write(*case)
        os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", VIEWS)
def test_a_killed_writer_loses_nothing(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """kill -9 when so many events have arrived and the last of them is not acknowledged."""
    views = {after: VIEWS[kind](tmp_path_factory.mktemp("sink")) for after in (2, 5, 9)}
    spools = {after: str(tmp_path_factory.mktemp("spool")) for after in views}
    cases = [(view.address, view.experiment, spools[after], after) for after, view in views.items()]
    imported = ["mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store"] if kind == "mlflow" else []
    program = KILLED.format(cases=cases, imported=imported)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * len(cases)
    for after, view in views.items():
        tracker = Tracker(open_sink(view.address, view.experiment), Path(spools[after]))
        for event in two_trials(finished_step):  # the resumed sweep records everything again
            tracker.record(event)
        assert tracker.close(60.0)
        assert tracker.problems == []
        expect_whole(view)


def test_a_usable_address_passes_its_check_and_an_unusable_one_is_named(view: View, sink: Sink) -> None:
    sink.check()
    with pytest.raises(AtlasError) as refused:
        open_sink(view.unusable, view.experiment).check(timeout=2.0)
    assert "hunter2" not in str(refused.value)


def test_it_says_where_to_look_and_whether_it_registers_models(view: View, sink: Sink) -> None:
    assert sink.view("s1")
    assert "hunter2" not in open_sink(view.unusable, view.experiment).view("s1")
    assert sink.registry in (None, view.address)


def test_every_sink_of_the_catalogue_is_tested() -> None:
    tested = {view.partition(" ")[0] for view in VIEWS}
    assert set(SINKS) - set(mlflow_address.SCHEMES) | {"mlflow"} == tested


def test_an_address_of_no_sink_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"sqlite:////absolute.*jsonl:/absolute"):
        open_sink(f"file://{tmp_path}")
