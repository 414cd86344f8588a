from __future__ import annotations

from pathlib import Path

import pytest

from atlas.backbones.processor import Processor
from tests.data.toys import write_folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone's folder, as far as the processor reads it."""
    return write_folder(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def processor(folder: Path) -> Processor:
    return Processor.load(folder)
