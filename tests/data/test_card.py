from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.backbones.base import locate, name_of
from atlas.backbones.processor import Processor
from atlas.data.card import CARD, read_card, write_card
from atlas.data.card_page import command, page_of
from atlas.data.prepare import PrepareOptions, prepare
from tests.backbones.toys import PAIRS, SHADES
from tests.data.album import ALBUM, write_album
from tests.data.cards import FIELDS, card


def test_the_page_tells_people_what_the_card_tells_programs(tmp_path: Path, processor: Processor) -> None:
    task = replace(SHADES, split_note="Made up, split by number.")
    prepared = prepare(task, processor=processor, root=tmp_path, limits={"val": 3})
    page = (prepared.path / "README.md").read_text()
    assert page == page_of(prepared.card)
    for words in (
        "# Shades\n\nMade up.",
        "Licence: none",
        "3 classes; chance 33.33 %",
        "texts of at most 4 tokens",
        "| train | learning | 25 | 13 | 0 | 0 | 36.00 % |",
        "| val | selection | 3 | 2 |",
        "Made up, split by number.",
        "Only the first 3 of val were read.",
        "| none | 36.00 % | 33.33 % | 42.86 % |",
        f"atlas prepare shades --backbone {processor.folder}",
        prepared.fingerprint,
    ):
        assert words in page
    assert "## Broken" not in page


def test_a_card_of_a_published_task_names_source_role_and_what_was_broken(tmp_path: Path, processor: Processor) -> None:
    album = write_album(tmp_path / "album")
    (album / "images" / "test2.png").write_bytes(b"no image")
    prepared = prepare(
        ALBUM, processor=processor, root=tmp_path, source=album, prepare_options=PrepareOptions(most_broken=0.5)
    )
    card, page = prepared.card, (prepared.path / "README.md").read_text()
    assert (card.source, card.role, card.split_note) == (str(album), "downstream", "As published.")
    assert {split: one.count for split, one in card.broken.items()} == {"train": 0, "val": 0, "test": 2}
    assert "test: 2 of 8 records were left out" in page
    assert "- test.jsonl:3: record 'test-2': picture 'test2.png'" in page
    assert command(card) == f"atlas prepare album --source {album} --backbone {processor.folder} --most-broken 0.5"


def test_the_command_is_quoted_and_names_a_backbone_by_what_finds_it(tmp_path: Path, processor: Processor) -> None:
    album = write_album(tmp_path / "my album #1")
    card = prepare(ALBUM, processor=processor, root=tmp_path, source=album).card
    assert shlex.split(command(card))[3:5] == ["--source", str(album)]
    assert "most-broken" not in command(card)
    assert name_of(locate("vilt-tiny")) == "vilt-tiny"
    hub = tmp_path / "models--dandelin--vilt-b32-mlm" / "snapshots" / "d0a1f6ab88522427a7ae76ceb6e1e1e7b68a1d08"
    assert (name_of(hub), name_of(tmp_path)) == ("dandelin/vilt-b32-mlm", str(tmp_path))


def test_fewer_tokens_are_other_data_and_stand_in_the_command_and_the_counts(folder: Path, tmp_path: Path) -> None:
    whole, cut = (
        prepare(SHADES, processor=Processor.cut_to(folder, tokens), root=tmp_path).card for tokens in (None, 3)
    )
    assert command(cut) == f"{command(whole)} --tokens 3"
    assert "25 of 25 texts of train were cut at 3 tokens" in cut.warnings()
    assert cut.fingerprint != whole.fingerprint


def test_a_card_of_an_earlier_release_has_the_command_that_it_had() -> None:
    assert command(card(source="/a b")) == "atlas prepare digits --source '/a b' --backbone toy"


def test_the_majority_of_soft_scores_is_that_of_the_best_constant_answer(tmp_path: Path, processor: Processor) -> None:
    card = prepare(PAIRS, processor=processor, root=tmp_path).card
    ones, others = [9, 8, 8], [8, 9, 8]  # of 25 records: how often a class scores 1, and 0.3
    means = [(one + 0.3 * other) / 25 for one, other in zip(ones, others, strict=True)]
    assert card.majority["train"] == pytest.approx(100 * max(means), abs=0.01)


def test_only_the_largest_of_many_classes_stand_on_the_page(tmp_path: Path, processor: Processor) -> None:
    task = replace(SHADES, answers=("none", "one", "two", *(f"rare{i}" for i in range(50))))
    page = (prepare(task, processor=processor, root=tmp_path).path / "README.md").read_text()
    assert "The 10 largest of 53 classes." in page
    assert page.count("| rare") == 7


def test_a_card_comes_back_from_its_file_which_is_the_same_each_time(tmp_path: Path) -> None:
    written = card(skipped={"train": {"an odd one": 2}}, source="/data")
    write_card(tmp_path, written)
    content = (tmp_path / CARD).read_bytes()
    assert read_card(tmp_path) == written
    write_card(tmp_path, written)
    assert (tmp_path / CARD).read_bytes() == content


def test_a_card_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(json.dumps(FIELDS))
    found = read_card(tmp_path)
    assert found is not None
    assert (found.schema_version, found.role, found.split_note, found.source) == (1, "upstream", "", None)
    assert found.skipped_by_rule("train") == ""


def test_the_key_of_an_identity_is_the_digest_of_its_facts_alone() -> None:
    names = ("recipe", "task", "version", "answers", "sources", "limits", "processor")
    facts = json.dumps({name: FIELDS[name] for name in names}, sort_keys=True)
    assert card(title="Another").key() == hashlib.sha256(facts.encode()).hexdigest()[:16]
