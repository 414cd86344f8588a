"""What a run says of other runs: names, links and notes, fitted to MLflow's limits. Pure text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypedDict

TAG_CHARACTERS = 8000
PARAM_CHARACTERS = 6000


class Link(TypedDict):
    """A trial's step: its store key, its run's name and id (None while the run is unknown), tasks seen."""

    key: str
    name: str
    run_id: str | None
    tasks_seen: int


def plain(name: str) -> str:
    """`name` with what MLflow refuses in names of metrics and parameters replaced by '_'; 250 characters."""
    return re.sub(r"[^/\w.\- :]", "_", name)[:250]


def text(value: Any) -> str:
    """A parameter's value as text: an order with arrows, JSON for other containers, cut at 6,000 characters."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        value = " → ".join(value)
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    return shown if len(shown) <= PARAM_CHARACTERS else shown[: PARAM_CHARACTERS - 1] + "…"


def fitted_note(note: str) -> str:
    return note if len(note) <= TAG_CHARACTERS else note[: TAG_CHARACTERS - 1] + "…"


def steps_tag(links: Sequence[Link]) -> str:
    """`links` as JSON within a tag's 8,000 characters: the names go first, then the oldest links."""
    whole = json.dumps(links, separators=(",", ":"))
    if len(whole) <= TAG_CHARACTERS:
        return whole
    short = [{**link, "name": ""} for link in links]
    while len(json.dumps(short, separators=(",", ":"))) > TAG_CHARACTERS:
        short.pop(0)
    return json.dumps(short, separators=(",", ":"))


def parse_steps(tag: str | None) -> list[Link]:
    return list(json.loads(tag)) if tag else []


def steps_note(links: Sequence[Link], experiment_id: str, order: str) -> str:
    """The note of a trial: its order and a link to the run of every step it walked."""
    title = f"**Order:** {order}\n\n" if order else ""
    lines = [f"- after {link['tasks_seen']}: {_linked(link, experiment_id)}" for link in links]
    about = "**Steps of this trial** (each logged once, shared between trials)"
    return fitted_note(f"{title}{about}\n\n" + "\n".join(lines))


def _linked(link: Link, experiment_id: str) -> str:
    name = link["name"] or link["key"][:12]
    if link["run_id"] is None:
        return f"{name} (run not logged here)"
    return f"[{name}](#/experiments/{experiment_id}/runs/{link['run_id']})"
