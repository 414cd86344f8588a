from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlas.backbones import locate
from atlas.backbones.processor import Processor
from atlas.runtime.errors import AtlasError
from tests.backbones.toys import LENGTH, SIZE, WORDS, write_folder


def test_sizes_come_from_the_folder(processor: Processor) -> None:
    assert (processor.image_size, processor.max_tokens, processor.vocab_size) == (SIZE, LENGTH, len(WORDS))
    assert processor.mean == processor.std == (0.5, 0.5, 0.5)


def test_the_caller_can_ask_for_fewer_tokens_but_not_for_more(folder: Path) -> None:
    assert Processor.load(folder, max_tokens=4).max_tokens == 4
    assert Processor.load(folder, max_tokens=100).max_tokens == LENGTH


def test_texts_have_as_many_tokens_as_the_backbone_takes(tmp_path: Path) -> None:
    long = write_folder(tmp_path, length=77)
    assert Processor.load(long).max_tokens == 77
    (long / "config.json").write_text(json.dumps({"image_size": SIZE}))
    assert Processor.load(long).max_tokens == 40
    assert Processor.load(long, max_tokens=50).max_tokens == 50


def test_fewer_tokens_are_a_processor_of_their_own(folder: Path, processor: Processor) -> None:
    """Prepared data is kept by the digest: a number of tokens has its own, the most has that of no number."""
    cut = Processor.cut_to(folder, 4)
    assert (cut.max_tokens, cut.most_tokens) == (4, LENGTH)
    assert cut.token_rows(["word0 " * 9])[0].tolist() == [[2, 4, 4, 3]]
    assert cut.digest != processor.digest
    assert {Processor.cut_to(folder, tokens).digest for tokens in (None, LENGTH)} == {processor.digest}


@pytest.mark.parametrize("tokens", [-1, 0, 1, 2, LENGTH + 1, 10**22])
def test_tokens_without_room_for_a_word_or_beyond_the_backbone_are_refused(folder: Path, tokens: int) -> None:
    with pytest.raises(AtlasError, match=rf"--tokens is {tokens}; {folder.name} takes texts of 3 to {LENGTH} tokens"):
        Processor.cut_to(folder, tokens)


def test_the_digest_of_the_shipped_backbone_stays() -> None:
    """Prepared data is found by them."""
    processor = Processor.load(locate("vilt-tiny"))
    assert processor.digest == "d46aa5d022221bdbd0bc423d12fbf2300b2b3e26e02c54abaef789c777d66b52"
    assert processor.max_tokens == 28


def test_a_text_is_framed_and_padded(processor: Processor) -> None:
    tokens = processor.tokens("word0 word1")
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [2, 4, 5, 3, processor.pad_id, processor.pad_id]


def test_a_long_text_is_cut_and_counted(processor: Processor) -> None:
    rows, cut = processor.token_rows(["word0 " * 9, "word0"])
    assert rows.shape == (2, LENGTH)
    assert rows[0].tolist() == [2, 4, 4, 4, 4, 3]
    assert cut.tolist() == [True, False]


def test_an_image_of_any_shape_and_mode_fills_the_square(processor: Processor) -> None:
    for mode, size in (("L", (3, 5)), ("RGBA", (40, 9)), ("P", (8, 8)), ("1", (2, 2)), ("CMYK", (9, 9))):
        pixels = processor.pixels(Image.new(mode, size))
        assert pixels.shape == (3, SIZE, SIZE)
        assert pixels.dtype == np.uint8


def test_an_image_of_the_right_size_is_kept_exactly(processor: Processor) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert (processor.pixels(Image.fromarray(drawn)) == drawn.transpose(2, 0, 1)).all()


def test_nothing_is_cropped(processor: Processor) -> None:
    wide = Image.new("RGB", (4 * SIZE, SIZE))
    wide.paste((255, 255, 255), (3 * SIZE, 0, 4 * SIZE, SIZE))
    pixels = processor.pixels(wide)
    assert pixels[:, :, -1].min() > 240
    assert pixels[:, :, 0].max() == 0


def test_the_blank_image_is_the_mean_colour(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.0, 0.5, 1.0], "image_std": [1, 1, 1]})
    )
    blank = Processor.load(tmp_path / "other").blank()
    assert blank.shape == (3, SIZE, SIZE)
    assert [int(channel.min()) for channel in blank] == [int(channel.max()) for channel in blank] == [0, 128, 255]


