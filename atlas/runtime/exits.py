"""The end of a command by an error: one line for people, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from atlas.runtime.errors import AccessDenied, AtlasError
from atlas.runtime.os_errors import is_denied
from atlas.runtime.retry import REMEDY
from atlas.runtime.text import first_line


@contextmanager
def exits_by_errors() -> Iterator[None]:
    """Context that an error meant for people ends with a line on stderr and the error's exit code.

    So does one of a file that refuses this user, such as another user's, of which nothing else has made a line.
    """
    try:
        yield
    except AtlasError as error:
        print(f"atlas: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if not is_denied(error):
            raise
        print(f"atlas: access is refused: {first_line(error)}. {REMEDY}.", file=sys.stderr)
        sys.exit(AccessDenied.exit_code)
