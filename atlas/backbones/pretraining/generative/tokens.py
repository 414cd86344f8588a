"""The tokenizer of `vlm-tiny`: one token a word of the offline suite, characters and bytes for everything else."""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from atlas.tasks.offline.words import LETTERS, word_list

PAD, START, END, IMAGE, USER, ASSISTANT = "<pad>", "<s>", "</s>", "<image>", "<user>", "<assistant>"
SPECIALS = (PAD, START, END, IMAGE, USER, ASSISTANT, "[SEP]")  # the last one separates the parts of a task's text
SPACE = "▁"  # stands for the space before a word
# Words of questions and classes that the offline suite's list lacks.
MORE_WORDS: tuple[str, ...] = ("unknown", "read", "say", "tell", "describe", "write", "name", "entailment", "neutral")
MORE_WORDS += ("contradiction", "unanswerable", "using", "phrase", "option", "options", "please", "given", "following")
MORE_WORDS += ("best",)
CHARACTERS = (*LETTERS, *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_PIECES = rf"{SPACE}?\p{{L}}+|{SPACE}?\p{{N}}|{SPACE}?[^\p{{L}}\p{{N}}{SPACE}]|{SPACE}"
CHAT = (
    "{{ '<s>' }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '<assistant>' }}{% else %}{{ '<user>' }}{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}"
    "{% if message['role'] == 'assistant' %}{{ '</s>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def words() -> tuple[str, ...]:
    """Every word that is one token."""
    return (*word_list(), *MORE_WORDS)


def vocabulary() -> tuple[str, ...]:
    """Every token, in the order of its number: special ones, bytes, characters, words."""
    pieces = (*SPECIALS, *(f"<0x{byte:02X}>" for byte in range(256)), SPACE, *CHARACTERS)
    return tuple(dict.fromkeys((*pieces, *(SPACE + one for one in (*CHARACTERS, *words())))))


def build_tokenizer() -> Tokenizer:
    """A lower-casing tokenizer that reads back what it wrote: any text encodes, and decodes to itself but for case and
    repeated spaces. It adds no special token: the chat template writes them."""
    numbers = {token: number for number, token in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.BPE(numbers, [], byte_fallback=True, ignore_merges=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    metaspace = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always", split=False)
    pieces = pre_tokenizers.Split(Regex(_PIECES), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([metaspace, pieces])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return tokenizer


def token_number(token: str) -> int:
    """The number of a token that the tokenizer has."""
    return vocabulary().index(token)
