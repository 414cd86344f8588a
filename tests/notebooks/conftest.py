"""The end-to-end tests' storage of a sweep, for the notebooks."""

from __future__ import annotations

from tests.e2e.conftest import quiet as quiet
