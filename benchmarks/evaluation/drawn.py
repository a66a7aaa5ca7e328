"""Pictures made by code: pages of text, line drawings and screens of one program, which are alike and not the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

from PIL import Image, ImageDraw, ImageFont

SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu tra ble sti gno plu"
"""What words are made of."""

COLOURS = ("white", "ivory", "whitesmoke", "lightyellow")


def page_of_text(chance: Random) -> Image.Image:
    """Return a page of random words in paragraphs, black on something near white."""
    image = Image.new("RGB", (452, 640), chance.choice(COLOURS))
    draw = ImageDraw.Draw(image)
    size = chance.randrange(9, 15)
    margin, y = chance.randrange(20, 60), chance.randrange(20, 80)
    if chance.random() < 0.6:
        draw.text((margin, y), _words(chance, chance.randrange(2, 5)).title(), font=_font(2 * size), fill="black")
        y += 4 * size
    while y < image.height - 2 * size:
        if chance.random() < 0.15:
            y += size
            continue
        line = _words(chance, 20)[: int((image.width - 2 * margin) / size * 1.9)]
        draw.text((margin, y), line, font=_font(size), fill="black")
        y += int(1.35 * size)
    return image


def line_drawing(chance: Random) -> Image.Image:
    """Return curves, boxes and ellipses in thin black lines on white."""
    image = Image.new("RGB", (640, chance.randrange(420, 640)), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randrange(6, 40)):
        x, y = chance.randrange(image.width), chance.randrange(image.height)
        width, height = chance.randrange(10, 300), chance.randrange(10, 300)
        kind = chance.randrange(4)
        if kind == 0:
            draw.rectangle((x, y, x + width, y + height), outline="black", width=2)
        elif kind == 1:
            draw.ellipse((x, y, x + width, y + height), outline="black", width=2)
        elif kind == 2:
            draw.arc((x, y, x + width, y + height), chance.randrange(180), chance.randrange(180, 360), "black", 2)
        else:
            places = [(x, y)]
            for _ in range(chance.randrange(2, 9)):
                x, y = x + chance.randrange(-90, 90), y + chance.randrange(-90, 90)
                places.append((x, y))
            draw.line(places, "black", 2)
    return image


def screen(chance: Random) -> Image.Image:
    """Return a window of the one program, with a list of other names and numbers in it each time."""
    image = Image.new("RGB", (640, 420), (240, 240, 243))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 640, 32), fill=(52, 73, 94))
    draw.text((12, 8), "Accounts", font=_font(15), fill="white")
    for n, title in enumerate(("Open", "Save", "Print", "Search", "Help")):
        draw.rounded_rectangle((10 + 74 * n, 40, 76 + 74 * n, 64), 5, outline=(90, 90, 90), fill="white")
        draw.text((20 + 74 * n, 44), title, font=_font(13), fill="black")
    draw.rectangle((10, 74, 150, 410), fill="white", outline=(150, 150, 150))
    for n, title in enumerate(("Inbox", "Drafts", "Sent", "Archive", "Bin")):
        draw.text((20, 84 + 22 * n), title, font=_font(13), fill=(30, 30, 30))
    draw.rectangle((160, 74, 630, 410), fill="white", outline=(150, 150, 150))
    for n in range(chance.randrange(4, 16)):
        draw.text((170, 80 + 20 * n), _words(chance, 3)[:26], font=_font(13), fill=(20, 20, 20))
        draw.text((480, 80 + 20 * n), f"{chance.randrange(100_000) / 100:9,.2f}", font=_font(13), fill=(20, 20, 20))
    return image


DRAWN: Mapping[str, Callable[[Random], Image.Image]] = MappingProxyType(
    {"text": page_of_text, "lines": line_drawing, "screens": screen}
)
"""By the folder of the set that they go to."""


def _words(chance: Random, count: int) -> str:
    return " ".join("".join(chance.choices(SYLLABLES.split(), k=chance.randrange(1, 5))) for _ in range(count))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
