"""Score a file of predictions by benchmarks' rules: python -m atlas.tasks.scoring PREDICTIONS REFERENCES --by RULE …"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from atlas.runtime.arguments import ArgumentParser
from atlas.runtime.errors import UserError, refuse_empty, unknown
from atlas.runtime.text import counted
from atlas.runtime.user_code import is_address
from atlas.tasks import TASKS, find_task
from atlas.tasks.scoring import TEXT_SCORES
from atlas.tasks.scoring.prediction_file import score_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a rule; ends with 2 and one line for files or rules that are none."""
    parser = ArgumentParser(prog="python -m atlas.tasks.scoring", description=__doc__)
    parser.add_argument("predictions", type=Path, help='lines of {"question_id": …, "text": …}')
    parser.add_argument("references", type=Path, help="the benchmark's test file, or its captions in COCO's form")
    rules = f"a task, for its benchmark's rule (coin-vqav2), or a rule: {', '.join(TEXT_SCORES)}"
    parser.add_argument("--by", nargs="+", required=True, metavar="RULE", help=rules)
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        refuse_empty(arguments)
        given = parser.parse_args(arguments)
        for rule in dict.fromkeys(map(rule_of, given.by)):
            found = score_file(given.predictions, given.references, rule=rule)
            missing = f"; {counted(found.missing, 'question')} without one" if found.missing else ""
            void = f"; {found.unreachable:,} that could not be right by this rule" if found.unreachable else ""
            print(f"{found.rule}: {found.value:.2f} of {counted(found.predictions, 'prediction')}{missing}{void}")
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def rule_of(name: str) -> str:
    """The rule of that name, or of the task's benchmark. Raises UserError for neither, and for a task of classes."""
    if name in TEXT_SCORES:
        return name
    if name not in TASKS and not is_address(name):
        raise unknown("rule or task", name, [*TEXT_SCORES, *TASKS])
    task = find_task(name)
    if task.score not in TEXT_SCORES:
        raise UserError(
            f"the answers of {task.name} are no texts, so that it has no rule for a file of predictions; give a rule: "
            f"{', '.join(TEXT_SCORES)}."
        )
    return task.score


if __name__ == "__main__":
    main()
