"""Which order of upstream tasks helps unseen tasks most, when they are learnt from few samples?

    python sweeps/downstream.py                                  6 orders of three offline tasks, probed on a fourth
    python sweeps/downstream.py --tasks snli-ve-twin vqa-twin piqa-twin --downstream vcr-twin nlvr2-twin --shots 64 256

After each order its model M_T learns every downstream task from few records, in two ways: by experience alone
(queries over the frozen adapters, and a head), and by both stages (then one new adapter). The same is learnt from the
bare backbone M_0, and by the head alone with as many updates. Trials are chosen by the mean validation score of the
downstream tasks. Every downstream step is a step: it is shared, stored and tracked like any other. Cost of the
default: 15 minutes on two cores by the plan's estimate. Expect what an order adds at this scale to be small, or a loss.
"""

from __future__ import annotations

from atlas.sweep import DOWNSTREAM, Options, Sweep, main

DEFAULTS = Options.of(
    tasks=("easy-vqa", "digits", "piqa-twin"), downstream=("easy-ve", "easy-pair"), shots=("64", "256")
)
SWEEP = Sweep(
    name="downstream",
    question=__doc__ or "",
    searches_orders=True,
    trials=6,
    defaults=DEFAULTS,
    goal=DOWNSTREAM,
    small=DEFAULTS.changed(
        tasks=DEFAULTS.search.tasks[:2], downstream=("easy-ve",), shots=("16",), steps=4, evaluate=(32, 32)
    ),
)

if __name__ == "__main__":
    main(SWEEP)
