from __future__ import annotations

from atlas.data.interner import Interner


def test_names_are_numbered_in_the_order_of_first_sight() -> None:
    names = Interner()
    assert [names.add(name) for name in ("b", "a", "b", "ж", "a", "")] == [
        (0, True),
        (1, True),
        (0, False),
        (2, True),
        (1, False),
        (3, True),
    ]
    assert len(names) == 4
    names.close()


def test_a_file_name_that_is_no_unicode_is_a_name_too() -> None:
    names = Interner()
    assert names.add("\udcff") == (0, True)
    assert names.add("\udcfe") == (1, True)
    names.close()


def test_more_names_than_the_cache_holds_are_all_known() -> None:
    names = Interner()
    words = [f"{'long ' * 100}{number}" for number in range(40_000)]
    for word in words:
        names.add(word)
    assert [names.add(words[number]) for number in (0, 20_000, 39_999)] == [
        (0, False),
        (20_000, False),
        (39_999, False),
    ]
    names.close()
