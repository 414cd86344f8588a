from __future__ import annotations

import pytest

from atlas.runtime.errors import StorageUnavailable
from atlas.tasks import Record
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.records import class_of, made, text_of, unseen
from atlas.tasks.sample import Broken


def test_what_cannot_be_read_is_told_where_it_stands_and_the_rest_is_made() -> None:
    def record(where: str, line: object) -> Record:
        if line == {"bad": 1}:
            raise Unreadable("it is bad")
        return Record(id=where, pictures=(), texts=(), label=0)

    no_json = Broken(where="f:3", reason="no JSON")
    found = list(made([("f:1", {}), ("f:2", {"bad": 1}), ("f:3", no_json), ("f:4", {})], record))
    assert [one.where for one in found] == ["f:1", "f:2", "f:3", "f:4"]
    assert [one.id if isinstance(one, Record) else (one.where, one.reason) for one in found] == [
        "f:1",
        ("f:2", "it is bad"),
        ("f:3", "no JSON"),
        "f:4",
    ]


@pytest.mark.parametrize("error", [KeyError("a"), ValueError("no\nnumber"), ZeroDivisionError(), FileNotFoundError(2)])
def test_whatever_is_raised_for_a_line_breaks_that_line_alone(error: Exception) -> None:
    def record(where: str, line: object) -> Record:
        if line:
            raise error
        return Record(id=where, pictures=(), texts=(), label=0)

    found = list(made([("f:1", 0), ("f:2", 1), ("f:3", 0)], record))
    assert [isinstance(one, Broken) for one in found] == [False, True, False]
    assert isinstance(found[1], Broken)
    assert (found[1].where, "\n" in found[1].reason) == ("f:2", False)
    assert found[1].reason.startswith(f"{type(error).__name__}: ")
    assert "(test_records.py:" in found[1].reason


def test_files_out_of_reach_break_no_line() -> None:
    def record(where: str, line: object) -> Record:
        raise StorageUnavailable("away")

    with pytest.raises(StorageUnavailable):
        list(made([("f:1", 0)], record))


def test_a_text_is_stripped_and_a_blank_one_refused() -> None:
    assert text_of({"t": " a b\n"}, "t") == "a b"
    assert text_of({"u": "x"}, ("t", "u")) == "x"
    with pytest.raises(Unreadable, match="'t' is blank"):
        text_of({"t": "  "}, "t")


def test_a_wrong_label_names_the_nearest() -> None:
    assert class_of("yes", ("no", "yes")) == 1
    with pytest.raises(Unreadable, match="unknown label 'yess'. Did you mean 'yes'"):
        class_of("yess", ("no", "yes"))


def test_a_label_is_found_in_either_unicode_form() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert class_of(decomposed, ("tea", composed)) == class_of(composed, ("tea", decomposed)) == 1
    assert class_of(composed, (decomposed, composed)) == 1


def test_an_id_is_seen_once() -> None:
    seen: set[str] = set()
    assert unseen("a", seen) == "a"
    with pytest.raises(Unreadable, match="another record has the id 'a'"):
        unseen("a", seen)
