"""What notebooks that are kept with their outputs have to keep to; `docs/hooks/notebooks.py` records them."""

from __future__ import annotations

import hashlib
import json
import re

from nbformat import NotebookNode

MACHINE = re.compile(r"/(home|root|Users|work|tmp|usr|opt|var)/")
MOST_BYTES = 1_500_000  # of all notebooks
RECORDED = "recorded"  # in a notebook's metadata: the digest of the code that its outputs are of


def code_digest(notebook: NotebookNode) -> str:
    """A digest of the code, cell by cell: outputs that were recorded with it are of this very code."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()
