"""`--sampler` names a sampler, and constraints limit what every sampler proposes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import NSGAIISampler, RandomSampler

from atlas.config.addresses import relative_to_storage, with_addresses
from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.resume import resumed_options
from atlas.config.sweep import Sweep
from atlas.learners import Learner
from atlas.runtime.errors import UserError
from atlas.search.all_orders_sampler import AllOrdersSampler
from atlas.search.gaussian_process_sampler import GaussianProcessOrderSampler
from atlas.search.prefix_sampler import PrefixSampler, rehearse
from atlas.search.proposals import foresee, is_exact, make_sampler, points_of
from atlas.search.recent_trials import RecentTPESampler
from tests.small import atlas

TASKS = ("a", "b", "c", "d")
ORDERS = Sweep(name="orders", question="?", searches_orders=True, trials=4)
LIMITS: dict[str, Any] = {"before": ("a,b",), "last": "d"}


def ranked(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(rank=trial.suggest_categorical("rank", [2, 4, 8]))


SETTINGS = Sweep(name="settings", question="?", learner=ranked, trials=4)


def experiment(sweep: Sweep = ORDERS, **options: Any) -> Experiment:
    return Experiment(sweep=sweep, options=Options.of(**{"tasks": TASKS, **options}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("random", RandomSampler),
        ("tpe", RecentTPESampler),
        ("prefix", PrefixSampler),
        ("orders", GaussianProcessOrderSampler),
    ],
)
def test_each_name_makes_its_sampler_in_place_of_the_sweeps_own(name: str, kind: type) -> None:
    own = Sweep(name="own", question="?", searches_orders=True, sampler=lambda options: NSGAIISampler())
    assert type(make_sampler(experiment(own, sampler=name))) is kind
    assert type(make_sampler(experiment(own))) is NSGAIISampler


def test_a_named_sampler_is_asked_even_for_as_many_trials_as_there_are_orders() -> None:
    assert isinstance(make_sampler(experiment(orders=("all",))), AllOrdersSampler)
    named = experiment(orders=("all",), sampler="random")
    assert isinstance(make_sampler(named), RandomSampler)
    assert not is_exact(named)


def test_a_file_brings_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from optuna.samplers import RandomSampler\n"
        "def make(options):\n    return RandomSampler(seed=options.search.seeds[0])\n"
        "def nothing(options):\n    return None\n"
        "def failing(options):\n    return options.searches\n"
    )
    assert isinstance(make_sampler(experiment(sampler=f"{file}:make")), RandomSampler)
    for name, words in (
        ("nothing", "returned None; return a sampler of Optuna"),
        ("failing", "fails: AttributeError"),
        ("mke", "unknown sampler 'mke'. Did you mean 'make'"),
    ):
        with pytest.raises(UserError, match=words):
            make_sampler(experiment(sampler=f"{file}:{name}"))
    (tmp_path / "empty.py").write_text("STRENGTH = 2.0")
    with pytest.raises(UserError, match=r"empty.py holds no function, and a sampler of your own is one\.$"):
        make_sampler(experiment(sampler=f"{tmp_path / 'empty.py'}:STRENGTH"))


@pytest.mark.parametrize("sampler", ["", "random", "tpe", "prefix", "orders"])
def test_every_sampler_keeps_to_the_constraints(sampler: str) -> None:
    limited = experiment(**LIMITS, sampler=sampler, trials=3)
    found = [walks[0].order for walks in foresee(limited).trials]
    assert set(found) <= {("a", "b", "c", "d"), ("a", "c", "b", "d"), ("c", "a", "b", "d")}
    assert len(found) == 3
    assert sampler in ("random", "tpe") or len(set(found)) == 3


@pytest.mark.parametrize("sampler", ["", "random", "tpe", "prefix", "orders"])
def test_every_sampler_takes_subsets_of_the_tasks(sampler: str) -> None:
    some = experiment(subset_size=2, before=("a,b",), sampler=sampler, trials=5)
    found = [walks[0].order for walks in foresee(some).trials]
    assert all(len(order) == 2 and order[-1:] != ("a",) * ("b" in order) for order in found)
    assert sampler in ("random", "tpe") or len(set(found)) == 5


def test_the_planner_counts_what_remains() -> None:
    limited = experiment(**LIMITS, orders=("all",))
    assert limited.trial_count() == 3
    assert is_exact(limited)
    assert [walks[0].order for walks in foresee(limited).trials] == [
        limited.propose(trial).orders[0] for trial in _asked(limited)
    ]
    assert experiment(**LIMITS, orders=("20",)).trial_count() == 3
    assert experiment(**LIMITS).orders_in_words() == "3 of 3 with a before b, d last"


def _asked(limited: Experiment) -> list[optuna.trial.FixedTrial]:
    found: list[optuna.trial.FixedTrial] = []

    def ask(trial: optuna.Trial) -> None:
        limited.propose(trial)
        found.append(optuna.trial.FixedTrial(trial.params))

    rehearse(make_sampler(limited), ask, limited.trial_count(), points_of(limited))
    return found


def test_written_orders_have_to_keep_to_the_constraints() -> None:
    experiment(**LIMITS, orders=("c,a,b,d",)).check()
    with pytest.raises(UserError, match="the order b,a,c,d does not keep to a before b, d last"):
        experiment(**LIMITS, orders=("b,a,c,d",)).check()


@pytest.mark.parametrize("given", [LIMITS, {"sampler": "prefix"}, {"sampler": "orders"}])
def test_a_sweep_that_searches_no_orders_refuses_them(given: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="the sweep settings searches no orders"):
        experiment(SETTINGS, **given).check()


def test_settings_may_be_searched_at_random() -> None:
    experiment(SETTINGS, sampler="random").check()
    assert isinstance(make_sampler(experiment(SETTINGS, sampler="random")), RandomSampler)


def test_a_resumed_sweep_refuses_another_sampler() -> None:
    was, now = Options.of(sampler="prefix"), Options.of(sampler="random", resume="latest")
    with pytest.raises(UserError, match="--sampler is random now, but the sweep was started with prefix"):
        resumed_options(was, now, Options())


def test_a_step_has_one_result_so_that_the_sampler_of_orders_tries_none_again() -> None:
    both = Sweep(name="both", question="?", learner=ranked, searches_orders=True)
    assert not any(make_sampler(experiment(sweep, sampler="orders")).noisy for sweep in (both, ORDERS))  # type: ignore[attr-defined]


def test_a_samplers_file_is_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert with_addresses(Options.of(sampler="mine.py:make")).search.sampler == f"{tmp_path}/mine.py:make"
    assert with_addresses(Options.of(sampler="random")).search.sampler == "random"
    inside = Options.of(sampler=f"{tmp_path}/mine.py:make")
    assert relative_to_storage(inside, tmp_path).search.sampler == "{storage}/mine.py:make"
