"""The stream of what a task's reader yields, with its mistakes as broken records or one error that says where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from atlas.runtime.errors import AtlasError, UserError
from atlas.tasks.reading.records import is_whole, told
from atlas.tasks.sample import Broken, Record
from atlas.tasks.task import Task

MOST_FAILURES = 1000  # in a row: an iterator that raises for ever has no end


def read_records(task: Task, split: str, source: Path | None) -> Iterator[Record | Broken]:
    """What the task's reader yields, unchecked. An item for which it raises is `Broken`, where it can go on after it.

    Raises UserError where it gives no records at all, or ends with what it raised, as a generator does: the rest of
    its split would be missing.
    """
    stream = _started(task, split, source)
    number, failures, failure, last = 0, 0, None, 0
    while failures < MOST_FAILURES:
        number += 1
        try:
            item = next(stream)
        except StopIteration:
            break
        except (Exception, SystemExit) as error:  # a reader may call `exit`
            if is_whole(error):
                raise
            failures, failure, last = failures + 1, error, number
            item = Broken(where=f"{split}: record {number}", reason=f"its reader raises {told(error)}")
        else:
            failures, failure = 0, None
        yield item
    if failure is not None:
        raise UserError(
            f"{task.name}: its reader stops at record {last:,} of {split!r} with {told(failure)}. "
            "Let it yield Broken(where=…, reason=…) for a record that it cannot read, and go on."
        ) from failure


def _started(task: Task, split: str, source: Path | None) -> Iterator[Record | Broken]:
    """Raises UserError where the reader raises, or gives nothing that can be iterated over."""
    try:
        found = task.read(split, source)
    except AtlasError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(
            f"{task.name}: its reader fails for the split {split!r} with {told(error)}. {task.had_from}".rstrip()
        ) from error
    try:
        return iter(found)
    except TypeError as error:
        raise UserError(
            f"{task.name}: its reader gives {found!r:.60}, a {type(found).__name__}, for the split {split!r}. "
            "Let it yield records."
        ) from error
