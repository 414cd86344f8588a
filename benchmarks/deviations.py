"""Whether anything in a soak deviates from the quiet run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Deviations:
    """Expectations that did not hold."""

    found: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note `otherwise`, unless it `holds`."""
        if not holds:
            self.found.append(otherwise)
            print(f"DEVIATION: {otherwise}", flush=True)


def check_tracking(storage: Path, trials: int, deviations: Deviations) -> None:
    """Every committed step, each of so many trials and the sweep is one closed run in MLflow."""
    from atlas.tracking import default_tracking_uri
    from atlas.tracking.mlflow.address import connect

    client = connect(default_tracking_uri(storage))
    (experiment,) = client.search_experiments(filter_string="name = 'atlas'")
    runs = client.search_runs([experiment.experiment_id], max_results=5000)
    keys = Counter(run.data.tags["atlas.key"] for run in runs)
    deviations.expect(max(keys.values()) == 1, f"doubled runs: {[key for key, n in keys.items() if n > 1]}")
    still = [run.info.run_name for run in runs if run.info.status != "FINISHED"]
    deviations.expect(not still, f"runs not closed as FINISHED: {still}")
    kinds = Counter(run.data.tags["atlas.kind"] for run in runs)
    deviations.expect((kinds["sweep"], kinds["trial"]) == (1, trials), f"instead of 1 sweep, {trials} trials: {kinds}")
    steps = {path.parent.name for path in storage.glob("store/steps/*/*/commit.json")}
    deviations.expect(steps <= set(keys), f"steps without a run: {sorted(steps - set(keys))}")
