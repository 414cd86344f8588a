"""The command line of a sweep, generated from `Options`: flat names, grouped help, errors of one line."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args, get_type_hints

import tyro
from tyro import _errors as parse_errors  # the one hook by which an error becomes ours; tyro is pinned for it
from tyro.conf import DisallowNone, FlagCreatePairsOff, OmitArgPrefixes, arg

from atlas.cluster.options import ClusterOptions
from atlas.config.options import GROUP_OF, GROUPS, Options
from atlas.config.run import RunOptions
from atlas.config.search import SearchOptions
from atlas.config.training import TrainingOptions
from atlas.runtime.errors import UserError, refuse_empty, unknown
from atlas.storage.options import StorageOptions

ALIASES: Mapping[str, str] = {"--seed": "seeds", "--order": "orders"}
FILE_FLAG = "--config"
ON = frozenset(name for name, value in Options().flat().items() if value is True)  # turned off by --no-NAME


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """The options of a sweep, and the files that they come from and go to."""

    search: SearchOptions = field(default_factory=SearchOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    storage: StorageOptions = field(default_factory=StorageOptions)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    run: RunOptions = field(default_factory=RunOptions)
    config: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Take options from a YAML or JSON file; the command line wins over it."""
    save_config: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Write the options to a file (with --dry-run: without running the sweep)."""

    @property
    def options(self) -> Options:
        """The groups as one value."""
        return Options(**{name: getattr(self, name) for name in GROUPS})


def read_command_line(
    description: str, defaults: Options, arguments: Sequence[str], *, prog: str | None = None
) -> CommandLine:
    """The options of a command line; what it does not name is as in `--config FILE`, else as in `defaults`.

    Raises:
        UserError: an unknown option (with the nearest known one), a value that is empty or cannot be read, an invalid
            file.
        SystemExit: 0 after `--help`.
    """
    refuse_empty(arguments)
    if (path := config_of(arguments)) is not None:
        from atlas.config.options_file import read_options_file

        defaults = read_options_file(path, defaults)
    _check_lists(arguments, defaults)
    with parse_errors.on_parse_error(partial(_refuse, given_options(arguments))):
        return tyro.cli(
            CommandLine,
            prog=prog,
            description=description.strip(),
            args=_without_those_that_are_on(arguments, defaults),
            default=CommandLine(**{name: getattr(defaults, name) for name in GROUPS}),
            config=(OmitArgPrefixes, FlagCreatePairsOff, DisallowNone),
        )


def given_options(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Name → words of the options that a recorded command names, in its order; words of no option are left out.

    Commands of earlier versions may shorten a name to any prefix that is unique.
    """
    found: dict[str, list[str]] = {}
    words: list[str] = []
    for word in arguments:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            words = [value] if equals else []
            if (name := _name_of(flag)) is not None:
                found[name] = words
        else:
            words.append(word)
    return found


def _without_those_that_are_on(arguments: Sequence[str], defaults: Options) -> list[str]:
    """The arguments without flags of what `defaults` have on: tyro then knows the flag alone that turns it off."""
    usual = defaults.flat()
    switched = {name for name, value in usual.items() if isinstance(value, bool) and value != (name in ON)}
    return [word for word in arguments if word not in set(map(flag_of, switched))]


def _check_lists(arguments: Sequence[str], defaults: Options) -> None:
    """Raise UserError for an option of many values that is given twice, as the first would be lost, or has none.

    One without a value takes away the values of `defaults`, and is refused where there are none.
    """
    named = [_name_of(word.partition("=")[0]) for word in arguments if word.startswith("--")]
    usual = defaults.flat()
    for name, words in given_options(arguments).items():
        if isinstance(usual[name], tuple) and named.count(name) > 1:
            raise UserError(f"{flag_of(name)} is given {named.count(name)} times; give it once, with all its values.")
        if usual[name] == () and not words:
            raise UserError(f"{flag_of(name)} has no value; give one or more, or leave the option out.")


def as_arguments(options: Options, defaults: Options, named: Collection[str] = ()) -> list[str]:
    """The arguments that make `options` of `defaults`, and those of `named` options that are as there."""
    was = defaults.flat()
    given = {name: value for name, value in options.flat().items() if value != was[name] or (name in named and value)}
    return [word for name, value in given.items() for word in argument(name, value)]


def argument(name: str, value: Any) -> list[str]:
    """One option as words of a command line."""
    if isinstance(value, bool):
        return [flag_of(name)] if value != (name in ON) else []
    return [flag_of(name), *map(str, value if isinstance(value, tuple | list) else [value])]


def flag_of(name: str) -> str:
    """The flag of an option: `--no-sharing` of `sharing`, which is on without it."""
    return f"--{'no-' if name in ON else ''}{name.replace('_', '-')}"


def _flags() -> dict[str, str]:
    """Flag → name of the option."""
    return {**{flag_of(name): name for name in GROUP_OF}, **ALIASES}


def _name_of(flag: str) -> str | None:
    flags = _flags()
    names = {name for known, name in flags.items() if known.startswith(flag)}
    return flags.get(flag) or (names.pop() if len(names) == 1 else None)


def config_of(arguments: Sequence[str]) -> Path | None:
    """The file of `--config FILE` or `--config=FILE`: it is read first, since it gives the defaults of the rest.

    Raises UserError for two: one of them would be lost.
    """
    if (times := [word.partition("=")[0] for word in arguments].count(FILE_FLAG)) > 1:
        raise UserError(f"{FILE_FLAG} is given {times} times; give one file.")
    following = iter(arguments)
    for word in following:
        if word == FILE_FLAG:
            return next((Path(name) for name in following), None)
        if word.startswith(f"{FILE_FLAG}="):
            return Path(word.partition("=")[2])
    return None


def _refuse(given: Mapping[str, Sequence[str]], event: parse_errors.ParseErrorEvent) -> NoReturn:
    """Raise what is wrong with a command line as an UserError of one line, in place of tyro's box."""
    if isinstance(event, parse_errors.UnrecognizedArgs):
        raise _unrecognised(event.tokens)
    argument = getattr(event, "argument", None)
    if argument is None:
        message = " ".join(str(getattr(event, "message", type(event).__name__)).split())
        raise UserError(message)
    flag = max(argument.lowered.name_or_flags, key=len)
    words = given.get(_name_of(flag) or "", ())
    wanted = ", ".join(event.choices) if isinstance(event, parse_errors.InvalidChoice) else argument.lowered.metavar
    raise UserError(f"{flag} is {' '.join(words)!r}; give {wanted}{_kind_of(flag)} (see --help).")


def _kind_of(flag: str) -> str:
    """`, a whole number`: the kind of an option's values, where it is one of numbers."""
    name = _name_of(flag)
    kinds = _kinds(get_type_hints(GROUPS[GROUP_OF[name]])[name]) if name is not None else set[object]()
    if not kinds & {int, float}:
        return ""
    words = "".join(f", or {word}" for word in sorted(kind for kind in kinds if isinstance(kind, str)))
    return f"{', a whole number' if int in kinds else ', a number'}{words}"


def _kinds(hint: object) -> set[object]:
    """The types that a type's hint is made of."""
    parts = get_args(hint)
    return {kind for part in parts for kind in _kinds(part)} if parts else {hint}


def _unrecognised(tokens: Sequence[str]) -> UserError:
    if option := next((token.partition("=")[0] for token in tokens if token.startswith("-")), ""):
        return unknown("option", option, [*_flags(), FILE_FLAG, "--save-config"])
    return UserError(f"unrecognized arguments: {' '.join(tokens)}; see --help.")