def test_the_digest_is_that_of_the_content(folder: Path, processor: Processor, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    assert Processor.load(tmp_path / "copy").digest == processor.digest


@pytest.mark.parametrize("change", [{"size": 16}, {"length": 5}])
def test_the_digest_changes_with_what_decides_the_output(
    processor: Processor, tmp_path: Path, change: dict[str, int]
) -> None:
    assert Processor.load(write_folder(tmp_path, **change)).digest != processor.digest


def test_the_digest_changes_with_the_tokenizer_and_the_mean(folder: Path, processor: Processor, tmp_path: Path) -> None:
    for name in ("tokenizer", "mean"):
        shutil.copytree(folder, tmp_path / name)
    text = (tmp_path / "tokenizer" / "tokenizer.json").read_text().replace("word29", "other")
    (tmp_path / "tokenizer" / "tokenizer.json").write_text(text)
    (tmp_path / "mean" / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.5, 0.5]}')
    digests = {Processor.load(tmp_path / name).digest for name in ("tokenizer", "mean")}
    assert len(digests | {processor.digest}) == 3


def test_a_processor_pickles(processor: Processor) -> None:
    again = pickle.loads(pickle.dumps(processor))
    assert again == processor
    assert (again.tokens("word3") == processor.tokens("word3")).all()


def test_an_older_tokenizer_is_read_through_transformers(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "circle"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    config = {"image_size": SIZE, "max_position_embeddings": LENGTH, "model_type": "vilt"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert Processor.load(tmp_path).tokens("Red circle").tolist() == [2, 5, 6, 3, 0, 0]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "{", "not JSON"),
        ("config.json", "[]", "JSON object"),
        ("config.json", "{}", "image_size is None"),
        ("tokenizer.json", "{}", "tokenizer"),
    ],
)
def test_a_broken_folder_is_refused(folder: Path, tmp_path: Path, name: str, text: str, message: str) -> None:
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / name).write_text(text)
    with pytest.raises(AtlasError, match=message):
        Processor.load(tmp_path / "broken")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(folder, tmp_path / "short")
    (tmp_path / "short" / name).unlink()
    with pytest.raises(AtlasError, match=name.split(".")[0]):
        Processor.load(tmp_path / "short")


def test_a_tokenizer_without_padding_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "bare")
    path = tmp_path / "bare" / "tokenizer.json"
    path.write_text(path.read_text().replace("[PAD]", "pad"))
    with pytest.raises(AtlasError, match="pad_token_id"):
        Processor.load(tmp_path / "bare")
    config = json.loads((tmp_path / "bare" / "config.json").read_text())
    (tmp_path / "bare" / "config.json").write_text(json.dumps(config | {"pad_token_id": 1}))
    assert Processor.load(tmp_path / "bare").pad_id == 1


def test_a_dual_encoders_sizes_are_those_of_its_towers_and_images_are_cropped(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    towers = {"vision_config": {"image_size": 10}, "text_config": {"max_position_embeddings": 5}}
    (folder / "config.json").write_text(json.dumps({"model_type": "clip", **towers}))
    squashed = Processor.load(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_center_crop": True}))
    cropped = Processor.load(folder)
    assert (cropped.image_size, cropped.max_tokens, cropped.crops, squashed.crops) == (10, 5, True, False)
    assert cropped.digest != squashed.digest
    wide = Image.new("RGB", (40, 20), (255, 0, 0))
    wide.paste((0, 0, 255), (10, 0, 30, 20))  # the middle square
    assert np.unique(cropped.pixels(wide)[0, :, 1:-1]).tolist() == [0]
    assert squashed.pixels(wide)[0].max() == 255


def test_a_dual_encoders_padding_is_a_number_that_no_text_holds(tmp_path: Path) -> None:
    """Its own padding token is often the end of every text."""
    folder = write_folder(tmp_path)
    (folder / "config.json").write_text(json.dumps({"model_type": "clip"}))
    processor = Processor.load(folder)
    tokens = processor.tokens("word1")
    assert processor.pad_id == processor.vocab_size
    assert (tokens != processor.pad_id).sum() == 3  # framed by two
