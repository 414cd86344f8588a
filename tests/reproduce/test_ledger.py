from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas.reproduce.figures import figures_of
from atlas.reproduce.ledger import add_entry, find_entry, read_ledger
from atlas.runtime.errors import AtlasError
from tests.report.conftest import typed
from tests.reproduce.conftest import SMALL, keep

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ledger(summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with one entry."""
    monkeypatch.chdir(ROOT)
    summary["settings"] |= {"storage": "/home/me/atlas", "source": ["vqa=/data/vqa"]}
    summary["sweep"]["command"] += " --storage /home/me/atlas"
    summary["sweep"] |= {"view": "mlflow ui /home/me/atlas", "tracking_uri": "sqlite:////home/me/atlas/mlflow.db"}
    summary["next"] = [
        {"why": "ties", "command": "python sweeps/task_order.py --storage /home/me/atlas", "steps": 3, "seconds": 1.0}
    ]
    add_entry(tmp_path / "ledger.json", "small", keep(summary, tmp_path))
    return tmp_path / "ledger.json"


def altered(ledger: Path, change: Any) -> Path:
    found = json.loads(ledger.read_text())
    change(found["entries"]["small"])
    ledger.write_text(json.dumps(found))
    return ledger


def test_an_entry_keeps_the_figures_and_all_that_checks_them_but_no_place(
    ledger: Path, summary: dict[str, Any]
) -> None:
    entry = find_entry(ledger, "small")
    assert entry.command == " ".join(["python", "sweeps/task_order.py", *SMALL])
    assert entry.figures == figures_of(typed(summary))
    assert [row.R for row in entry.run.trials] == [row.R for row in typed(summary).trials]
    assert entry.fingerprints.keys() == {"digits", "piqa-twin"}
    assert entry.machine is not None
    assert entry.machine.model_dump(mode="json") == summary["origin"]["machine"]
    assert "/home/me" not in ledger.read_text()
    assert "/data" not in ledger.read_text()


def test_a_figure_that_was_typed_is_found(ledger: Path) -> None:
    def change(entry: dict[str, Any]) -> None:
        entry["figures"][0]["value"] += 0.1

    with pytest.raises(AtlasError, match=r"says what does not follow from its run: figure .*average_accuracy"):
        read_ledger(altered(ledger, change))


@pytest.mark.parametrize(
    ("part", "other"), [("command", "other"), ("versions", {"torch": "other"}), ("backbone", "other")]
)
def test_facts_that_do_not_follow_from_the_run_are_found(ledger: Path, part: str, other: Any) -> None:
    with pytest.raises(AtlasError, match=f"does not follow from its run: {part}"):
        read_ledger(altered(ledger, lambda entry: entry.update({part: other})))


def test_a_run_that_is_not_whole_is_found(ledger: Path) -> None:
    with pytest.raises(AtlasError, match=r"entries\.small\.run\.seeds is missing"):
        read_ledger(altered(ledger, lambda entry: entry["run"].pop("seeds")))


def test_an_unfinished_sweep_has_nothing_to_publish(summary: dict[str, Any], ledger: Path, tmp_path: Path) -> None:
    summary["sweep"] |= {"status": "KILLED", "id": "killed"}
    with pytest.raises(AtlasError, match="the sweep killed is KILLED"):
        add_entry(ledger, "other", keep(summary, tmp_path))
    assert read_ledger(ledger).keys() == {"small"}


def test_an_entry_is_renewed_only_where_that_is_said(summary: dict[str, Any], ledger: Path, tmp_path: Path) -> None:
    summary["trials"][0]["R"]["test"]["latest"][0][0] = 12.0
    path = keep(summary, tmp_path)
    with pytest.raises(AtlasError, match="has an entry 'small' already"):
        add_entry(ledger, "small", path)
    add_entry(ledger, "small", path, replace=True)
    assert find_entry(ledger, "small").run.trials[0].R["test"]["latest"][0][0] == 12.0


def test_bad_names_files_and_ledgers_are_refused(summary: dict[str, Any], ledger: Path, tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="no name of an entry"):
        add_entry(ledger, "Small one", keep(summary, tmp_path))
    with pytest.raises(AtlasError, match="Did you mean 'small'"):
        find_entry(ledger, "smal")
    with pytest.raises(AtlasError, match="there is no ledger"):
        read_ledger(tmp_path / "none.json")
    summary["sweep"]["command"] = "python /elsewhere/task_order.py"
    with pytest.raises(AtlasError, match="is not under"):
        add_entry(ledger, "other", keep(summary, tmp_path))
    ledger.write_text("[")
    with pytest.raises(AtlasError, match="not a readable ledger"):
        read_ledger(ledger)
    ledger.write_text('{"schema": 2, "entries": {}}')
    with pytest.raises(AtlasError, match="schema 2; this version reads 1"):
        read_ledger(ledger)


def test_matrices_look_like_matrices_and_text_is_left_alone(ledger: Path) -> None:
    text = ledger.read_text()
    assert "[50.0, null],\n" in text
    assert "R[n-1, j]" in text


def test_the_published_ledger_holds() -> None:
    entries = read_ledger(ROOT / "docs" / "ledger.json")
    assert "task-order-smoke" in entries
    for entry in entries.values():
        assert (ROOT / entry.command.split()[1]).is_file()
        assert entry.run.settings["storage"] == ""


def test_adding_an_entry_leaves_the_others_as_they_were(
    summary: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    published = json.loads((ROOT / "docs" / "ledger.json").read_text())
    (tmp_path / "ledger.json").write_text(json.dumps(published))
    add_entry(tmp_path / "ledger.json", "small", keep(summary, tmp_path))
    after = json.loads((tmp_path / "ledger.json").read_text())
    del after["entries"]["small"]
    for entry in published["entries"].values():
        entry["run"]["schema"] = 2  # nothing else of the form is new where there are no metrics
    assert after == published
