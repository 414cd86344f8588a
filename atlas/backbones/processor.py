"""The processor of a backbone: encodes images to pixels and texts to token numbers.

Everything is read from the backbone's folder: `config.json` (image_size, max_position_embeddings),
`preprocessor_config.json` (image_mean, image_std; 0.5 where it is absent; do_center_crop) and `tokenizer.json` (else
any tokenizer that transformers can load from the folder); of a generative model the chat template, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from atlas.backbones.chat_template import ChatTemplate
from atlas.backbones.config import read_image_config
from atlas.backbones.families import FAMILIES, read_config
from atlas.backbones.prompts import RECIPE as PROMPTS_RECIPE
from atlas.backbones.prompts import Prompts
from atlas.backbones.text_rows import TextRows, text_rows
from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import UserError
from atlas.tasks.reading.rgb import as_rgb

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue
    from tokenizers import Tokenizer

RECIPE = 1  # raised by hand when the same image or text gives other numbers
TOKENS = 40  # of a text, where the backbone's configuration does not say how many it takes


@dataclass(frozen=True, kw_only=True)
class Processor:
    """Encodes images to uint8 [3, S, S] and texts to int32 [L]; `digest` is that of everything that decides both.

    max_tokens: L, of the `most_tokens` that the backbone takes. mean and std are per channel, of pixels in [0, 1]:
    backbones normalise pixels x to (x / 255 - mean) / std. pad_id is a number that no text holds: where the padding
    token may stand in a text, it is one past the vocabulary, and the backbone puts its own token there. crops: an image
    is cut to a square, not scaled to one. prompts: of a backbone that answers in words; a text's tokens are those of
    its prompt.
    """

    folder: Path
    image_size: int
    max_tokens: int
    most_tokens: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pad_id: int
    vocab_size: int
    digest: str
    tokenizer: Tokenizer = field(repr=False, compare=False)
    crops: bool = False
    prompts: Prompts | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path, *, max_tokens: int | None = None) -> Processor:
        """The processor of a backbone's folder. Texts have as many tokens as the backbone has positions, or fewer.

        Raises UserError where a file is missing, unreadable or incomplete.
        """
        folder = Path(folder)
        config = read_config(folder)
        image_config = read_image_config(folder, nested=_has_prompts(config))
        size = square_side(config, folder)
        positions = config.get("max_position_embeddings")
        takes = positions if isinstance(positions, int) else max_tokens or TOKENS
        usual = config.get("text_tokens")
        length = min(max_tokens or (usual if isinstance(usual, int) else takes), takes)
        tokenizer = load_tokenizer(folder)
        # a dual encoder's padding is often its end-of-text token, or a word
        pad_id = tokenizer.get_vocab_size() if "text_config" in config else find_pad(tokenizer, config, folder)
        prompts = find_prompts(folder, config, tokenizer)
        pad_id = pad_id if prompts is None else prompts.pad_id
        tokenizer.enable_truncation(length)
        tokenizer.enable_padding(pad_id=pad_id, length=length)
        mean, std = channels(image_config.get("image_mean")), channels(image_config.get("image_std"))
        crops = bool(image_config.get("do_center_crop"))
        decisive = [RECIPE, size, length, mean, std, pad_id, tokenizer.to_str(), *(["crops"] if crops else [])]
        decisive += (
            [] if prompts is None else [PROMPTS_RECIPE, prompts.image_id, prompts.end, *prompts.template.decisive]
        )
        return cls(
            folder=folder,
            image_size=size,
            max_tokens=length,
            most_tokens=takes,
            mean=mean,
            std=std,
            pad_id=pad_id,
            vocab_size=tokenizer.get_vocab_size(),
            digest=text_sha256(json.dumps(decisive)),
            tokenizer=tokenizer,
            crops=crops,
            prompts=prompts,
        )

    @classmethod
    def cut_to(cls, folder: Path, tokens: int | None) -> Processor:
        """The processor that gives texts so many tokens; as many as the backbone takes where the number is None.

        Raises UserError as `load` does, and for a number that leaves no room for a word, or that the backbone does not
        take.
        """
        whole = cls.load(folder)
        if tokens is None:
            return whole
        least = whole.tokenizer.num_special_tokens_to_add(is_pair=False) + 1
        least = least if whole.prompts is None else whole.prompts.least
        cut = cls.load(folder, max_tokens=max(tokens, least))
        if cut.max_tokens != tokens:
            raise UserError(
                f"--tokens is {tokens}; {Path(folder).name} takes texts of {least} to {whole.most_tokens} tokens: give "
                f"such a number, or leave it out for the most."
            )
        return cut

    def pixels(self, image: Image.Image) -> np.ndarray:
        """uint8 [3, S, S], RGB. The whole image fills the whole square: its sides are scaled separately
        (bicubic), nothing is cropped or padded, so that every sample has every patch; where the backbone `crops`, the
        shorter side is scaled to S and the middle is kept. Raises OSError as `as_rgb` does.
        """
        return self.square(as_rgb(image).image)

    def square(self, image: Image.Image) -> np.ndarray:
        """As `pixels`, of an image that is RGB already."""
        from PIL import Image

        side = self.image_size
        if image.size != (side, side):
            image = self._cropped(image) if self.crops else image.resize((side, side), Image.Resampling.BICUBIC)
        return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))

    def _cropped(self, image: Image.Image) -> Image.Image:
        """The middle S × S pixels, once the shorter side is S; sizes are rounded as CLIPImageProcessor does."""
        from PIL import Image

        side, shorter = self.image_size, min(image.size)
        width, height = (int(side * length / shorter) for length in image.size)
        left, top = (width - side) // 2, (height - side) // 2
        scaled = image.resize((width, height), Image.Resampling.BICUBIC)
        return scaled.crop((left, top, left + side, top + side))

    def blank(self) -> np.ndarray:
        """uint8 [3, S, S], each channel at its mean: the image of a task that has none."""
        colour = np.round(np.array(self.mean) * 255).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(colour[:, None, None], (3, self.image_size, self.image_size)))

    @cached_property
    def uncut(self) -> Tokenizer:
        """The tokenizer without truncation and padding."""
        from tokenizers import Tokenizer

        found = Tokenizer.from_str(self.tokenizer.to_str())
        found.no_truncation()
        found.no_padding()
        return found

    def text_rows(self, texts: Sequence[str], *, images: int = 1, answered: bool = False) -> TextRows:
        """int32 [texts, L], padded with pad_id, with what is lost of each text.

        A text that is too long loses its end or, where it has several parts (see `choice_text`), the end of the longest
        part before the last: the answer stays. images, answered: for prompts alone, see `Prompts.rows`.
        """
        if self.prompts is not None:
            return self.prompts.rows(texts, self.max_tokens, images=images, answered=answered)
        return text_rows(texts, self.max_tokens, tokenizer=self.tokenizer, uncut=self.uncut)

    def token_rows(
        self, texts: Sequence[str], *, images: int = 1, answered: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """int32 [texts, L], as of `text_rows`; bool [texts], whether a text was cut."""
        found = self.text_rows(texts, images=images, answered=answered)
        return found.rows, found.cut

    def tokens(self, text: str, *, images: int = 1) -> np.ndarray:
        """int32 [L] of one text."""
        return self.token_rows([text], images=images)[0][0]


def find_prompts(folder: Path, config: Mapping[str, JsonValue], tokenizer: Tokenizer) -> Prompts | None:
    """The prompts of a generative model; None for any other. Raises UserError where a token of theirs is not known."""
    from tokenizers import Tokenizer

    if not _has_prompts(config):
        return None
    uncut = Tokenizer.from_str(tokenizer.to_str())
    uncut.no_truncation()
    uncut.no_padding()
    image_id = config.get("image_token_id")
    image_token = uncut.id_to_token(image_id) if isinstance(image_id, int) else None
    if image_token is None or not isinstance(image_id, int):
        raise UserError(f"{folder}: config.json says that token {image_id} is an image, and the tokenizer has no such.")
    template = ChatTemplate.load(folder, image_token=image_token)
    end = uncut.token_to_id(template.tokens.get("eos_token", ""))
    if end is None:
        raise UserError(f"{folder}: name the token that ends an answer, as eos_token in tokenizer_config.json.")
    pad_id = max(uncut.get_vocab().values()) + 1
    return Prompts(template=template, tokenizer=uncut, image_id=image_id, end=end, pad_id=pad_id)


def _has_prompts(config: Mapping[str, JsonValue]) -> bool:
    family = FAMILIES.get(str(config.get("model_type")))
    return family is not None and family.prompts


def square_side(config: Mapping[str, JsonValue], folder: Path) -> int:
    """The side of the backbone's square images. Raises UserError."""
    size = config.get("image_size")
    if not isinstance(size, int) or size < 1:
        raise UserError(f"{folder / 'config.json'}: image_size is {size!r}, should be a whole number of pixels")
    return size


