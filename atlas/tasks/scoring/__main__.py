"""Score a file of predictions by benchmarks' rules: python -m atlas.tasks.scoring PREDICTIONS REFERENCES --by RULE …"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.tasks import find_task
from atlas.tasks.scoring import TEXT_SCORES
from atlas.tasks.scoring.prediction_file import score_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a rule; ends with 2 and one line for files or rules that are none."""
    parser = argparse.ArgumentParser(prog="python -m atlas.tasks.scoring", description=__doc__)
    parser.add_argument("predictions", type=Path, help='lines of {"question_id": …, "text": …}')
    parser.add_argument("references", type=Path, help="the benchmark's test file, or its captions in COCO's form")
    rules = f"a task, for its benchmark's rule (coin-vqav2), or a rule: {', '.join(TEXT_SCORES)}"
    parser.add_argument("--by", nargs="+", required=True, metavar="RULE", help=rules)
    given = parser.parse_args(arguments)
    try:
        for name in given.by:
            rule = name if name in TEXT_SCORES else find_task(name).score
            found = score_file(given.predictions, given.references, rule=rule)
            missing = f"; {counted(found.missing, 'question')} without one" if found.missing else ""
            print(f"{found.rule}: {found.value:.2f} of {counted(found.predictions, 'prediction')}{missing}")
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
