"""Does a sweep that is killed again and again end as the quiet one does?

    python benchmarks/soak.py                            an hour, on this machine
    python benchmarks/soak.py --minutes 5 --seed 3

First the sweep runs undisturbed, unless `--quiet` names the storage where it has. Then it runs under kills, from an
empty store: every few seconds to minutes one of its processes is killed, drawn by the seed from fleet workers, fleet
controllers, trials, the broker, MLflow's writer and the driver (SIGKILL, and SIGINT as by Ctrl-C). Where the driver
went, it is started again with --resume. Once such a sweep has ended the next begins, until the minutes are over; the
one under way is then left in peace to its end.
Printed: each kill, a table of them, what they cost. The exit code is 1 where anything deviates: an accuracy matrix
differs from the quiet one's, a committed step was altered or learnt again, a run in MLflow is missing, doubled or still
open, a process is left, or a run of the sweep ended by itself before it should.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from deviations import Deviations, check_tracking
from learning import BEGUN, COMMITTED, learnings, learnt_again
from processes import TITLES, called, children, kill, living, marked

from atlas.tracking import is_settled

SWEEP = Path(__file__).resolve().parent.parent / "sweeps" / "task_order.py"
KINDS = (*TITLES, "driver", "interrupt")
GRACE = 60.0  # seconds within which all processes of a driver that was killed have to be gone


class Round:
    """One sweep under kills, from its start to its end, in as many runs as it takes."""

    def __init__(self, storage: Path, given: argparse.Namespace, deviations: Deviations) -> None:
        self.storage, self.given, self.deviations = storage, given, deviations
        self.kills: Counter[str] = Counter()
        self.runs = 0
        self.seen: dict[str, str] = {}
        self.below: set[int] = set()
        self.mark = f"ATLAS_SOAK={storage.name}-{os.getpid()}"

    def run(self, dice: random.Random, until: float) -> None:
        """Run the sweep to its end; kill no more after `until` (monotonic seconds)."""
        while not self.ended():
            self.runs += 1
            cause = self._run_once(dice, until)
            self._expect_nothing_left()
            if not cause and not self.ended():
                self.deviations.expect(False, f"run {self.runs} ended by itself; see {self._log}")
                return

    def ended(self) -> bool:
        """Whether the summary says that the sweep has finished, and MLflow has all of it."""
        settled = all(is_settled(folder / "spool") for folder in self.storage.glob("sweeps/*"))
        return settled and [summary["sweep"]["status"] for summary in summaries(self.storage)] == ["FINISHED"]

    @property
    def _log(self) -> Path:
        return self.storage / f"run-{self.runs}.log"

    def _run_once(self, dice: random.Random, until: float) -> str:
        """One driver's life; gives what it was ended by, nothing where by itself."""
        resume = ["--resume"] if list(self.storage.glob("sweeps/*/options.json")) else []
        process = start([*self.given.sweep, *resume], self.storage, self._log, mark=self.mark)
        cause = ""
        while process.poll() is None:
            self._wait(process, dice.uniform(0, 1))
            if process.poll() is None and time.monotonic() < until and not cause:
                cause = self._kill_one(process, dice)
        return cause

    def _wait(self, process: subprocess.Popen[bytes], share: float) -> None:
        """Until the next kill: between the two numbers of `--every`, short waits as likely as long ones."""
        low, high = map(math.log, self.given.every)
        deadline = time.monotonic() + math.exp(low + share * (high - low))
        while process.poll() is None and time.monotonic() < deadline:
            self._look()
            time.sleep(0.5)

    def _kill_one(self, process: subprocess.Popen[bytes], dice: random.Random) -> str:
        """Kill something; gives its kind where that ends the driver."""
        what = dice.choice(KINDS)
        found = [process.pid] if what in ("driver", "interrupt") else called(what, self.mark)
        if not found:
            return ""
        self._look()
        self.below |= {*children(process.pid)}
        kill(dice.choice(found), signal.SIGINT if what == "interrupt" else signal.SIGKILL)
        self.kills[what] += 1
        print(f"  run {self.runs}: {what} killed with {len(self.seen)} steps committed", flush=True)
        return what if what in ("driver", "interrupt") else ""

    def _look(self) -> None:
        """Remember the attempt that each committed step is of: it may never change, nor go."""
        now = {path.parent.name: path.read_text() for path in self.storage.glob("store/steps/*/*/commit.json")}
        for key, marker in self.seen.items():
            self.deviations.expect(now.get(key) == marker, f"the committed step {key[:12]} was altered")
        self.seen = now

    def _expect_nothing_left(self) -> None:
        deadline = time.monotonic() + GRACE
        while (left := {*marked(self.mark), *living(self.below)}) and time.monotonic() < deadline:
            time.sleep(0.5)
        self.deviations.expect(not left, f"processes left after run {self.runs}: {left}")
        for pid in left:
            kill(pid)
        self.below.clear()


def start(arguments: Sequence[str], storage: Path, log: Path, *, mark: str) -> subprocess.Popen[bytes]:
    """Start a sweep; all its processes bear `mark`, NAME=VALUE, in their environment."""
    name, _, value = mark.partition("=")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))}
    environment = {**kept, "HF_HUB_OFFLINE": "1", "RAY_TMPDIR": str(ray_folder(storage)), name: value}
    command = [sys.executable, str(SWEEP), *arguments, "--storage", str(storage)]
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)


