"""Completion of the command line `atlas` in a shell: its commands, the shipped sweeps and their options."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh")


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script that a shell sources. `parser` is that of `atlas`; the sweeps become subcommands of its `sweep`."""
    import shtab

    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    _add_sweeps(commands.choices["sweep"])
    script: str = shtab.complete(parser, shell=shell)
    return script


def _add_sweeps(parser: argparse.ArgumentParser) -> None:
    """Add each shipped sweep, with all options of sweeps, as a subcommand."""
    from atlas.config.command_line import FILE_FLAG, flag_of
    from atlas.config.options import GROUP_OF
    from atlas.config.shipped import question_of, shipped_sweeps

    sweeps = parser.add_subparsers()
    for name, file in shipped_sweeps().items():
        made = sweeps.add_parser(name, help=question_of(file))
        for flag in (*map(flag_of, GROUP_OF), FILE_FLAG, "--save-config"):
            made.add_argument(flag, nargs="*")
