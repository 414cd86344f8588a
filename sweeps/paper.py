"""What does the paper's experiment give: four tasks in every order, then four unseen ones from few samples?

    python sweeps/paper.py --twins                    on the generated twins, which need nothing from outside
    python sweeps/paper.py --twins --smoke            the same, very small, to see that everything works
    python sweeps/paper.py                            on the real data, once `atlas prepare` has read it
    python sweeps/paper.py --backbone vilt-b32 --epochs 20 --batch-size 128 --learning-rate 5e-4 --shots 2048 --rank 48

Upstream SNLI-VE, PIQA, iNaturalist 2019 and VQA v2 (all 24 orders, the two published ones among them); downstream VCR,
CommonsenseQA, Places365 and NLVR2, from M_T by experience and by both stages, from M_0, and by the head alone.
Cost with --twins: 2 hours on two cores beside other work, resumable; with --smoke a minute. Expect the
order to change a task's final score by 4 to 20 points on route latest, and no gain downstream at the twins' scale.
"""

from __future__ import annotations

from atlas.sweep import Options, Sweep, main

DEFAULTS = Options.of(
    tasks=("snli-ve", "piqa", "inaturalist", "vqa"),
    downstream=("vcr", "commonsense-qa", "places365", "nlvr2"),
    shots=("64", "2048"),
    orders=("all",),
)
SMALL = DEFAULTS.changed(shots=("32",), steps=2, evaluate=(16, 16), orders=("2",))
SWEEP = Sweep(name="paper", question=__doc__ or "", searches_orders=True, defaults=DEFAULTS, small=SMALL)

if __name__ == "__main__":
    main(SWEEP)
