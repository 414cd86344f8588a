"""The text of a choice: a question and one of its answers."""

from __future__ import annotations

SEPARATOR = "[SEP]"  # BERT-like tokenizers make their own token of it, wherever it stands in a text


def choice_text(question: str, answer: str) -> str:
    """Question and answer as the two parts of a pair, as BERT reads them and as CLiMB writes them."""
    return f"{question} {SEPARATOR} {answer}"
