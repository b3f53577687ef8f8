"""Drawn pictures of dishes: a data set that needs no download, for the demo, the lessons and the tests.

Every picture is drawn from its own random stream, so it depends on nothing but (seed, class, index). The kinds share
their colours on purpose - icing, ice cream and cake come from one palette, bread and shells from another, tables,
plates and light from anywhere - so that a model has to look at shapes.
"""

import math
import random
from functools import lru_cache

import numpy as np

from minibnn.data.dish_kinds import DARK, DISHES, SWEET, TABLE, WHITE, Brush, near, pick, shade
from minibnn.data.image_set import ImageSet, select_classes, whole_number

OVERSAMPLING = 3  # drawn this much larger, then averaged: Pillow itself draws hard edges


def draw_dishes(per_class, image_size=32, seed=0, classes=None):
    """Draw labelled pictures of dishes.

    Args:
        per_class: how many pictures of each class; those of a smaller number are the first ones of a larger.
        image_size: height and width S in pixels, at least 8; the same dish at every size.
        seed: an int; another seed draws other pictures, for instance to test on.
        classes: None for all of `DISHES`, an int for the first so many, or a sequence of names.

    Returns:
        ImageSet with images uint8 (B, S, S, 3), B = per_class times the number of classes, class after class.

    Raises:
        InputError: a number is out of range, or a class is unknown.
        InputTypeError: an argument has the wrong type.
    """
    per_class = whole_number("per_class", per_class)
    image_size = whole_number("image_size", image_size, least=8)
    seed = whole_number("seed", seed, least=0)
    names = select_classes(classes, tuple(DISHES), "the drawn dishes")
    images = np.empty((len(names), per_class, image_size, image_size, 3), np.uint8)
    for label, name in enumerate(names):
        for index in range(per_class):
            images[label, index] = _picture(name, random.Random(f"{seed}/{name}/{index}"), image_size)
    labels = np.repeat(np.arange(len(names), dtype=np.int64), per_class)
    return ImageSet(images.reshape(-1, image_size, image_size, 3), labels, names)


def _picture(name, rng, size):
    """Draw table, plate and dish, scale down, and light the scene."""
    from PIL import Image, ImageDraw  # imported here, so that `import minibnn` stays fast

    draw_dish, upright = DISHES[name]
    side = size * OVERSAMPLING
    ground = pick(rng, TABLE, 40)
    image = Image.new("RGB", (side, side), ground)
    draw = ImageDraw.Draw(image)
    _cover_table(draw, rng, side)
    turn = rng.uniform(-0.3, 0.3) if upright else rng.uniform(0, 2 * math.pi)
    radius = side * rng.uniform(0.27, 0.42)
    x, y = side * rng.uniform(0.4, 0.6), side * rng.uniform(0.4, 0.6)
    brush = Brush(draw, x, y, radius, turn, ground)
    _lay_plate(brush, rng, upright)
    draw_dish(brush, rng)
    return _light(np.asarray(image.reduce(OVERSAMPLING)), rng)


def _cover_table(draw, rng, side):
    """Draw planks, checks, dots or nothing over the plain table."""
    kind, colour = rng.random(), pick(rng, TABLE, 40)
    share = rng.uniform(0.1, 0.25)
    step = side * share
    places = [i * step for i in range(int(1 / share) + 1)]
    if kind < 0.3:
        across = rng.random() < 0.5
        for at in places:
            box = (0, at, side, at + step) if across else (at, 0, at + step, side)
            draw.rectangle(box, near(rng, colour, 14))
    elif kind < 0.5:
        for at in places:
            draw.rectangle((at, 0, at + step / 2, side), colour)
        for at in places:
            draw.rectangle((0, at, side, at + step / 3), shade(colour, 0.8))
    elif kind < 0.65:
        for x in places:
            for y in places:
                draw.ellipse((x, y, x + step / 2, y + step / 2), colour)


def _lay_plate(brush, rng, upright):
    """Draw a plate or board with its shadow, or nothing."""
    kind, colour = rng.random(), pick(rng, WHITE + SWEET + DARK + TABLE, 20)
    if kind < 0.25:
        return
    brush.ground = colour
    wide, rim = rng.uniform(1.1, 1.35), shade(colour, rng.uniform(0.75, 0.9))
    if upright:  # seen from the side, the plate is flat and the dish stands on it
        brush.oval(0.05, 0.95, wide, 0.3, (30, 26, 24))
        brush.oval(0, 0.88, wide, 0.3, rim)
        brush.oval(0, 0.86, wide * 0.8, 0.2, colour)
    elif kind < 0.4:
        brush.box(-wide, -wide * 0.85, wide, wide * 0.85, rim)
        brush.box(-wide * 0.95, -wide * 0.8, wide * 0.95, wide * 0.8, colour)
    else:
        brush.disc(0.06, 0.06, wide, (30, 26, 24))
        brush.disc(0, 0, wide, colour)
        brush.disc(0, 0, wide * 0.85, rim)
        brush.disc(0, 0, wide * 0.82, colour)


@lru_cache(maxsize=4)
def _grid(size):
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    return ramp[None, :, None], ramp[:, None, None]


def _light(pixels, rng):
    """Add slanting light, a tint and the grain of a cheap camera; (S, S, 3) uint8 -> (S, S, 3) uint8."""
    size = len(pixels)
    across, down = _grid(size)
    light = rng.uniform(0.75, 1.1) + rng.uniform(-0.2, 0.2) * across + rng.uniform(-0.2, 0.2) * down  # (S, S, 1)
    tint = np.array([rng.uniform(0.88, 1.12) for _ in range(3)], np.float32)
    grain = np.frombuffer(rng.randbytes(pixels.size), np.uint8).reshape(pixels.shape)
    strength = np.float32(rng.uniform(0.02, 0.14))
    lit = pixels * (light * tint) + (grain - np.float32(127.5)) * strength
    return np.clip(lit, 0, 255).astype(np.uint8)
