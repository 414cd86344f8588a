"""World knowledge in the words of the offline suite: colours of things, mixtures, opposites."""

from __future__ import annotations

MIXES = {
    ("blue", "yellow"): "green",
    ("red", "yellow"): "orange",
    ("red", "blue"): "purple",
    ("red", "white"): "pink",
    ("black", "white"): "gray",
    ("blue", "green"): "teal",
    ("orange", "black"): "brown",
}
COLORED = {
    "grass": "green",
    "sky": "blue",
    "sun": "yellow",
    "coal": "black",
    "blood": "red",
    "chocolate": "brown",
    "pig": "pink",
    "banana": "yellow",
    "lemon": "yellow",
    "tomato": "red",
    "cherry": "red",
    "carrot": "orange",
    "leaf": "green",
    "frog": "green",
    "sea": "blue",
    "coffee": "brown",
    "elephant": "gray",
    "plum": "purple",
    "night": "black",
    "stone": "gray",
    "fire": "orange",
}
SIDES = {"triangle": "three", "rectangle": "four", "star": "ten", "cross": "twelve"}
LIKE = {
    "wheel": "circle",
    "coin": "circle",
    "plate": "circle",
    "ball": "circle",
    "door": "rectangle",
    "book": "rectangle",
    "brick": "rectangle",
    "card": "rectangle",
    "roof": "triangle",
    "slice": "triangle",
    "mountain": "triangle",
    "hospital": "cross",
    "church": "cross",
}
OPPOSITES = {"left": "right", "top": "bottom", "above": "below", "large": "small", "up": "down"}
OPPOSITES |= {"light": "dark", "hot": "cold", "full": "empty", "push": "pull", "first": "last", "bigger": "smaller"}
OPPOSITES |= {two: one for one, two in OPPOSITES.items()}
