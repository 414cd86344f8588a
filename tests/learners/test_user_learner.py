"""A learner that a user brings: the example of the documentation, from its file to a sweep's trials."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from optuna.trial import FixedTrial
from ray import cloudpickle

from atlas.config.addresses import with_names
from atlas.config.experiment import Experiment
from atlas.config.trial import TrialConfig, trial_config_from
from atlas.learners import LEARNERS, SharedAdapter, find_learner, is_known, learner_address, learner_from, stage_from
from atlas.learners.user_learner import USER_LEARNERS, USER_STAGES
from atlas.runtime.errors import AtlasError
from atlas.runtime.user_modules import pickle_modules_by_value
from atlas.search.trial_record import TrialRecord
from atlas.storage.store import Store
from atlas.sweep import Options, Sweep, learner_named
from atlas.sweep.folder import SweepFolder
from tests.small import SCHEDULE, World, assert_same_learning, contents, outcome, seed_by_task, weights

EXAMPLE = Path(__file__).parents[2] / "docs" / "own_learner.py"
ADDRESS = f"{EXAMPLE}:SpringAdapter"
HEAD = (
    "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
    "from atlas.learners import HeadStage, Learner, Schedule, Stage\n"
)
SETTLED = "@dataclass(frozen=True, kw_only=True)\n"
ELSEWHERE = """
import pickle, sys
from atlas.learners import learner_from
kind, learner, stage = pickle.loads(sys.stdin.buffer.read())
assert learner_from(learner.settings(), kind) == learner
assert stage == learner.stages(1)[0]
print(stage.settings()["source"])
"""


def write(path: Path, *, more: str = "", **changed: str) -> str:
    """A copy of the example with other words in it, and its address."""
    text = EXAMPLE.read_text()
    for old, new in changed.items():
        text = text.replace(old, new)
    path.write_text(text + more)
    return f"{path}:SpringAdapter"


def proposal(options: Options) -> TrialConfig:
    return Experiment(sweep=Sweep(name="toy", question="?", searches_orders=True), options=options).propose(
        FixedTrial({"after nothing": options.search.tasks[0]})
    )


def test_a_learner_that_was_brought_is_known_by_its_name_from_then_on() -> None:
    with pytest.raises(AtlasError, match="unknown learner 'spring-adapter'"):
        find_learner("spring-adapter")
    kind = find_learner(ADDRESS)
    assert find_learner("spring-adapter") is find_learner(ADDRESS) is kind
    assert learner_address("spring-adapter") == ADDRESS
    assert learner_address("ewc") == "ewc"
    assert "spring-adapter" not in LEARNERS
    assert is_known(kind())


def test_it_comes_back_from_its_settings_and_so_do_its_stages() -> None:
    learner = learner_named(ADDRESS, Options.of(rank=5).training)
    assert learner_from(json.loads(json.dumps(learner.settings()))) == learner
    for stage in learner.stages(1):
        assert stage_from(json.loads(json.dumps(stage.settings()))) == stage


def test_it_gets_the_rank_and_twice_the_updates_of_a_stage_as_the_catalogues_learners_of_one_stage() -> None:
    options = Options.of(rank=5, steps=7)
    learner, shared = learner_named(ADDRESS, options.training), learner_named("shared-adapter", options.training)
    assert learner.settings()["rank"] == shared.settings()["rank"] == 5
    assert learner.stages(0)[0].schedule == shared.stages(0)[0].schedule


def test_without_strength_it_is_the_shared_adapter(
    small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_by_task(monkeypatch)
    loose = find_learner(ADDRESS)(schedule=SCHEDULE, rank=4, strength=0.0)  # type: ignore[call-arg]
    shared = SharedAdapter(schedule=SCHEDULE, rank=4)
    assert_same_learning(small_world, store, shared, loose, "digits", "easy-vqa", "piqa-twin")


def test_a_strong_spring_keeps_the_adapter_nearer_to_where_it_was(small_world: World, store: Store) -> None:
    moved = []
    for strength in (0.0, 100.0):
        learner = find_learner(ADDRESS)(schedule=SCHEDULE, rank=4, strength=strength)  # type: ignore[call-arg]
        steps = small_world.walk("digits", "easy-vqa", learner=learner)
        small_world.learn(steps, store)
        before, after = (weights(store, step) for step in steps)
        names = [name for name in before if name.startswith("adapter/")]
        moved.append(float(sum((after[name] - before[name]).square().sum() for name in names)))
    assert 0 < moved[1] < 0.9 * moved[0]


def test_its_declared_lineage_is_true(small_world: World, tmp_path: Path) -> None:
    learner = find_learner(ADDRESS)(schedule=SCHEDULE, rank=4)  # type: ignore[call-arg]
    found = []
    for past in (("digits", "piqa-twin"), ("piqa-twin", "digits"), ()):
        store = Store.open(str(tmp_path / "-".join(("to", *past))))
        steps = small_world.walk(*past, "easy-vqa", learner=learner)
        facts = small_world.learn(steps, store)
        found.append((contents(store, steps[-1]), outcome(facts[-1])))
    assert found[0] != found[1] != found[2]


def test_a_step_is_learnt_anew_once_the_file_was_changed(small_world: World, tmp_path: Path) -> None:
    address = write(tmp_path / "mine.py")
    before = small_world.walk("digits", learner=find_learner(address)())
    write(tmp_path / "mine.py", more="\n# another thought\n")
    after = small_world.walk("digits", learner=find_learner(address)())
    assert before[0].key != after[0].key


def test_the_keys_of_the_catalogues_steps_know_of_no_file(small_world: World) -> None:
    assert "source" not in LEARNERS["ewc"]().stages(0)[0].settings()


def test_it_travels_without_its_file_to_another_process(tmp_path: Path) -> None:
    address = write(tmp_path / "mine.py", **{'"""One': 'from __future__ import annotations\n"""One'})
    kind = find_learner(address)
    packed = cloudpickle.dumps((kind, kind(), kind().stages(1)[0]))
    (tmp_path / "mine.py").unlink()
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], input=packed, capture_output=True, check=True)
    assert done.stdout.decode().strip() == USER_STAGES["spring"].source
    assert pickle.loads(packed)[0] is kind


def test_what_its_functions_import_when_they_are_called_travels_too(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    address = write(
        own / "mine.py",
        **{
            "Spring(context, self.strength)": "atlas_beside.of(self.strength)",
            '"""One': 'import atlas_beside\n"""One',
        },
    )
    (own / "atlas_beside.py").write_text(
        "def of(strength):\n    import atlas_beside_late\n    return strength * atlas_beside_late.FACTOR\n"
    )
    (own / "atlas_beside_late.py").write_text("FACTOR = 21.0\n")
    kind = find_learner(address)
    pickle_modules_by_value()
    packed = cloudpickle.dumps(kind().stages(1)[0])
    own.rename(tmp_path / "gone")
    called = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).hooks(None))"
    done = subprocess.run([sys.executable, "-c", called], input=packed, capture_output=True, cwd=tmp_path, check=False)
    assert done.stdout.split() == [b"21.0"], done.stderr.decode()


def test_a_trial_has_the_class_and_needs_no_catalogue() -> None:
    options = with_names(Options.of(tasks=("digits", "easy-vqa"), learner=ADDRESS))
    assert options.training.learner == "spring-adapter"
    config = proposal(options).to_tune()
    USER_LEARNERS.clear()
    (walk,) = trial_config_from(config).walks()
    assert walk.learner.name == "spring-adapter"
    assert walk.order == ("digits", "easy-vqa")
    assert "own_learner" not in TrialRecord("1", trial_config_from(config)).settings


def test_a_trial_of_the_catalogue_is_plain_json() -> None:
    config = proposal(Options.of(tasks=("digits", "easy-vqa"))).to_tune()
    assert json.loads(json.dumps(config)) == config


def test_a_learner_of_no_file_is_refused(tmp_path: Path) -> None:
    kind = find_learner(write(tmp_path / "mine.py"))
    USER_LEARNERS.clear()
    sweep = Sweep(name="toy", question="?", learner=lambda trial, options: kind())
    with pytest.raises(AtlasError, match=r"put SpringAdapter into a file .* learner_named\('FILE.py:SpringAdapter'"):
        Experiment(sweep=sweep, options=Options()).propose(FixedTrial({}))


def test_an_interrupted_sweep_finds_the_learner_again_in_another_process(tmp_path: Path) -> None:
    folder = SweepFolder.new(tmp_path, "toy", with_names(Options.of(learner=ADDRESS)))
    USER_LEARNERS.clear()
    assert folder.options().training.learner == ADDRESS
    assert with_names(folder.options()).training.learner == "spring-adapter"


def test_a_stored_step_of_a_file_that_is_not_at_hand_says_so() -> None:
    settings = find_learner(ADDRESS)().stages(0)[0].settings()
    USER_STAGES.clear()
    with pytest.raises(AtlasError, match="the stage 'spring' is of a learner's own file, .* name it by --learner"):
        stage_from(settings)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere.py:Mine", "there is no file .*nowhere.py; a learner of your own is written FILE.py:NAME"),
        (str(EXAMPLE), "own_learner.py names no learner in the file: write .*own_learner.py:NAME"),
        (f"{EXAMPLE}:SpringAdaptr", "unknown learner 'SpringAdaptr'. Did you mean 'SpringAdapter'"),
        (f"{EXAMPLE}:Stage", "unknown learner 'Stage'. .*Known: SpringAdapter"),
        (f"{EXAMPLE}:Learner", "unknown learner 'Learner'. .*Known: SpringAdapter"),
    ],
)
def test_an_address_that_leads_to_no_learner_is_refused(address: str, message: str) -> None:
    with pytest.raises(AtlasError, match=message):
        find_learner(address)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "holds no Learner; see atlas.learners.Learner"),
        ("class M(Learner): name, lineage = 'm', 'none'", "has to be a learner: @dataclass"),
        (SETTLED + "class M(Learner):\n  name = 'm'\n  lineage = 'none'", "has to be a learner"),
        (SETTLED + "class M(Learner):\n  lineage = 'none'\n  def stages(s, p): return ()", "its `name` is ''"),
        (SETTLED + "class M(Learner):\n  name = 'm'\n  def stages(s, p): return ()", "has to be a learner"),
        (
            SETTLED + "class M(Learner):\n  name = 'm'\n  lineage = 'none'\n  rank: int\n  def stages(s, p): return ()",
            "every setting needs a default",
        ),
        (
            SETTLED + "class M(Learner):\n  name = 'm'\n  lineage = 'none'\n  def stages(s, p): return ()",
            "give that one `last=True`",
        ),
        (
            SETTLED + "class M(Learner):\n  name = 'm'\n  lineage = 'none'\n  when: Shedule = None\n"
            "  def stages(s, p): return (HeadStage(schedule=Schedule()),)",
            "M: name 'Shedule' is not defined; import it",
        ),
    ],
)
def test_a_file_that_cannot_serve_is_refused(tmp_path: Path, body: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(HEAD + body)
    with pytest.raises(AtlasError, match=message):
        find_learner(f"{tmp_path / 'mine.py'}:M")


WHOLE = SETTLED + "class M(Learner):\n  name, lineage = 'm', 'none'\n"
GIVES = "  def stages(s, p): return (HeadStage(schedule=Schedule()),)\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (WHOLE.replace("'none'", "'sequnce'") + GIVES, "unknown `lineage` of .* 'sequnce'. Did you mean 'sequence'"),
        (WHOLE.replace("'none'", "'Set'") + GIVES, "unknown `lineage` of .* 'Set'. Did you mean 'set'"),
        (WHOLE.replace("'none'", "None") + GIVES, "unknown `lineage` of .* None"),
        (WHOLE.replace("'m'", "'a,b'") + GIVES, "the learner's name is 'a,b'; give one of letters"),
        (WHOLE.replace("'m'", "'../m'") + GIVES, "the learner's name is '../m'"),
        (WHOLE + "  tunes_backbone = 'no'\n" + GIVES, "its `tunes_backbone` is 'no'; give True or False"),
        (WHOLE + "  def stages(s, p): return None\n", r"its stages\(position\) gives None; give a tuple of stages"),
        (WHOLE + "  def stages(s, p): return [HeadStage(schedule=Schedule())]\n", "give a tuple of stages"),
        (WHOLE + "  def stages(s, p): return ('head',)\n", "give a tuple of stages"),
        (WHOLE + "  def stages(s, p): return s.shedule\n", "AttributeError: .*shedule.* line 7"),
        (WHOLE + "  def stages(s, p): return (1 / p,)\n", "ZeroDivisionError: .* line 7"),
        (WHOLE + "  rank: int = 0\n  def __post_init__(s): 1 / s.rank\n" + GIVES, "every setting needs a default that"),
    ],
)
def test_a_learner_that_would_fail_or_become_another_method_is_refused(tmp_path: Path, body: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(HEAD + body)
    with pytest.raises(AtlasError, match=message) as refused:
        find_learner(f"{tmp_path / 'mine.py'}:M")
    assert "\n" not in str(refused.value)


def test_names_that_are_taken_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="its `name` is 'ewc'; give it one that no other learner has"):
        find_learner(write(tmp_path / "mine.py", **{"spring-adapter": "ewc"}))
    with pytest.raises(AtlasError, match="the `kind` of SpringStage is 'sharing'; give it one of its own"):
        find_learner(write(tmp_path / "mine.py", **{'"spring"': '"sharing"'}))
    find_learner(ADDRESS)
    with pytest.raises(AtlasError, match="its `name` is 'spring-adapter'"):
        find_learner(write(tmp_path / "mine.py"))


def test_its_backbone_is_given_back_as_it_was(small_world: World, store: Store) -> None:
    before = {name: value.clone() for name, value in small_world.worker_context.backbone.state_dict().items()}
    small_world.learn(small_world.walk("digits", "easy-vqa", learner=find_learner(ADDRESS)(schedule=SCHEDULE)), store)  # type: ignore[call-arg]
    after = small_world.worker_context.backbone.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
