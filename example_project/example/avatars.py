"""Draws a small picture for a profile. Touches no database and no disk."""

import random
from io import BytesIO

from PIL import Image

CELLS = 8
SIZE = 64


def draw(chance: random.Random) -> bytes:
    """Return a PNG: a mirrored pattern of one colour, as sites give to those without a photo."""
    colour = tuple(chance.randrange(40, 200) for _ in range(3))
    picture = Image.new("RGB", (CELLS, CELLS), "white")
    for x in range(CELLS // 2):
        for y in range(CELLS):
            if chance.random() < 0.5:
                picture.putpixel((x, y), colour)
                picture.putpixel((CELLS - 1 - x, y), colour)
    target = BytesIO()
    picture.resize((SIZE, SIZE), Image.Resampling.NEAREST).save(target, "PNG")
    return target.getvalue()
