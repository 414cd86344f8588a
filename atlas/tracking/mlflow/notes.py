"""Texts of runs, fitted to MLflow's limits: names, parameters, notes, and a trial's links to its steps. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter

TAG_CHARACTERS = 8000
PARAM_CHARACTERS = 6000
NAME_CHARACTERS = 250
WALKED = ("order", "orders", "seeds")  # of a trial's parameters: what it walks


class Link(BaseModel):
    """A step of a trial: its key in the store, its run's name and id (None while unknown), and tasks seen."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    key: str
    name: str
    run_id: str | None
    tasks_seen: int


def plain(name: str) -> str:
    """`name` with characters that MLflow refuses in metrics and parameters replaced by '_'; 250 characters at most."""
    return re.sub(r"[^/\w.\- :]", "_", name)[:NAME_CHARACTERS]


def suggested(params: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The settings that the search suggested, of a trial's parameters: all but its walks and nested objects.

    The learner's name comes first where the trial walks no order of its own: a search may choose among learners.
    """
    known = (item for item in params.items() if item[0] not in WALKED and not isinstance(item[1], dict))
    found: dict[str, JsonValue] = dict(known)
    learner = params.get("learner")
    if params.get("order") or not isinstance(learner, dict) or "name" not in learner:
        return found
    return {"learner.name": learner["name"], **found}


def run_name(params: Mapping[str, JsonValue]) -> str:
    """A trial's name: its order, else its suggested settings (`lora, rank 16`); empty where it has neither."""
    if params.get("order"):
        return text(params["order"])[:NAME_CHARACTERS]
    parts = (value if isinstance(value, str) else f"{name} {text(value)}" for name, value in suggested(params).items())
    return ", ".join(parts)[:NAME_CHARACTERS]


def text(value: JsonValue) -> str:
    """A parameter's value as text: an order with arrows, JSON for other containers, cut at 6,000 characters."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " → ".join(map(str, value))
    shown = value if isinstance(value, str) else json.dumps(value)
    return shown if len(shown) <= PARAM_CHARACTERS else shown[: PARAM_CHARACTERS - 1] + "…"


def fitted_note(note: str) -> str:
    """`note`, cut to the characters of a tag."""
    return note if len(note) <= TAG_CHARACTERS else note[: TAG_CHARACTERS - 1] + "…"


def steps_tag(links: Sequence[Link]) -> str:
    """`links` as JSON within a tag's 8,000 characters: the names go first, then the oldest links."""
    whole = _spelt(links)
    if len(whole) <= TAG_CHARACTERS:
        return whole
    short = [link.model_copy(update={"name": ""}) for link in links]
    while len(_spelt(short)) > TAG_CHARACTERS:
        short.pop(0)
    return _spelt(short)


def _spelt(links: Sequence[Link]) -> str:
    return json.dumps([link.model_dump() for link in links], separators=(",", ":"))


def parse_steps(tag: str | None) -> list[Link]:
    """The links of a tag that `steps_tag` made; none where there is no tag."""
    return TypeAdapter(list[Link]).validate_json(tag) if tag else []


def steps_note(links: Sequence[Link], experiment_id: str, order: str) -> str:
    """The note of a trial: its order and a link to the run of every step it walked."""
    title = f"**Order:** {order}\n\n" if order else ""
    lines = [f"- after {link.tasks_seen}: {_linked(link, experiment_id)}" for link in links]
    about = "**Steps of this trial** (each logged once, shared between trials)"
    return fitted_note(f"{title}{about}\n\n" + "\n".join(lines))


def _linked(link: Link, experiment_id: str) -> str:
    name = link.name or link.key[:12]
    if link.run_id is None:
        return f"{name} (run not logged here)"
    return f"[{name}](#/experiments/{experiment_id}/runs/{link.run_id})"
