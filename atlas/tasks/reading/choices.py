"""The text of a choice: a question and one of its answers."""

from __future__ import annotations

SEPARATOR = "[SEP]"  # BERT-like tokenizers make their own token of it, wherever it stands in a text


def choice_text(question: str, answer: str) -> str:
    """Question and answer as the two parts of a pair, as BERT reads them and as CLiMB writes them.

    Where the text is too long for a backbone, the question is cut and the answer stays. The same holds for a premise
    and a hypothesis, and for texts of more parts: the last one stays.
    """
    return f"{question} {SEPARATOR} {answer}"
