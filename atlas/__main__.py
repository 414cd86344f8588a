"""`python -m atlas`: the command line."""

from __future__ import annotations

from atlas.cli import main

main()
