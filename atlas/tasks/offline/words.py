"""The vocabulary of the offline suite: the words of scenes, easy-VQA, the twins and the text-only tasks.

`vilt-tiny`'s tokenizer is built from this list, so that each of these words is one token; any other text still
encodes, letter by letter.
"""

from __future__ import annotations

COLORS = ("red", "green", "blue", "yellow", "black", "gray", "teal", "brown", "orange", "purple", "pink")
SHAPES = ("circle", "rectangle", "triangle", "star", "cross", "ring")
TEXTURES = ("plain", "striped", "dotted")
SIZES = ("small", "large")
ROWS = ("top", "bottom")
COLUMNS = ("left", "right")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
GROUNDS = ("plain", "split", "checkered", "shaded")
PLURALS = {**{shape: f"{shape}s" for shape in SHAPES}, "cross": "crosses", "shape": "shapes"}

_FUNCTION = """
a an the this that these those it its itself they them their he she his her him we you your i my me who whom whose
what which when where why how is are was were be been being am do does did done doing has have had having can could
will would should shall may might must not no nor none nothing nobody never yes and or but if then else than so
because since while until unless though although as at by for from in into inside of off on onto out outside over
under up down to toward towards with without within through across along around about against among after before
again also too very
someone something anyone anything much many more most less least few fewer several some any each every all both either neither
one's other others another same different such only just exactly least enough almost here there now still already
yet ever always often sometimes maybe perhaps
"""
_SCENE = """
image images picture pictures photo scene drawing background foreground object objects thing things shape shapes color
colors colored size sizes texture textures pattern patterns position place places location part parts side sides
corner corners edge edges middle center quadrant quadrants half halves half row rows column columns line lines point
points end ends area empty full square squares diamond diamonds heart hearts oval ovals shape's solid stripes stripe dots dot spotted outline
white light dark bright pale deep round pointed sharp flat straight curved hollow filled thick thin wide narrow tall
short long high low big bigger biggest small smaller smallest large larger largest medium tiny huge equal similar
left right top bottom upper lower above below beside near nearer nearest far farther next between behind front
opposite diagonal horizontal vertical first second third last lone single pair pairs group total count number numbers
zero one two three four five six seven eight nine ten eleven twelve digit digits letter written hand
contain contains containing contained present show shows shown showing see seen visible appear appears exist exists
there's find found hold holds include includes lie lies stand stands sit sits locate located true false right wrong
correct incorrect answer question statement sentence text caption word
"""
_DEEDS = """
make makes made paint paints painted painting draw draws drawn move moves moved moving remove removes removed put puts
place placed take takes taken add adds added push pushes pull pulls turn turns turned rotate rotated flip slide lift
drop throw bring carry keep leave stay change changes changed mix mixes mixed mixing get gets give gives use used uses
cut cuts fold join split swap replace replaced copy erase cover hide fill empty open close stretch shrink grow enlarge
reduce color wash clean dry start stop begin finish try need needs want wants like likes help work look looks looking
touch touches touching connect build break fix hang stack sort match choose pick select compare measure dip away
brush pen pencil paper water scissors ruler eraser glue box bag table board wall floor shelf hand tool tape string
knife spoon cup bowl bucket sponge cloth frame canvas marker crayon ink dye clay wood stone metal glass plastic
"""
_WORLD = """
sky grass sun moon snow coal banana lemon tomato apple cherry carrot leaf leaves tree forest sea ocean river lake sand
beach desert mountain field garden flower rose grape plum pig elephant frog chocolate coffee milk night day fire ice
blood cloud rain wheel ball coin plate clock roof slice pizza door window book brick card flag road sign hospital
church sheep cat dog bird fish horse person people man woman child children boy girl friend teacher doctor artist
home house school room kitchen street city town farm park shop kind kinds type belongs bought sold
heavy soft hard warm hot cold wet smooth rough old new young expensive cheap happy sad angry tired hungry fast slow
loud quiet sweet sour clean dirty dry fresh magnetic wooden real fake lucky favorite famous broken strong weak
mood feel feels feeling thinks think know knows because reason likely plan today tomorrow yesterday morning evening
plus minus times sum add half double odd even greater equals next previous follows comes order
does doesn't isn't don't aren't can't
"""

PUNCTUATION = tuple(".,?!'\"-:;()/&%+=<>")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz0123456789")


def word_list() -> tuple[str, ...]:
    """Every whole word of the offline suite, lower case, without repeats, in a fixed order."""
    named = (*COLORS, *SHAPES, *TEXTURES, *SIZES, *ROWS, *COLUMNS, *NUMBERS, *GROUNDS, *PLURALS.values())
    written = " ".join((_FUNCTION, _SCENE, _DEEDS, _WORLD)).split()
    return tuple(dict.fromkeys(word for word in (*named, *written) if word.isalpha()))
