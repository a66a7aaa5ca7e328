"""Links to the pages that an index's images come from, made of a template and what the index knows of an image."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

from shards.errors import QueryError
from shards.search.fields import values
from shards.table.read.snapshot import Image

KEY = "key"
"""The field that is the image's key; all others are of its metadata."""

LONGEST = 2000
"""Characters of a field's value in a link: some browsers and servers take no longer address."""

_FIELD = re.compile(r"\{([^{}]+)\}")
_TEMPLATE = re.compile(r"https?://[^/?#{}\s]+(?:[/?#][^\s]*)?", re.IGNORECASE)
_WHOLE = re.compile(r"\{([^{}]+)\}")
_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\x7f\\\"<>^`{|}]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LinkTemplate:
    """A template of addresses of the web, such as `https://en.wikipedia.org/wiki/{url}`.

    Fields are percent-encoded but for "/", so whatever metadata holds, a link leads below the place that the template
    names. A template
    that is one field alone takes addresses from the metadata, of http and https only.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the template in this text. Raises QueryError unless all that it makes are addresses of the web."""
        if _WHOLE.fullmatch(text):
            return cls(text)
        if _TEMPLATE.fullmatch(text) is None:
            raise QueryError(
                f"link {text!a:.100} is no template of addresses: begin with https:// or http:// and a host without"
                " fields, as in https://en.wikipedia.org/wiki/{url}; or give one field alone that holds whole addresses"
            )
        rest = _FIELD.sub("", text)
        if "{" in rest or "}" in rest or rest == text:
            raise QueryError(
                f"link {text!a:.100} has no field such as {{key}} or {{url}}, or a brace without its other"
            )
        return cls(text)

    def link(self, image: Image) -> str | None:
        """Return the link of this image; None where it lacks a field, or has one that cannot stand in an address."""
        whole = _WHOLE.fullmatch(self.text)
        if whole is not None:
            return _address(_value(image, whole[1]))
        fields = {name: _value(image, name) for name in _FIELD.findall(self.text)}
        if None in fields.values():
            return None
        link = _FIELD.sub(lambda field: quote(str(fields[field[1]]), safe="/"), self.text)
        # with "." and ".." a browser climbs up the path, to a page that the template does not name
        return None if {".", ".."} & set(re.split("[?#]", link)[0].split("/")) else link


def _value(image: Image, name: str) -> str | None:
    """Return a field as text; None where there is none, or where it is no text and no number."""
    found: Any = image.key if name == KEY else next(iter(values(image.meta, name)), None)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    try:
        text = str(found)
        text.encode()
    except (UnicodeEncodeError, ValueError):
        # half of a surrogate pair, or an integer of thousands of digits
        return None
    return text if 0 < len(text) <= LONGEST else None


def _address(value: str | None) -> str | None:
    """Return a value that is an address of the web; None for any other, such as `javascript:`."""
    if value is None or _ADDRESS.fullmatch(value) is None:
        return None
    try:
        return value if urlsplit(value).hostname else None
    except ValueError:
        return None
