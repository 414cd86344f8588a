from __future__ import annotations

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.tasks.reading.choices import choice_text


def test_question_and_answer_are_parted_by_the_separator_of_the_backbones_tokenizer() -> None:
    processor = Processor.load(locate("vilt-tiny"))
    encoded = processor.tokenizer.encode(choice_text("where is it ?", "here ."))
    written = [token for token in encoded.tokens if token != "[PAD]"]
    assert written == ["[CLS]", "where", "is", "it", "?", "[SEP]", "here", ".", "[SEP]"]
