"""The terminal, and printing to it: every text is shown as it is, since it may be a user's.

rich reads `[…]` in plain strings as markup and `:word:` as an emoji; `Text` is neither.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.table import Table

PLAIN_WIDTH = 140


def make_console() -> Console:
    """The terminal, or wide plain lines without one."""
    from atlas.runtime.lasting_console import LastingConsole

    console = LastingConsole(markup=False, emoji=False)
    return console if console.is_terminal else LastingConsole(width=PLAIN_WIDTH, markup=False, emoji=False)


def say(console: Console, text: str, *, style: str = "", label: str = "", wrap: bool = False) -> None:
    """Print a text after its `label`, which is bold. Lines longer than the terminal are left whole, unless `wrap`."""
    from rich.text import Text

    shown = Text.assemble((f"{label}: ", "bold"), (text, style)) if label else Text(text, style=style)
    console.print(shown, soft_wrap=not wrap)


def make_table(title: str = "", *, header: bool = True) -> Table:
    """A table with its title on the left."""
    from rich.table import Table
    from rich.text import Text

    shown = Text(title, style="table.title") if title else None
    return Table(title=shown, title_justify="left", show_header=header)


def add_columns(
    table: Table, *headings: str, justify: JustifyMethod = "left", fold: bool = False, whole: bool = False
) -> None:
    """Add columns by their headings; cells that are too long are folded where `fold` says so, and never are if `whole`.

    Other columns make room for one that is `whole`.
    """
    from rich.text import Text

    for heading in headings:
        table.add_column(Text(heading), justify=justify, overflow="fold" if fold else "ellipsis", no_wrap=whole)


def add_row(table: Table, *cells: str, style: str = "") -> None:
    """Add a row of texts."""
    from rich.text import Text

    table.add_row(*map(Text, cells), style=style or None)


def show(console: Console, table: Table) -> None:
    """Print a table."""
    console.print(table)


def shell(*words: object) -> str:
    """The words as a command that a shell takes as they are."""
    return shlex.join(map(str, words))
