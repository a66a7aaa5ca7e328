"""Filters of metadata as clients send them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, Json

DESCRIPTION = (
    "Only images whose metadata is like this. A JSON object: fields with the values that they must equal, or with $eq, "
    "$ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $contains, $elemMatch, $not; and $and, $or, $not of filters. "
    "user.name is the field name of the object user."
)

FilterObject: TypeAlias = Annotated[
    dict[str, Any] | None, Field(description=DESCRIPTION, examples=[{"album": "zoo", "year": {"$gte": 1990}}])
]
"""A filter in a JSON document."""

FilterText: TypeAlias = Annotated[
    Json[dict[str, Any]] | None, Field(description=DESCRIPTION, examples=['{"album": "zoo", "year": {"$gte": 1990}}'])
]
"""A filter in the query or in a form."""
