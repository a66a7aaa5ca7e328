"""`lookalike create`."""

from __future__ import annotations

from typing import Literal

import click

from lookalike.cli.command import Command, index_argument, names_of, output_options, size
from lookalike.cli.output.output import Output


@click.command(
    "create",
    cls=Command,
    examples=(
        ("lookalike create photos.index", "an empty index with the usual signatures"),
        ("lookalike create s3://pictures/index --family haar,phash16 --shards 16", "for some ten million images"),
        (
            "lookalike create old.index --family goldberg --exif ignore --alpha drop --depth clip --frame first",
            "pictures as image-match sees them",
        ),
    ),
)
@index_argument
@click.option(
    "--family",
    "families",
    metavar="NAME",
    multiple=True,
    help="Kinds of signature: haar, goldberg, dhash, phash, pdq, crops, phash16, … Repeat it, or put commas between"
    " them; a search that names none asks all. [default: haar, goldberg, dhash, pdq, crops]",
)
@click.option("--shards", type=int, default=1, show_default=True, help="Parts that are searched and compacted apart.")
@click.option("--segment-rows", type=int, help="Images a segment grows to. [default: 1,048,576]")
@click.option(
    "--exif",
    type=click.Choice(["apply", "ignore"]),
    default="apply",
    show_default=True,
    help="Turn pictures as their EXIF orientation says, or leave them as stored.",
)
@click.option(
    "--alpha",
    type=click.Choice(["white", "drop"]),
    default="white",
    show_default=True,
    help="Lay transparent pixels over white, or show the colours below.",
)
@click.option(
    "--depth",
    type=click.Choice(["scale", "clip"]),
    default="scale",
    show_default=True,
    help="Scale greys of 16 bits to what people see, or show those above 255 as white, as other programs do.",
)
@click.option(
    "--frame",
    type=click.Choice(["content", "first"]),
    default="content",
    show_default=True,
    help="Show of an animation the first frame that is not all of one colour, or the first whatever it is.",
)
@click.option(
    "--thumbnails",
    type=click.IntRange(0, 2048),
    metavar="PIXELS",
    help="Keep a small copy of each picture, for people to look at; 0 keeps none. [default: 256]",
)
@click.option("--max-bytes", type=size, metavar="SIZE", help="Refuse larger files. [default: 32MiB]")
@click.option("--max-pixels", type=click.IntRange(1), help="Refuse larger pictures. [default: 100,000,000]")
@output_options
def create(
    address: str,
    families: tuple[str, ...],
    shards: int,
    segment_rows: int | None,
    exif: Literal["apply", "ignore"],
    alpha: Literal["white", "drop"],
    depth: Literal["scale", "clip"],
    frame: Literal["content", "first"],
    thumbnails: int | None,
    max_bytes: int | None,
    max_pixels: int | None,
    form: str | None,
) -> None:
    """Make an empty index.

    All of this is decided once, since it is what the signatures mean. 'add' and 'sync' make an index by themselves,
    with everything by default.
    """
    from lookalike.index import Index
    from shards.families import DEFAULT
    from shards.pictures.decoding import PictureSettings
    from shards.table.format.settings import SEGMENT_ROWS, THUMBNAIL

    out = Output.of(form)
    usual = PictureSettings()
    pictures = PictureSettings(
        exif=exif,
        alpha=alpha,
        depth=depth,
        frame=frame,
        max_bytes=usual.max_bytes if max_bytes is None else max_bytes,
        max_pixels=usual.max_pixels if max_pixels is None else max_pixels,
    )
    index = Index.create(
        address,
        families=names_of(families) or DEFAULT,
        shards=shards,
        segment_rows=SEGMENT_ROWS if segment_rows is None else segment_rows,
        pictures=pictures,
        thumbnails=THUMBNAIL if thumbnails is None else thumbnails,
    )
    chosen = index.settings
    if out.is_json:
        out.json({"index": index.url, "families": list(chosen.families), "shards": chosen.shards})
    else:
        out.line(f"made {index.url} with signatures of {', '.join(chosen.families)}")
