"""The tokenizer of `clip-tiny`: the words of `vilt-tiny`'s, with an end-of-text token of its own."""

from __future__ import annotations

from tokenizers import Tokenizer, processors

from atlas.backbones.pretraining import tokens

PAD = tokens.PAD
START, END = "[CLS]", "[EOT]"
MAX_TOKENS = 32


def build_tokenizer() -> Tokenizer:
    """A lower-casing WordPiece tokenizer that frames a text as [CLS] … [EOT].

    [SEP] separates the parts of a text, so that it cannot be the end, where CLIP pools.
    """
    tokenizer = tokens.build_tokenizer()
    tokenizer.add_special_tokens([END])
    framing = [(token, tokenizer.token_to_id(token)) for token in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=framing)
    return tokenizer


def token_number(token: str) -> int:
    """The number of a token that the tokenizer has."""
    number = build_tokenizer().token_to_id(token)
    assert number is not None
    return int(number)
