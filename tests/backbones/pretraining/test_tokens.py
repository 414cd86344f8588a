"""The tokenizer knows the suite's words whole, and spells the rest."""

from __future__ import annotations

from atlas.backbones import locate
from atlas.backbones.pretraining.tokens import CLS, PAD, SEP, SPECIALS, UNK, build_tokenizer, vocabulary
from atlas.tasks.offline.words import word_list


def test_words_are_one_token_each_and_framed() -> None:
    encoded = build_tokenizer().encode("Is there NOT a Blue circle?")
    assert encoded.tokens == ["[CLS]", "is", "there", "not", "a", "blue", "circle", "?", "[SEP]"]
    assert (encoded.ids[0], encoded.ids[-1]) == (CLS, SEP)


def test_any_other_text_is_spelt() -> None:
    encoded = build_tokenizer().encode("a zebra, 42!")
    assert "z" in encoded.tokens
    assert UNK not in encoded.ids


def test_the_vocabulary_has_no_repeats_and_begins_with_the_specials() -> None:
    tokens = vocabulary()
    assert len(tokens) == len(set(tokens))
    assert tokens[: len(SPECIALS)] == SPECIALS
    assert PAD == 0
    assert set(word_list()) <= set(tokens)


def test_the_shipped_tokenizer_is_the_one_that_is_built() -> None:
    assert (locate("vilt-tiny") / "tokenizer.json").read_text() == build_tokenizer().to_str(pretty=True)
