from __future__ import annotations

from pathlib import Path

from atlas.tasks.reading.kept import kept


def test_a_kept_file_is_read_again_where_it_changed(tmp_path: Path) -> None:
    path, seen = tmp_path / "a", list[str]()

    def read(path: Path) -> str:
        seen.append(path.read_text())
        return seen[-1]

    once = kept(read)
    path.write_text("one")
    assert [once(path), once(path)] == ["one", "one"]
    path.write_text("other")
    assert once(path) == "other"
    assert seen == ["one", "other"]
