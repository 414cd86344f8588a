from __future__ import annotations

import ast
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from atlas.runtime.console import add_columns, add_row, make_console, make_table, say, shell, show

ROOT = Path(__file__).parents[2] / "atlas"
HELPER = ROOT / "runtime" / "console.py"
MARKED = ("[red]x[/red]", "[/x]", "[bold", "a[0]", "[link=x]y[/link]", ":smile:", "\\[x]", "[@click=f]", "[/]", "[[]]")


def printed(act) -> str:  # type: ignore[no-untyped-def]
    console = Console(record=True, width=200, file=io.StringIO())
    act(console)
    return console.export_text()


@pytest.mark.parametrize("text", MARKED)
def test_every_text_is_shown_as_it_is(text: str) -> None:
    def act(console: Console) -> None:
        table = make_table(f"title {text}")
        add_columns(table, f"heading {text}")
        add_row(table, f"cell {text}")
        show(console, table)
        say(console, f"line {text}", style="red")
        say(console, f"value {text}", label=f"label {text}")

    shown = printed(act)
    for what in ("title", "heading", "cell", "line", "value", "label"):
        assert f"{what} {text}" in shown


def test_long_lines_are_left_whole_unless_they_may_be_wrapped() -> None:
    console = Console(record=True, width=20, file=io.StringIO())
    say(console, "a " * 30)
    assert console.export_text().count("\n") == 1
    say(console, "a " * 30, wrap=True)
    assert console.export_text().count("\n") > 2


@pytest.mark.parametrize("text", MARKED)
def test_our_own_console_has_no_markup_either(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_console().print(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_a_reader_that_leaves_ends_no_command() -> None:
    """`python sweeps/task_order.py | head` would end with exit code 1 before all is done, hours after the last line."""
    shows = "console = make_console(); [say(console, 'a line') for _ in range(3)]; print('another')"
    code = f"import sys; from atlas.runtime.console import *; sys.stdin.read(); {shows}; print('done', file=sys.stderr)"
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate(timeout=60)[1] == b"done\n"
    assert process.returncode == 0


def test_a_terminal_that_is_closed_ends_no_command() -> None:
    """A sweep in the background, disowned, whose window is closed, would end with its next line."""
    window, terminal = os.openpty()
    shows = "console = make_console(); [say(console, 'a line') for _ in range(3)]; print('another')"
    code = f"import sys; from atlas.runtime.console import *; sys.stdin.read(); {shows}; print('done', file=sys.stderr)"
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=terminal, stderr=subprocess.PIPE)
    os.close(terminal)
    os.close(window)
    assert process.communicate(timeout=60)[1] == b"done\n"
    assert process.returncode == 0


def test_nothing_else_gives_texts_to_rich() -> None:
    """`console.print`, `Table` and markup are used by the helper alone, so that no text of a user's is markup."""
    calls = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and path != HELPER and _is_raw(node):
                calls.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:60]}")
    assert calls == []


def _is_raw(call: ast.Call) -> bool:
    said = ast.unparse(call.func)
    if said.endswith(("onsole.print", "onsole.log", "onsole.rule", "Text.from_markup", "rich.print")):
        return True
    if said.endswith("add_column") or (said == "Table" and any(word.arg == "title" for word in call.keywords)):
        return True
    return said.endswith(".add_row") and any(isinstance(cell, ast.JoinedStr) for cell in call.args)


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1))
def test_a_command_is_read_by_a_shell_as_its_words(words: list[str]) -> None:
    assert shlex.split(shell(*words)) == words
