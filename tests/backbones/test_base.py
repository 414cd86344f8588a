"""Finding a backbone's files and knowing what they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atlas.backbones import BACKBONES, digest, load, locate
from atlas.runtime.errors import AtlasError


@pytest.fixture
def copy(vilt_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(vilt_folder, tmp_path / "copy")


def test_importing_the_package_imports_neither_torch_nor_transformers() -> None:
    code = "import sys, atlas.backbones; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_catalogue_name_and_a_folder_are_found(copy: Path) -> None:
    assert locate("vilt-tiny") == BACKBONES["vilt-tiny"]
    assert locate(copy) == locate(str(copy)) == copy


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(AtlasError, match=r"unknown backbone 'vilt-tini'.*Did you mean 'vilt-tiny'"):
        locate("vilt-tini")


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="there is no folder"):
        locate(tmp_path / "nothing")
    with pytest.raises(AtlasError, match="there is no folder"):
        locate("./no/such/folder")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("config.json", "lacks config.json"),
        ("model.safetensors", "lacks weights"),
        ("tokenizer.json", "lacks a tokenizer"),
    ],
)
def test_a_folder_without_a_file_says_which(copy: Path, file: str, words: str) -> None:
    (copy / file).unlink()
    with pytest.raises(AtlasError, match=words):
        locate(copy)


def test_without_the_hub_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(AtlasError, match=r"neither in the hub's cache.*HF_HUB_OFFLINE"):
        locate("nobody/no-such-vilt")


def test_digest_follows_weights_and_configuration_and_nothing_else(copy: Path) -> None:
    before = digest(copy)
    (copy / "README.md").write_text("a card")
    assert digest(copy) == before
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-5}))
    changed = digest(copy)
    assert changed != before
    (copy / "model.safetensors").write_bytes(b"other")
    assert digest(copy) not in (before, changed)


def test_weights_other_than_the_cards_are_refused(copy: Path) -> None:
    (copy / "README.md").write_text(f"# card\n\ndigest: {digest(copy)}\n")
    load(copy)
    with (copy / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\1\2\3")
    with pytest.raises(AtlasError, match="is altered: its card states digest"):
        load(copy)


def test_another_kind_of_model_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(AtlasError, match="model_type 'bert'"):
        load(copy)


def test_the_shipped_backbone_is_what_its_card_says() -> None:
    folder = locate("vilt-tiny")
    assert f"digest: {digest(folder)}\n" in (folder / "README.md").read_text()
    backbone = load("vilt-tiny")
    assert (backbone.width, backbone.heads, backbone.depth) == (128, 4, 4)
    assert sum(p.numel() for p in backbone.parameters()) < 1.2e6
