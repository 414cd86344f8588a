"""The Jinja2 environment of the page: what is not `Markup` is escaped, an unknown name is an error."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.report.formats import number, rounded
from atlas.report.views import Section
from atlas.runtime.text import duration

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates of `atlas/report/templates`, with the formats of numbers as filters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"number": number, "rounded": rounded, "duration": duration}
    return made


def render(section: Section) -> str:
    """The HTML of one section. Raises jinja2.UndefinedError where its template names what the section has not."""
    return environment().get_template(section.template).render(section=section)
