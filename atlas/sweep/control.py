"""Commands for a running sweep, and the journal in its folder through which they reach it.

`control/<time>-<digits>.json` is a command, and beside it `….answer.json` says what became of it. A command that has no
answer is applied once the sweep runs; those that have one are known to a run that resumes it. So nothing is lost where
the driver is killed, and commands that are applied twice do no more than once.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from atlas.config.budget import NO_BUDGET, Budget
from atlas.config.trial import Parameter
from atlas.runtime.errors import AtlasError, UserError, unknown
from atlas.runtime.os_errors import error_from
from atlas.storage.filesystem import StoragePath, write_whole

Verb = Literal["pause", "resume", "stop-trial", "prune", "enqueue", "budget"]
VERBS: tuple[Verb, ...] = get_args(Verb)
VALUES = {
    "stop-trial": "TRIAL, by its id",
    "prune": "PREFIX, the first tasks of orders, written a,b",
    "enqueue": "ORDER, written a,b,c, or --like TRIAL --with NAME=VALUE",
    "budget": f"BUDGET, such as 8h, 200gpu-h, 500steps or {NO_BUDGET}",
}
LIKE, WITH = "--like", "--with"
FOLDER = "control"
ANSWER = ".answer.json"

T = TypeVar("T", bound=BaseModel)


class Command(BaseModel):
    """A command: its verb, and the value of those that take one.

    Of `enqueue` instead of an order: the trial that another is to be `like`, and the `changes` of it, NAME=VALUE each.
    """

    model_config = ConfigDict(frozen=True)

    verb: Verb
    value: str = ""
    like: str = ""
    changes: tuple[str, ...] = ()

    def __str__(self) -> str:
        like = f" {LIKE} {self.like} {WITH} {' '.join(self.changes)}" if self.like else ""
        return f"{self.verb} {self.value}".rstrip() + like


class Answer(BaseModel):
    """The sweep's answer to a command: whether it was `applied`, and in words what it did, or why it could not.

    `parameters` of the trial that it asked for.
    """

    model_config = ConfigDict(frozen=True)

    applied: bool
    words: str
    parameters: dict[str, Parameter] | None = None


@dataclass(frozen=True)
class Posted:
    """A command in the journal, by the name of its file."""

    name: str
    command: Command


@dataclass(frozen=True)
class Pending:
    """The commands that wait for an answer, the oldest first, and for each file that holds none a line."""

    commands: tuple[Posted, ...] = ()
    broken: tuple[str, ...] = ()


def read_command(words: Sequence[str]) -> Command:
    """The command of words: `pause`, `prune a,b`, `budget 20steps`.

    Raises:
        UserError: an unknown verb, a value that is missing, wrong, or not taken.
    """
    verb, value = (words[0] if words else ""), " ".join(words[1:]).strip()
    known: dict[str, Verb] = {one: one for one in VERBS}
    if verb not in known:
        raise unknown("command", verb, VERBS)
    if LIKE in words or WITH in words:
        return _clone(known[verb], words[1:])
    if verb in VALUES and not value:
        raise UserError(f"`{verb}` lacks its value; give {verb} {VALUES[verb]}.")
    if verb not in VALUES and value:
        raise UserError(f"`{verb}` takes no value, but {value!r} is given; leave it out.")
    if verb == "budget" and value != NO_BUDGET:
        Budget.parse(value)
    return Command(verb=known[verb], value=value)


def _clone(verb: Verb, words: Sequence[str]) -> Command:
    """The command of `--like TRIAL --with NAME=VALUE NAME=VALUE`."""
    usage = f"give enqueue {LIKE} TRIAL {WITH} NAME=VALUE, with one setting or more"
    if verb != "enqueue":
        raise UserError(f"`{verb}` takes no {LIKE}; {usage}.")
    if list(words[:1]) != [LIKE] or WITH not in words[2:3] or len(words) < 4 or {LIKE, WITH} & {*words[3:]}:
        raise UserError(f"`{verb} {' '.join(words)}` is no trial like another; {usage}.")
    return Command(verb=verb, like=words[1], changes=tuple(words[3:]))


@dataclass(frozen=True)
class ControlJournal:
    """The commands of one sweep, in its folder `place`; `fetch` and `send` exchange them with an object store."""

    place: StoragePath

    @classmethod
    def of(cls, sweep: StoragePath) -> ControlJournal:
        """The journal in a sweep's folder."""
        return cls(sweep / FOLDER)

    def post(self, command: Command) -> str:
        """Add a command; returns the name by which its answer is found."""
        name = f"{time.time_ns():020d}-{secrets.token_hex(3)}"
        self._write(f"{name}.json", command)
        return name

    def answer(self, posted: Posted, answer: Answer) -> None:
        """Take down what became of a command."""
        self._write(f"{posted.name}{ANSWER}", answer)

    def answer_to(self, name: str) -> Answer | None:
        """The answer to a command; None while there is none. Raises UserError for a file that is none."""
        path = self._path(f"{name}{ANSWER}")
        if not path.is_file():
            return None
        return _read(path, Answer, "no answer of a sweep; delete it, and its command is applied again")

    def command(self, name: str) -> Command:
        """The command of that name. Raises UserError for a file that is none."""
        return _read(self._path(f"{name}.json"), Command, "no command of a sweep; delete it")

    def pending(self) -> Pending:
        """The commands without an answer. Raises AtlasError where the folder cannot be read."""
        answered, commands, broken = set(self.answered()), [], []
        for name in self._names(".json"):
            if name not in answered and not f"{name}.json".endswith(ANSWER):
                try:
                    commands.append(Posted(name, self.command(name)))
                except AtlasError as error:
                    broken.append(str(error))
        return Pending(tuple(commands), tuple(broken))

    def answered(self) -> list[str]:
        """The names of the commands that have an answer, the oldest first. Raises AtlasError as `pending` does."""
        return self._names(ANSWER)

    def fetch(self) -> None:
        """Fetch what others have written. Raises StorageUnavailable."""
        self.place.download()

    def send(self) -> None:
        """Send what was written here. Raises StorageUnavailable."""
        self.place.upload()

    def _names(self, suffix: str) -> list[str]:
        """The names of the files that end so, without that end, sorted."""
        try:
            found = os.listdir(self.place.local)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise error_from(error, f"{self.place.local} cannot be read: {error.strerror}.") from error
        return sorted(name.removesuffix(suffix) for name in found if name.endswith(suffix))

    def _path(self, name: str) -> Path:
        return self.place.local / name

    def _write(self, name: str, value: BaseModel) -> None:
        """Raises AccessDenied where the folder may only be read, StorageUnavailable where the disk is full."""
        try:
            self.place.local.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(name), value.model_dump_json().encode())
        except OSError as error:
            message = f"{name} cannot be written into {self.place.local}: {error.strerror}."
            raise error_from(error, message) from error


def _read(path: Path, kind: type[T], otherwise: str) -> T:
    """The value in a file. Raises UserError for one that holds `otherwise`, or AtlasError of another kind."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is {otherwise}.") from error
    except OSError as error:
        raise error_from(error, f"{path} cannot be read: {error.strerror}.") from error
