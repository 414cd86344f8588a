"""Does LoRA need a higher rank than a bottleneck?"""

from dataclasses import replace

from atlas.sweep import Sweep, base_learner, main


def learner(trial, options):
    kind = trial.suggest_categorical("adapter", ["bottleneck", "lora"])
    return replace(base_learner(options.training), adapter=kind, rank=trial.suggest_categorical("rank", [4, 16, 48]))


SWEEP = Sweep(name="lora-rank", question=__doc__, learner=learner, trials=6)

if __name__ == "__main__":
    main(SWEEP)
