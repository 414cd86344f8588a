"""Oxford Flowers: which of 102 kinds of flowers is this? (Nilsback & Zisserman, 2008, doi:10.1109/ICVGIP.2008.47)

Its MATLAB files number the classes. Their names are those of `cat_to_name.json` where it lies in the source, as CoOp
has it, and else the published ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from atlas.runtime.errors import UserError
from atlas.tasks.reading.arrays import column, read_matlab
from atlas.tasks.reading.coop import CoopSplit
from atlas.tasks.reading.files import json_file
from atlas.tasks.reading.image_classes import ImageClasses, LabelledPicture, image_task
from atlas.tasks.reading.layout import Layout, Needed

IMAGES, LABELS, SPLIT_IDS, NAMES = "jpg/", "imagelabels.mat", "setid.mat", "cat_to_name.json"
IDS = {"train": "trnid", "val": "valid", "test": "tstid"}
COOP = CoopSplit(file="split_zhou_OxfordFlowers.json", folder=IMAGES)
LAYOUT = Layout(
    needs=(Needed(paths=(LABELS,)), Needed(paths=(SPLIT_IDS, COOP.file)), Needed(paths=(IMAGES,))),
    obtain="Get the images, imagelabels.mat and setid.mat from https://www.robots.ox.ac.uk/~vgg/data/flowers/102/.",
)
_NAMES = (
    "pink primrose|hard-leaved pocket orchid|canterbury bells|sweet pea|english marigold|tiger lily|moon orchid|"
    "bird of paradise|monkshood|globe thistle|snapdragon|colt's foot|king protea|spear thistle|yellow iris|"
    "globe flower|purple coneflower|peruvian lily|balloon flower|giant white arum lily|fire lily|"
    "pincushion flower|fritillary|red ginger|grape hyacinth|corn poppy|prince of wales feathers|stemless gentian|"
    "artichoke|sweet william|carnation|garden phlox|love in the mist|mexican aster|alpine sea holly|"
    "ruby-lipped cattleya|cape flower|great masterwort|siam tulip|lenten rose|barbeton daisy|daffodil|sword lily|"
    "poinsettia|bolero deep blue|wallflower|marigold|buttercup|oxeye daisy|common dandelion|petunia|wild pansy|"
    "primula|sunflower|pelargonium|bishop of llandaff|gaura|geranium|orange dahlia|pink and yellow dahlia|"
    "cautleya spicata|japanese anemone|black-eyed susan|silverbush|californian poppy|osteospermum|spring crocus|"
    "bearded iris|windflower|tree poppy|gazania|azalea|water lily|rose|thorn apple|morning glory|passion flower|"
    "lotus|toad lily|anthurium|frangipani|clematis|hibiscus|columbine|desert-rose|tree mallow|magnolia|cyclamen|"
    "watercress|canna lily|hippeastrum|bee balm|pink quill|foxglove|bougainvillea|camellia|mallow|"
    "mexican petunia|bromelia|blanket flower|trumpet creeper|blackberry lily"
)
FLOWERS = tuple(_NAMES.split("|"))  # by their numbers, from 1


def flowers(source: Path) -> Mapping[str, str]:
    """The classes by their numbers. Raises UserError for a number without a name."""
    numbers = sorted({int(label) for label in column(source / LABELS, read_matlab(source / LABELS), "labels")})
    names = {str(number): name for number, name in enumerate(FLOWERS, start=1)}
    if (source / NAMES).is_file():
        names = json_file(source / NAMES)
    if unnamed := [number for number in numbers if not isinstance(names.get(str(number)), str)]:
        raise UserError(f"{source / LABELS}: the class {unnamed[0]} has no name; download it and {NAMES} again.")
    return {str(number): names[str(number)] for number in numbers}


def pictures(source: Path, split: str) -> Iterator[tuple[str, LabelledPicture]]:
    """The pictures of a split by their numbers, which begin with 1. Raises UserError for a number beyond the labels."""
    labels = column(source / LABELS, read_matlab(source / LABELS), "labels")
    numbers = [int(one) for one in column(source / SPLIT_IDS, read_matlab(source / SPLIT_IDS), IDS[split])]
    if max(numbers, default=0) > len(labels) or min(numbers, default=1) < 1:
        raise UserError(f"{source / SPLIT_IDS} has pictures that {LABELS} has not; download both again.")
    for number in numbers:
        label = str(int(labels[number - 1]))
        yield f"{SPLIT_IDS}:{number}", LabelledPicture(name=f"{IMAGES}image_{number:05d}.jpg", label=label)


DATASET = ImageClasses(
    task="flowers102",
    layout=LAYOUT,
    rule="published",
    lines=pictures,
    classes=flowers,
    folders=(IMAGES,),
    coop=COOP,
)
FLOWERS102 = image_task(
    DATASET,
    title="Oxford Flowers",
    classes=102,
    licence="not stated by its authors; the photos are their owners' (Nilsback & Zisserman, 2008)",
    about="Which kind of flower is this? 8,189 photos of 102 kinds, 6,149 of them for reporting.",
    templates=("a photo of a {}, a type of flower.",),
)
