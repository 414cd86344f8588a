"""Scores of free texts and of captions, by name.

To add one: its file, a line in TEXT_SCORES or RECALL_SCORES, its name in `TextScoring` or `CaptionScoring`.
"""

from __future__ import annotations

from atlas.tasks.scoring.anls import Anls, stripped
from atlas.tasks.scoring.bleu import Bleu
from atlas.tasks.scoring.boxes import BoxOverlap
from atlas.tasks.scoring.cider import Cider
from atlas.tasks.scoring.exact import Contains, Exact, Letter, in_one_line, letters_alone, without_full_stop
from atlas.tasks.scoring.recall import WAYS, Recall
from atlas.tasks.scoring.rouge import RougeL
from atlas.tasks.scoring.soft_vqa import SoftVqa
from atlas.tasks.scoring.text_score import RecordScore, References, TextScore

REFUSAL = "Unanswerable"  # what models say that were taught to refuse; benchmarks count it as wrong
BOX_SCORES: dict[str, TextScore] = {"iou": BoxOverlap(), "iou-coin": BoxOverlap(cut=1)}
TEXT_SCORES: dict[str, TextScore] = {
    "exact": Exact(),
    "exact-upper": Exact(compared=str.upper),
    "exact-lower": Exact(compared=str.lower),
    "exact-gqa": Exact(compared=without_full_stop),
    "exact-answerable": Exact(compared=str.lower, refusal=REFUSAL),
    "letter": Letter(),
    "contains": Contains(),
    "contains-lower": Contains(compared=str.lower),
    "contains-line": Contains(compared=in_one_line),
    "contains-letters": Contains(compared=letters_alone),
    "contains-answerable": Contains(compared=str.lower, refusal=REFUSAL),
    "contains-either": Contains(either=True),
    "vqa": SoftVqa(),
    "anls": Anls(),
    "anls-trigap": Anls(least=0.0, compared=stripped),
    "rouge-l": RougeL(),
    "bleu": Bleu(),
    "cider": Cider(),
    **BOX_SCORES,
}
CUTS = (1, 5, 10)
RECALL_SCORES: dict[str, Recall] = {
    **{f"recall@{k}": Recall(k=k) for k in CUTS},
    **{f"{way}@{k}": Recall(k=k, ways=(way,)) for way in WAYS for k in CUTS},
}

__all__ = ["BOX_SCORES", "RECALL_SCORES", "TEXT_SCORES", "Recall", "RecordScore", "References", "TextScore"]
