"""Copies with text or a logo on them, in a frame, in a screenshot, or among other pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def captioned(image: Image.Image) -> Image.Image:
    """Cover the lowest seventh with black, and write white text on it."""
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    height = copy.height
    top = height - height // 7
    draw.rectangle((0, top, copy.width, height), fill="black")
    place = copy.width // 20, top + height // 40
    draw.text(place, "when it is Monday again, share it", font=_font(height // 12), fill="white")
    return copy


def under_a_bar(image: Image.Image) -> Image.Image:
    """Put a white bar with two lines of text above the picture, a quarter of its height."""
    bar = image.height // 4
    copy = Image.new("RGB", (image.width, image.height + bar), "white")
    copy.paste(image, (0, bar))
    text = "MY CAT:\nEVERYBODY ELSE AT THREE IN THE MORNING:"
    ImageDraw.Draw(copy).text((image.width // 20, bar // 8), text, font=_font(bar // 4), fill="black")
    return copy


def with_bold_text(image: Image.Image) -> Image.Image:
    """Write two lines of large white letters with a black outline across the picture."""
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    size = copy.height // 8
    lines = (size // 3, "NOBODY SIMPLY FINDS"), (copy.height - int(1.5 * size), "WHERE IT CAME FROM")
    for y, text in lines:
        outline = max(1, size // 10)
        place = copy.width // 20, y
        draw.text(place, text, font=_font(size), fill="white", stroke_width=outline, stroke_fill="black")
    return copy


def with_a_logo(image: Image.Image) -> Image.Image:
    """Put a red disc with a word on it into the lower right corner, a quarter of the shorter side."""
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    side = min(copy.size) // 4
    right, bottom = copy.width - 5, copy.height - 5
    draw.ellipse((right - side, bottom - side, right, bottom), fill=(220, 20, 30))
    place = copy.width - side + side // 8, copy.height - int(0.7 * side)
    draw.text(place, "NEWS", font=_font(side // 4), fill="white")
    return copy


def bordered(image: Image.Image, share: float, colour: str) -> Image.Image:
    """Return the picture in a border of this share of its shorter side."""
    return ImageOps.expand(image, int(share * min(image.size)), colour)


def letterboxed(image: Image.Image) -> Image.Image:
    """Return the picture with a black bar above and below, each 17.5 % of its height."""
    copy = Image.new("RGB", (image.width, int(image.height * 1.35)), "black")
    copy.paste(image, (0, int(image.height * 0.175)))
    return copy


def on_a_phone(image: Image.Image) -> Image.Image:
    """Return a screenshot of an app: a bar, an author, the picture at 80 % of the width, and comments below."""
    width = int(image.width / 0.8)
    height = int(image.height + 0.6 * width)
    screen = Image.new("RGB", (width, height), (250, 250, 250))
    draw = ImageDraw.Draw(screen)
    line = max(10, width // 28)
    draw.rectangle((0, 0, width, int(0.1 * width)), fill=(30, 60, 120))
    draw.text((line, line // 2), "Photos   Friends   News", font=_font(line), fill="white")
    draw.ellipse((line, int(0.13 * width), line + int(0.1 * width), int(0.23 * width)), fill=(120, 180, 90))
    author = "Somebody You Know\n3 hours ago, public"
    draw.text((int(0.2 * width), int(0.14 * width)), author, font=_font(line), fill=(20, 20, 20))
    top = int(0.27 * width)
    screen.paste(image, ((width - image.width) // 2, top))
    top += image.height + line // 2
    for n in range(int((height - top) / (1.4 * line))):
        text = f"{n}: where was this taken? I like it a lot, and so does my dog"
        draw.text((line, top + int(n * 1.4 * line)), text, font=_font(line), fill=(40, 40, 40))
    return screen


def in_a_collage(image: Image.Image, others: Sequence[Image.Image]) -> Image.Image:
    """Return the whole picture, and three others that fill their cells, in 2 × 2 cells of 400 × 300."""
    width, height = 400, 300
    sheet = Image.new("RGB", (2 * width, 2 * height), "white")
    sheet.paste(ImageOps.pad(image, (width, height), color="white"), (0, 0))
    for other, place in zip(others, ((width, 0), (0, height), (width, height)), strict=True):
        sheet.paste(ImageOps.fit(other, (width, height)), place)
    return sheet


def in_a_tight_collage(image: Image.Image, others: Sequence[Image.Image]) -> Image.Image:
    """Return the picture and three others, each cut to fill its cell of 320 × 240, as programs for collages do."""
    width, height, gap = 320, 240, 4
    sheet = Image.new("RGB", (2 * width + 3 * gap, 2 * height + 3 * gap), "white")
    for n, cell in enumerate((others[0], image, others[1], others[2])):
        place = gap + n % 2 * (width + gap), gap + n // 2 * (height + gap)
        sheet.paste(ImageOps.fit(cell, (width, height)), place)
    return sheet


def _font(size: float) -> Font:
    """Return Pillow's own font, the same on every machine, 8 pixels high at least."""
    return ImageFont.load_default(size=max(8, int(size)))