def channels(values: JsonValue) -> tuple[float, float, float]:
    """Three numbers, one a channel; ViLT's 0.5 where the folder says nothing. Raises UserError for anything else."""
    if not values:
        return 0.5, 0.5, 0.5
    numbers = [float(value) for value in values if isinstance(value, int | float)] if isinstance(values, list) else []
    if len(numbers) != 3:
        raise UserError(f"preprocessor_config.json: {values!r} should be three numbers, one a channel")
    return numbers[0], numbers[1], numbers[2]


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer, a fresh copy. Raises UserError where there is none."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if path.is_file():
        try:
            return Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust binding raises bare Exception
            raise UserError(f"{path} is no tokenizer that `tokenizers` can read: {error}") from error
    return convert_tokenizer(folder)


def convert_tokenizer(folder: Path) -> Tokenizer:
    """A tokenizer kept in an older form (vocab.txt and the like), through transformers. Raises UserError."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(f"{folder} has no tokenizer.json, and transformers finds no tokenizer: {error}") from error
    backend = getattr(loaded, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise UserError(f"the tokenizer in {folder} ({type(loaded).__name__}) has no form for `tokenizers`")
    return Tokenizer.from_str(backend.to_str())


def find_pad(tokenizer: Tokenizer, config: Mapping[str, JsonValue], folder: Path) -> int:
    """The number of the padding token: the tokenizer's [PAD], else the config's. Raises UserError."""
    candidates = (tokenizer.token_to_id("[PAD]"), config.get("pad_token_id"), (tokenizer.padding or {}).get("pad_id"))
    found = next((pad for pad in candidates if isinstance(pad, int)), None)
    if found is None:
        raise UserError(f"{folder}: no padding token; name pad_token_id in config.json")
    return found
