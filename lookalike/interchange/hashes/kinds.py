"""What a file with hashes looks like from outside, and what looks like one and is none."""

from __future__ import annotations

import re

from lookalike.interchange.file import DumpFile
from shards.errors import DumpUnreadable

PICKLE = re.compile(rb"\x80[\x02-\x05]|\([dl]p?[0-9]*\n|c[\w.]+\n[\w.]+\n|\][q(]|\}[q(]")
"""What pickles begin with, of any protocol."""

PICKLE_NAMES = (".pkl", ".pickle", ".joblib", ".dill")

CZKAWKA_NAME = re.compile(r"cache_similar_images_.*\.(bin|json)(\.gz)?", re.IGNORECASE)
CZKAWKA = re.compile(rb'"hash"\s*:\s*\[\s*[0-9]')
"""A hash as a list of bytes, as czkawka writes it in JSON."""

DUPLICATES = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[')
"""A name and a list, as imagededup writes duplicates."""

UTF16 = (b"\xff\xfe", b"\xfe\xff")

PRINTABLE = re.compile(rb"[^\x00-\x08\x0e-\x1f]*")


def is_pickle(file: DumpFile) -> bool:
    """Return whether a file is a pickle. Nothing of it is unpickled."""
    return PICKLE.match(file.head) is not None or file.path.name.removesuffix(".gz").lower().endswith(PICKLE_NAMES)


def is_known(file: DumpFile) -> bool:
    """Return whether `refuse` knows what this is."""
    return is_pickle(file) or file.head.startswith(UTF16) or CZKAWKA_NAME.fullmatch(file.path.name) is not None


def is_text(head: bytes) -> bool:
    """Return whether a file that begins so is text."""
    return bool(head) and PRINTABLE.fullmatch(head[:4096]) is not None


def refuse(file: DumpFile) -> None:
    """Raise DumpUnreadable for files that hold no hashes that are known here, saying what they are."""
    if is_pickle(file):
        raise DumpUnreadable(
            f"{file.name} is a pickle: reading one runs whatever is in it, so it is never opened. Write its hashes as "
            "text where they come from, such as a CSV file with str(hash) beside each name"
        )
    if file.head.startswith(UTF16):
        raise DumpUnreadable(f"{file.name}: this is UTF-16: save it as CSV in UTF-8")
    head = file.head.lstrip()
    if CZKAWKA_NAME.fullmatch(file.path.name) or (CZKAWKA.search(head) and b'"modified_date"' in head):
        raise DumpUnreadable(
            f"{file.name} is of czkawka, whose hashes are made by other algorithms than any here (those of Rust's "
            "image_hasher), so no picture asked with would find them: add the pictures themselves with 'lookalike add'"
        )
    if DUPLICATES.match(head):
        raise DumpUnreadable(
            f"{file.name} seems to be imagededup's duplicates, which pictures are alike and not their hashes: save the "
            "encodings instead, json.dump(hasher.encode_images(image_dir='photos'), file)"
        )
