"""What is said of files that are not decoded."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from shards.errors import PictureError
from shards.pictures.decoding import decode
from tests.shards.pictures.files import ZEROS, bmp, gif, png, psd, tiff


def refused(data: bytes) -> PictureError:
    with pytest.raises(PictureError) as raised:
        decode(data)
    return raised.value


def encoded(kind: str, **options: object) -> bytes:
    body = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").crop((0, 0, 60, 40)).save(body, kind, **options)
    return body.getvalue()


JPEG, AVIF = encoded("JPEG"), encoded("AVIF")
SOF = JPEG.index(b"\xff\xc0")


def avif(width: int, height: int) -> bytes:
    """Return an AVIF whose header states this size."""
    at = AVIF.index(b"ispe") + 8
    return AVIF[:at] + struct.pack(">II", width, height) + AVIF[at + 8 :]


UNSUPPORTED = {
    "TIFF of colours of 32 bits": (tiff(3, 32, 3, 2), "TIFF"),
    "TIFF of floats of 64 bits": (tiff(1, 64, 3), "TIFF"),
    "TIFF of floats of 16 bits": (tiff(1, 16, 3), "TIFF"),
    "TIFF of 10 bits": (tiff(1, 10), "TIFF"),
    "TIFF of Lab with opacity": (tiff(4, 8, 1, 8), "TIFF"),
    "TIFF compressed as JPEG 2000": (tiff(compression=34712), "compression 34712, JPEG 2000"),
    "TIFF compressed as LERC": (tiff(compression=34887), "compression 34887, LERC"),
    "TIFF compressed as WebP": (tiff(compression=50001), "compression 50001, WebP"),
    "TIFF compressed as nobody knows": (tiff(compression=65000), "compression 65000, which nobody knows"),
    "BMP of 2 bits": (bmp(2), "BMP"),
    "BMP of 10 bits a colour": (bmp(32, 3, masks=struct.pack("<III", 0x3FF00000, 0xFFC00, 0x3FF)), "BMP"),
    "BMP with a JPEG in it": (bmp(24, 4), "BMP"),
    "Photoshop of 16 bits": (psd(bits=16), "8 bits a channel"),
    "Photoshop's large files": (psd(version=2), "PSB"),
    "JPEG of 12 bits": (JPEG[: SOF + 4] + b"\x0c" + JPEG[SOF + 5 :], "12 bits"),
    "JPEG of several sizes": (JPEG[: SOF + 1] + b"\xc5" + JPEG[SOF + 2 :], "SOF5"),
    "JPEG-LS": (JPEG[: SOF + 1] + b"\xf7" + JPEG[SOF + 2 :], "JPEG-LS"),
    "JPEG XR": (b"II\xbc\1" + ZEROS, "JPEG XR"),
    "OpenEXR": (b"\x76\x2f\x31\x01" + ZEROS, "OpenEXR"),
    "GIMP's": (b"gimp xcf v011\0" + ZEROS, "export it as PNG"),
    "WMF": (b"\xd7\xcd\xc6\x9a" + ZEROS, "render it"),
    "EMF": (b"\1\0\0\0" + bytes(36) + b" EMF" + ZEROS, "render it"),
    "a camera's": (b"FUJIFILMCCD-RAW " + ZEROS, "develop it"),
    "a camera's in boxes": (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + ZEROS, "develop it"),
    "HEIF of JPEG 2000": (b"\0\0\0\x14ftypj2ki\0\0\0\0mif1" + ZEROS, "HEIF"),
    "AVIF with a side that is too long": (avif(60_000, 2), "60,000 × 2"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_known_kind_that_is_not_read_is_unsupported_with_what_to_do(name: str) -> None:
    data, said = UNSUPPORTED[name]
    error = refused(data)

    assert error.reason == "unsupported"
    assert said in str(error)
    assert any(word in str(error) for word in ("save it as", "render it", "export it", "develop it"))


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + ZEROS,
        b"\0\0\0\x14ftypqt  \0\0\2\0qt  " + ZEROS,
        b"\x1aE\xdf\xa3\x9fB\x86\x81\1" + ZEROS,
        b"RIFF\0\1\0\0AVI LIST" + ZEROS,
    ],
)
def test_a_video_is_called_one(data: bytes) -> None:
    error = refused(data)
    assert error.reason == "unsupported"
    assert "this is a video, which is not read here: save a frame of it" in str(error)


DAMAGED = {
    "PNG without width": png(0, 4),
    "PNG without height": png(4, 0),
    "PNG of 3 bits": png(bits=3),
    "GIF without width": gif(0, 4),
    "GIF without height": gif(4, 0),
    "BMP without width": bmp(width=0),
    "TIFF without width": tiff(side=0),
    "AVIF without width": avif(0, 40),
    "TIFF of the wrong bits for a fax": tiff(compression=4),
    "JPEG without height": JPEG[: SOF + 5] + b"\0\0" + JPEG[SOF + 7 :],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_contradicts_itself_is_damaged(name: str) -> None:
    assert refused(DAMAGED[name]).reason == "damaged"


def test_the_same_files_without_the_fault_are_decoded() -> None:
    for data in (png(), gif(), bmp(), tiff(), tiff(3, 8, 1, 2), psd(), AVIF, JPEG):
        assert decode(data).rgb.size


def test_a_size_beyond_what_a_library_decodes_is_too_many_pixels() -> None:
    error = refused(avif(20_000, 20_000))

    assert error.reason == "too_many_pixels"
    assert "20,000 × 20,000" in str(error)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg", None])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_tiff_is_truncated_wherever_its_directory_is(compression: str | None, share: float) -> None:
    data = encoded("TIFF", compression=compression)
    assert refused(data[: int(len(data) * share)]).reason == "truncated"
