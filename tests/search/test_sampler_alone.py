"""The files of the sampler of orders, without this package: as they would be published on OptunaHub."""

from __future__ import annotations

import ast
import importlib
import shutil
import sys
from pathlib import Path

import optuna
import pytest

from atlas.config import space

TASKS = ("a", "b", "c", "d", "e")
NAMES = (
    "gaussian_process_sampler",
    "order_choices",
    "order_features",
    "order_model",
    "order_statistics",
    "recent_trials",
    "settings_space",
    "study_record",
    "told_scores",
)
FILES = [Path(space.__file__).parents[1] / "search" / f"{name}.py" for name in NAMES]


def test_its_files_need_nothing_of_this_package() -> None:
    outside: set[str] = set()
    for file in FILES:
        tree = ast.parse(file.read_text())
        imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        outside |= {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside == {"numpy", "optuna", "scipy"} | set(NAMES) - {"gaussian_process_sampler"}


def test_its_files_work_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a package of their own, in an ordinary Optuna study."""
    package = tmp_path / "orders_alone"
    package.mkdir()
    (package / "__init__.py").touch()
    for file in FILES:
        shutil.copy(file, package)
    monkeypatch.syspath_prepend(tmp_path)
    alone = importlib.import_module("orders_alone.gaussian_process_sampler")
    assert alone.OrderModel.__module__ == "orders_alone.order_model"
    study = optuna.create_study(direction="maximize", sampler=alone.GaussianProcessOrderSampler(TASKS, seed=0))
    study.optimize(lambda trial: float(space.suggest_order(trial, TASKS).index("e")), n_trials=8)
    assert study.best_value == 4.0
