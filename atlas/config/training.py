"""Options of training: backbone, learner, schedule, and the records that score a task."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from numbers import Integral
from typing import Annotated, Any, Literal, get_args

from tyro.conf import arg

from atlas.learners import AskedPrecision
from atlas.learners.readouts import HEAD, READOUTS
from atlas.learners.schedule import DECAYS
from atlas.runtime.errors import UserError, unknown

# More than anybody trains with: a slip of the keyboard, that would be found out only by the training.
MOST = {"rank": 8192, "steps": 10**8, "batch_size": 10**6, "epochs": 10**6, "learning_rate": 100}

AUTO = "auto"
WHOLE = ("rank", "steps", "batch_size")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Settings of training: combinations of them are checked by the learner that takes them.

    Raises:
        UserError: a number out of its range, or a negative number of records to evaluate.
    """

    backbone: Annotated[str, arg(metavar="NAME")] = "vilt-tiny"
    """A name, a folder or a hub id: a ViLT, CLIP, MetaCLIP 2, SigLIP, LLaVA, Idefics3, SmolVLM or Qwen2.5-VL."""
    readout: Annotated[str, arg(metavar="NAME")] = HEAD
    """How tasks answer: head; similarity (CLIP, SigLIP); likelihood, mean-likelihood or generation (in words)."""
    towers: Annotated[tuple[str, ...], arg(metavar="NAME", help_behavior_hint="(default: all)")] = ()
    """Adapters in these towers alone: vision, text (CLIP, SigLIP); vision, language (in words)."""
    learner: Annotated[str, arg(metavar="NAME")] = "atlas"
    """A name, or your own as FILE.py:NAME."""
    settings_of: Annotated[str | None, arg(metavar="SWEEP", help_behavior_hint="")] = None
    """Take the learner's settings from the best trial of an earlier sweep (id, or path of its summary.json)."""
    tuned: Annotated[str, arg(metavar="JSON", help_behavior_hint="")] = ""
    """A learner's settings as JSON; --settings-of fills them in."""
    tokens: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: as many as the backbone takes)")] = (
        None
    )
    """Tokens of a text; longer texts are cut to them."""
    rank: Annotated[int, arg(metavar="N")] = 16
    """Rank of the adapters."""
    steps: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 100)")] = None
    """Optimiser updates a stage; wins over --epochs."""
    epochs: Annotated[float | None, arg(metavar="N", help_behavior_hint="")] = None
    """Epochs a stage."""
    batch_size: Annotated[int | Literal["auto"] | None, arg(metavar="N", help_behavior_hint="(default: 32)")] = None
    """Records an update, over all workers. auto: the default, computed in parts where a GPU's memory is too small."""
    learning_rate: Annotated[float | None, arg(metavar="RATE", help_behavior_hint="(default: the learner's)")] = None
    """Peak rate."""
    decay: Annotated[
        Literal["linear", "cosine", "constant"] | None, arg(metavar="NAME", help_behavior_hint="(default: linear)")
    ] = None
    """Of the rate: linear, cosine; constant, with no warm-up, whose lengths share their updates in a sweep."""
    precision: Annotated[AskedPrecision, arg(metavar="NAME")] = "auto"
    """auto: float32 on CPUs, bfloat16 on GPUs (float16 where they have none). Or float32, bfloat16, float16."""
    max_gradient_norm: Annotated[float | None, arg(metavar="NORM", help_behavior_hint="(default: no bound)")] = None
    """Scale an update's gradients down to this norm."""
    evaluate: Annotated[tuple[int, int], arg(metavar="VAL TEST")] = (200, 400)
    """Records that score a task, of each split (0: all)."""
    score_ahead: Literal["auto", "yes", "no"] = "auto"
    """Score tasks before they are learnt, too. auto: by similarity, in suites whose figures need it (mtil, xtail)."""
    label_space: Literal["auto", "all", "learnt", "none"] = "auto"
    """Score pictures among the classes of all tasks, or of those learnt, too: route free. auto: all in xtail."""

    def __post_init__(self) -> None:
        self._check_numbers()
        if self.precision not in get_args(AskedPrecision):
            raise unknown("--precision", self.precision, get_args(AskedPrecision))
        if self.readout not in READOUTS:
            raise unknown("--readout", self.readout, READOUTS)
        for flag, value, known in (
            ("--decay", self.decay or DECAYS[0], DECAYS),
            ("--score-ahead", self.score_ahead, ("auto", "yes", "no")),
            ("--label-space", self.label_space, ("auto", "all", "learnt", "none")),
        ):
            if value not in known:
                raise unknown(f"value of {flag}", value, known)
        if min(self.evaluate) < 0:
            raise UserError(f"--evaluate is {self.evaluate}; give two numbers of records, 0 for all.")

    def _check_numbers(self) -> None:
        for name in (*WHOLE, "tokens"):
            value = getattr(self, name)
            if (name, value) == ("batch_size", AUTO):
                continue
            if value is not None and (isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1):
                raise UserError(f"{_flag(name)} is {value!r}; give a whole number of 1 or more.")
        for name in ("epochs", "learning_rate", "max_gradient_norm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UserError(f"{_flag(name)} is {value}; give a number above 0.")
        for name, most in MOST.items():
            if (value := getattr(self, name)) not in (None, AUTO) and value > most:
                raise UserError(f"{_flag(name)} is {value}; give at most {most}.")


def check_numbers(part: Any, owner: str) -> None:
    """Raises UserError for a number of a learner, or of a schedule in it, that is beyond MOST or is none.

    `part` is a dataclass, as `owner` begins the message.
    """
    for name in [one.name for one in fields(part)] if is_dataclass(part) else ():
        value = getattr(part, name)
        if is_dataclass(value):
            check_numbers(value, f"{owner} {name}:")
        elif isinstance(value, float) and math.isnan(value):
            raise UserError(f"{owner} {name} {value}; give a number.")
        elif name in WHOLE and value is not None and type(value) is not int:
            raise UserError(f"{owner} {name} {value!r}; give a whole number.")
        elif name in MOST and value is not None and not value <= MOST[name]:
            raise UserError(f"{owner} {name} {value}; give at most {MOST[name]}.")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
