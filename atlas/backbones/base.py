"""Locate a backbone's files, digest them, and load them. Thin: torch is imported by `load` alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from atlas.backbones.families import family_of
from atlas.backbones.load_options import LoadOptions, check_quantiser
from atlas.runtime.digest import file_sha256, text_sha256
from atlas.runtime.errors import InfrastructureError, UserError, unknown
from atlas.runtime.paths import home_expanded, is_folder

if TYPE_CHECKING:
    from atlas.backbones.backbone import Backbone

WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model")
_HUB_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "vocab.txt", "vocab.json"]
_HUB_FILES += ["merges.txt", "spiece.model", "special_tokens_map.json", "preprocessor_config.json", "README.md"]
_HUB_FILES += ["chat_template.*", "processor_config.json"]

# Name -> folder, or the id of a repository on the Hugging Face hub.
BACKBONES: dict[str, Path | str] = {
    "vilt-tiny": Path(__file__).parent / "weights" / "vilt-tiny",
    "vilt-b32": "dandelin/vilt-b32-mlm",
    "clip-tiny": Path(__file__).parent / "weights" / "clip-tiny",
    "vlm-tiny": Path(__file__).parent / "weights" / "vlm-tiny",
}


def locate(name: str | Path) -> Path:
    """The folder with the files of a backbone.

    `name` is a name of BACKBONES, a local folder, or a repository of the Hugging Face hub ("owner/name"), which is
    downloaded, or found in the hub's cache. Raises UserError for an unknown name, a folder that is missing or lacks
    files, and a hub that cannot be reached.
    """
    place = BACKBONES.get(str(name), name)
    folder = home_expanded(place)
    if is_folder(folder):
        return _checked(folder)
    if is_path(place):
        raise UserError(f"backbone {str(name)!r}: there is no folder {folder}. Give a folder or a name.")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", str(place)):
        return _checked(_download(str(place)))
    raise unknown("backbone", name, BACKBONES)


def name_of(folder: Path) -> str:
    """A name by which `locate` finds the folder: one of BACKBONES, a repository of the hub, or else its path."""
    for name, place in BACKBONES.items():
        if isinstance(place, Path) and place == folder:
            return name
    cached = re.search(r"/models--([\w.-]+?)--([\w.-]+)/snapshots/", folder.as_posix())
    return f"{cached[1]}/{cached[2]}" if cached else str(folder)


def digest(folder: Path) -> str:
    """sha256 (hex) over the names and contents of the configuration and the weights: the backbone's identity."""
    paths = [folder / "config.json", *_weight_files(folder)]
    return text_sha256("".join(f"{path.name} {file_sha256(path)}\n" for path in paths))


def load(name: str | Path, load_options: LoadOptions | None = None) -> Backbone:
    """The frozen backbone of that name or folder, with its processor.

    Raises UserError as `locate` does, for a model of an unknown family, for weights other than its card's, and for
    options that its family does not have.
    """
    folder = locate(name)
    found = digest(folder)
    _check_card(folder, found)
    family = family_of(folder)
    module = import_module(f"{family.package}.backbone")
    if load_options is None or load_options == LoadOptions():
        plain: Backbone = module.load_backbone(folder, digest=found)
        return plain
    check_load_options(load_options, folder)
    backbone: Backbone = module.load_backbone(folder, digest=found, load_options=load_options)
    return backbone


def check_load_options(load_options: LoadOptions, folder: Path) -> None:
    """Raises UserError for options that the backbone's family does not have, or that lack a package here."""
    if load_options != LoadOptions() and not family_of(folder).prompts:
        raise UserError(
            f"--weights and --recompute are for models that answer in words, and {folder.name} is none: leave them out "
            "(--precision is the type that it computes in)."
        )
    check_quantiser(load_options.weights)


@cache
def readouts_of(name: str | Path) -> tuple[str, ...]:
    """The readouts that the backbone of that name or folder allows. Raises UserError as `locate` does."""
    return family_of(locate(name)).readouts


@cache
def revisions_of(name: str | Path) -> Mapping[str, int]:
    """By tower of that backbone, the revision of adapters in it. Raises UserError as `locate` does."""
    return family_of(locate(name)).revisions


def is_path(place: str | Path) -> bool:
    """Whether it is a folder, and not a name or a repository of the hub."""
    return isinstance(place, Path) or place.startswith((".", "/", "~")) or place.count("/") > 1


def _weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))


def _checked(folder: Path) -> Path:
    groups = {"config.json": ("config.json",), "weights": WEIGHTS, "a tokenizer": TOKENIZERS}
    for what, files in groups.items():
        if not any((folder / file).is_file() for file in files):
            raise UserError(
                f"backbone folder {folder} lacks {what} (one of: {', '.join(files)}). "
                "It has to be a checkpoint as `save_pretrained` writes it, with its tokenizer."
            )
    return folder


def _check_card(folder: Path, found: str) -> None:
    """Raises UserError where the card states another digest."""
    card = folder / "README.md"
    stated = re.search(r"^digest: ([0-9a-f]{64})$", card.read_text(), re.MULTILINE) if card.is_file() else None
    if stated and stated[1] != found:
        raise UserError(
            f"backbone folder {folder} is altered: its card states digest {stated[1][:12]}…, its config.json and "
            f"weights have {found[:12]}…. Install it again, or remove the card's digest if the change is yours."
        )


def _download(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        folder = Path(snapshot_download(repository, allow_patterns=_HUB_FILES))
        if not _weight_files(folder):
            snapshot_download(repository, allow_patterns=["pytorch_model*.bin"])
        return folder
    except RepositoryNotFoundError as error:
        raise UserError(f"backbone {repository!r}: the hub knows no such repository (or it is private).") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise InfrastructureError(
            f"backbone {repository!r} is neither in the hub's cache nor can the hub be reached "
            f"({type(error).__name__}). Go online (unset HF_HUB_OFFLINE), give a local folder, or use 'vilt-tiny'."
        ) from error
