"""The tokenizer of `vilt-tiny`: one token a word of the offline suite, letters for everything else."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from atlas.tasks.offline.words import LETTERS, PUNCTUATION, word_list

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNK, CLS, SEP, MASK = range(len(SPECIALS))


def vocabulary() -> tuple[str, ...]:
    """Every token, in the order of its number."""
    pieces = (*SPECIALS, *PUNCTUATION, *LETTERS, *(f"##{letter}" for letter in LETTERS), *word_list())
    return tuple(dict.fromkeys(pieces))


def build_tokenizer() -> Tokenizer:
    """A lower-casing WordPiece tokenizer that frames a text as [CLS] … [SEP]."""
    numbers = {token: i for i, token in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=40))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer
