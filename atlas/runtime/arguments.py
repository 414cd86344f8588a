"""The parser of a command line whose refusals are one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from atlas.runtime.errors import UserError


class ArgumentParser(argparse.ArgumentParser):
    """As argparse's, but bad input raises UserError, a line, in place of a page of usage and the end of the process."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As argparse's, but an option that is given twice is bad input: its first value would be lost."""
        words = sys.argv[1:] if args is None else list(args)
        flags = [word.partition("=")[0] for word in words]
        for flag in self._option_string_actions:
            if flag.startswith("--") and flags.count(flag) > 1:
                self.error(f"{flag} is given {flags.count(flag)} times; give it once")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the message, and the command that tells more."""
        raise UserError(f"{message}; see {self.prog} --help")
