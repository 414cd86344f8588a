"""The code on the pages, run as it stands there."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

import atlas
from tests.docs.markdown import ROOT, code_of

TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


@pytest.mark.parametrize("page", ["docs/howto/adapters.md"])
def test_the_adapters_alone(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import ViltConfig, ViltModel

    (code,) = (code for _, code in code_of((ROOT / page).read_text()) if "AtlasConfig" in code)
    monkeypatch.chdir(tmp_path)
    names = {"vilt": ViltModel(ViltConfig(**TINY)), "vilt_as_it_was": ViltModel(ViltConfig(**TINY))}
    exec(compile(code, page, "exec"), names)
    for task in ("snli-ve", "vqa"):
        assert (tmp_path / "stack" / task / "adapter_model.safetensors").is_file()


def test_a_sampler_is_tried_in_simulation(capsys: pytest.CaptureFixture[str]) -> None:
    page, names = "docs/howto/simulate.md", dict[str, object]()
    for _, code in code_of((ROOT / page).read_text()):
        exec(compile(code, page, "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["RandomSampler", "TPESampler"]


def test_a_sweep_is_opened_read_and_its_model_asked(ended_storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a storage that is there; what it runs first is tested in tests/results."""
    page, names = "docs/howto/python.md", dict[str, Any](atlas=atlas)
    monkeypatch.setenv("ATLAS_STORAGE", str(ended_storage))
    blocks = dict(code_of((ROOT / page).read_text()))
    for title in ("open", "read", "predict"):
        exec(compile(blocks[title], page, "exec"), names)
    assert len(names["table"]) == len(names["orders"]) == 2
    assert len(names["answers"]) == 5


def test_the_example_of_a_sweep_is_planned(
    storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its plan alone; the options that it saves are those of a run."""
    file, saved = ROOT / "docs" / "own_sweep.py", tmp_path / "options.yaml"
    given = ("--dry-run", "--tasks", "digits", "piqa-twin", "--storage", str(storage), "--save-config", str(saved))
    monkeypatch.setattr(sys, "argv", [str(file), *given])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    told = capsys.readouterr()
    assert ended.value.code == 0, told.err
    assert "lora-rank" in told.out
    assert "Does LoRA need a higher rank" in told.out
    assert "dry_run: false" in saved.read_text()


def test_orders_are_searched_with_plain_optuna(capsys: pytest.CaptureFixture[str]) -> None:
    page, names = "docs/howto/orders.md", dict[str, object]()
    for _, code in code_of((ROOT / page).read_text()):
        exec(compile(code, page, "exec"), names)
    recommended, count = capsys.readouterr().out.splitlines()
    assert recommended.startswith("('e', ")  # what loses nothing is learnt first
    assert count == "12 orders"
