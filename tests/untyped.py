"""Count untyped dictionaries: `dict[str, Any]` and `Mapping[str, Any]` a thousand lines of the package.

    python -m tests.untyped [--most 3.0]

They hide what travels between the parts. `make check` refuses more than `--most` a thousand lines.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "atlas"
UNTYPED = re.compile(r"\b(?:[Dd]ict|(?:Mutable)?Mapping)\[str, Any\]")


def count(root: Path) -> tuple[Counter[str], int]:
    """The untyped dictionaries of each file that has any, and the lines of all files."""
    found: Counter[str] = Counter()
    lines = 0
    for path in sorted(root.rglob("*.py")):
        text = path.read_text()
        lines += text.count("\n")
        if number := len(UNTYPED.findall(text)):
            found[str(path.relative_to(root.parent))] = number
    return found, lines


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--most", type=float, default=float("inf"), help="a thousand lines; more is an error")
    given = parser.parse_args()
    found, lines = count(PACKAGE)
    share = 1000 * found.total() / lines
    print(f"{found.total()} untyped dictionaries in {lines} lines: {share:.1f} a thousand")
    for name, number in found.most_common(10):
        print(f"  {number:3} {name}")
    if share > given.most:
        sys.exit(f"more than {given.most} a thousand lines; give what travels there a type.")


if __name__ == "__main__":
    main()
