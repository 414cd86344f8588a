"""In which order should these tasks be learnt, so that most is known after the last?

    python sweeps/task_order.py                                  6 of the 24 orders of four offline tasks
    python sweeps/task_order.py --orders all --seeds 0 1 2
    python sweeps/task_order.py --orders digits,easy-vqa,easy-ve,piqa-twin piqa-twin,easy-ve,easy-vqa,digits

    python sweeps/task_order.py --before digits,easy-ve --sampler orders --orders 8

Each trial walks one order; orders are proposed task by task, so that a prefix seen before is a step shared. Orders
are ranked by the average accuracy over all tasks after the last one (val); what is forgotten stands beside it.
Cost of the default: about 5 minutes on two cores, nothing when run again. Expect the order to change a task's final
score by tens of points on route latest: what is learnt last is kept best.
"""

from __future__ import annotations

from atlas.sweep import Sweep, main

SWEEP = Sweep(name="task-order", question=__doc__ or "", searches_orders=True, trials=6)

if __name__ == "__main__":
    main(SWEEP)