def ray_folder(storage: Path) -> Path:
    """The folder of Ray's logs, created with a short path, since Ray's sockets lie there too."""
    folder = Path("/tmp") / f"soak-{storage.name[:8]}-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    return folder


def summaries(storage: Path) -> list[dict[str, Any]]:
    """The summaries under a storage."""
    return [json.loads(path.read_text()) for path in storage.glob("sweeps/*/summary.json")]


def results(storage: Path) -> dict[str, Any]:
    """Every accuracy matrix, by order and seed, and the references."""
    (summary,) = summaries(storage)
    found = {f"{','.join(trial['order'])} {trial['seed']}": trial["R"] for trial in summary["trials"]}
    return {**found, "references": summary["references"]}


def workplace(given: argparse.Namespace) -> Path:
    """A folder for everything: that of `--storage`, or a temporary one."""
    if not given.storage:
        return Path(tempfile.mkdtemp(prefix="atlas-soak-"))
    Path(given.storage).mkdir(parents=True, exist_ok=True)
    return Path(given.storage).resolve()


def quiet_run(folder: Path, given: argparse.Namespace) -> Path:
    """The storage of the sweep that nobody disturbs, run here unless `--quiet` names one."""
    if given.quiet is not None:
        (summary,) = summaries(given.quiet)
        took = datetime.fromisoformat(summary["sweep"]["finished"]) - datetime.fromisoformat(
            summary["sweep"]["started"]
        )
        print(f"quiet sweep: {took.total_seconds():.0f} s", flush=True)
        return Path(given.quiet)
    storage = folder / "quiet"
    storage.mkdir()
    began = time.monotonic()
    process = start(given.sweep, storage, storage / "run.log", mark="ATLAS_SOAK=quiet")
    if process.wait() != 0:
        sys.exit(f"the quiet sweep failed:\n{(storage / 'run.log').read_text()[-4000:]}")
    print(f"quiet sweep: {time.monotonic() - began:.0f} s", flush=True)
    return storage


def soak(folder: Path, given: argparse.Namespace) -> Deviations:
    """The quiet sweep, and sweeps under kills until the minutes are over; gives what deviated."""
    deviations, dice = Deviations(), random.Random(given.seed)
    began = time.monotonic()
    quiet = quiet_run(folder, given)
    until = time.monotonic() + 60 * given.minutes
    expected = results(quiet)
    kills: Counter[str] = Counter()
    number = 0
    while number == 0 or time.monotonic() < until:
        number += 1
        storage = folder / f"round-{number}"
        storage.mkdir()
        shutil.copytree(quiet / "data", storage / "data")
        kills += _one_round(Round(storage, given, deviations), dice, until, expected)
        if deviations.found:
            break
    _print_kills(kills, number, time.monotonic() - began)
    shutil.rmtree(ray_folder(quiet), ignore_errors=True)
    return deviations


def _one_round(sweep: Round, dice: random.Random, until: float, expected: dict[str, Any]) -> Counter[str]:
    """One sweep under kills, compared with what is expected; gives the kills."""
    began = time.monotonic()
    sweep.run(dice, until)
    if sweep.ended():
        sweep.deviations.expect(results(sweep.storage) == expected, "an accuracy matrix differs from the quiet run's")
        check_tracking(sweep.storage, len(summaries(sweep.storage)[0]["trials"]), sweep.deviations)
    lines = learnings(ray_folder(sweep.storage))
    again = learnt_again(lines)
    sweep.deviations.expect(not again, f"committed steps learnt again: {again}")
    begun, done = (sum(line.what == what for line in lines) for what in (BEGUN, COMMITTED))
    kills = sum(sweep.kills.values())
    print(
        f"{sweep.storage.name}: {time.monotonic() - began:.0f} s, {sweep.runs} runs, {kills} kills; "
        f"{done} steps learnt, {begun - done} begun and lost, {len(again)} learnt again after their commit",
        flush=True,
    )
    shutil.rmtree(ray_folder(sweep.storage), ignore_errors=True)
    return sweep.kills


def _print_kills(kills: Counter[str], rounds: int, seconds: float) -> None:
    print(f"\n{rounds} sweeps under kills in {seconds / 60:.1f} minutes")
    for what in KINDS:
        print(f"  {what:<12}{kills[what]:4}")


def main() -> None:
    """Soak, and exit with 1 where anything deviated."""
    given = _parser().parse_args()
    folder = workplace(given)
    deviations = soak(folder, given)
    if deviations.found:
        sys.exit(f"{len(deviations.found)} deviations; everything is kept in {folder}")
    print("identical to the quiet run")
    if not given.storage:
        shutil.rmtree(folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    minutes = "after the quiet sweep; no kills after that (default: %(default)s)"
    parser.add_argument("--minutes", type=float, default=60.0, help=minutes)
    parser.add_argument("--quiet", type=Path, help="the storage of the same sweep, undisturbed (default: run it)")
    parser.add_argument("--seed", type=int, default=0, help="decides what is killed, and when (default: %(default)s)")
    parser.add_argument("--storage", default="", help="keep everything here (default: only where anything deviates)")
    parser.add_argument(
        "--every", type=float, nargs=2, default=[4.0, 90.0], metavar="SECONDS", help="between kills (default: 4 90)"
    )
    parser.add_argument(
        "--sweep",
        default="--tasks digits piqa-twin easy-vqa --orders all --steps 20 --evaluate 64 128",
        type=str.split,
        help="options of the sweep, in quotes (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    main()
