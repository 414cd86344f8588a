"""The parser of a command line whose refusals are one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from atlas.runtime.errors import UserError


class ArgumentParser(argparse.ArgumentParser):
    """As argparse's, but bad input raises UserError, a line, in place of a page of usage and the end of the process."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the message, and the command that tells more."""
        raise UserError(f"{message}; see {self.prog} --help")
