"""The chat template of a checkpoint: the texts that stand around a record's text in a prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlas.backbones.config import read_json
from atlas.runtime.errors import UserError
from atlas.runtime.text import first_line

if TYPE_CHECKING:
    from pydantic import JsonValue

TEXT = "<<text>>"  # stands for a record's text while a template is rendered
SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")
# A prompt of a checkpoint without a template.
PLAIN = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{{ image_token + '\n' if part['type'] == 'image' else part['text'] }}"
    "{% endfor %}{% endfor %}{{ '\n' }}"
)


@dataclass(frozen=True, kw_only=True)
class ChatTemplate:
    """A Jinja template of conversations, and the special tokens that it may name."""

    template: str
    tokens: Mapping[str, str]

    @classmethod
    def load(cls, folder: Path, *, image_token: str) -> ChatTemplate:
        """The template of a checkpoint's folder, from any of the files that transformers keeps it in; PLAIN where none
        has one.

        Raises UserError for a file that cannot be read.
        """
        config = read_json(folder / "tokenizer_config.json", optional=True)
        tokens = {**read_json(folder / "special_tokens_map.json", optional=True), **config}
        named = {name: token for name in SPECIAL if (token := _content(tokens.get(name)))}
        return cls(template=_template(folder, config) or PLAIN, tokens={**named, "image_token": image_token})

    def frame(self, images: int) -> tuple[str, str]:
        """What stands before and after the text of a prompt with so many images, to which an answer is to follow.

        Raises UserError for a template that cannot be rendered, or that leaves the text out.
        """
        from transformers.utils.chat_template_utils import render_jinja_template

        content: list[dict[str, str]] = [{"type": "image"}] * images + [{"type": "text", "text": TEXT}]
        settings: dict[str, Any] = {**self.tokens, "add_generation_prompt": True, "chat_template": self.template}
        try:
            found: Any = render_jinja_template([[{"role": "user", "content": content}]], **settings)
        except Exception as error:  # a template is a program: it may raise whatever it likes
            raise UserError(
                f"the chat template cannot be rendered: {type(error).__name__}: {first_line(error)}"
            ) from error
        rendered = found[0][0]
        before, text, after = rendered.partition(TEXT)
        if not text:
            raise UserError(f"the chat template leaves a message's text out; it gives {rendered!r:.80}")
        return before, after

    @property
    def decisive(self) -> list[JsonValue]:
        """Everything that decides a prompt, for a digest."""
        return [self.template, json.dumps(dict(self.tokens), sort_keys=True)]


def _template(folder: Path, config: Mapping[str, JsonValue]) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    whole = read_json(folder / "processor_config.json", optional=True)
    for place in (read_json(folder / "chat_template.json", optional=True), whole, config):
        found = place.get("chat_template")
        if isinstance(found, list):  # several, by name
            found = {one["name"]: one["template"] for one in found if isinstance(one, dict)}.get("default")
        if isinstance(found, str):
            return found
    return None


def _content(token: JsonValue) -> str | None:
    """A special token's text, which files have as it is or with its settings."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else None
