"""What a search is asked: its questions and options, in the query, in a form, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lookalike.options import SearchOptions
from lookalike.web.api import openapi
from lookalike.web.api.filtering import FilterObject, FilterText
from lookalike.web.api.inputs import LISTED, Base64, Given, Kind, StrictBody
from lookalike.web.http.problems import validation
from shards.families import Family
from shards.hash_forms import HashForm
from shards.search.cursor import Cursor
from shards.search.filters import Filter
from shards.search.query import LIMIT

MAX_LIMIT = 1000
"""Hits of one question; a program that needs more reads the index itself."""


class Threshold(BaseModel):
    """The family to search by, and the minimum similarity."""

    model_config = ConfigDict(extra="forbid")

    family: Annotated[
        str | None,
        Field(
            description="The family to compare by. By default, or as `auto`, a search asks all families of the index,"
            " and duplicates are found by the first.",
            examples=["haar"],
        ),
    ] = None
    min_score: Annotated[float | None, Field(description="Minimum score.", ge=0, le=100, allow_inf_nan=False)] = None
    max_distance: Annotated[
        float | None,
        Field(
            description="Maximum distance, in the family's unit; not with min_score.",
            ge=0,
            allow_inf_nan=False,
        ),
    ] = None

    @model_validator(mode="after")
    def one_threshold(self) -> Threshold:
        if self.min_score is not None and self.max_distance is not None:
            raise ValueError("give min_score or max_distance, not both")
        return self


class SearchFields(Threshold):
    """Options of a search."""

    limit: Annotated[int, Field(description="Maximum number of hits.", ge=1, le=MAX_LIMIT)] = LIMIT
    orientations: Annotated[bool, Field(description="Also find turned and mirrored copies.")] = False
    negatives: Annotated[bool, Field(description="Also find negatives, if the family can.")] = False
    min_share: Annotated[
        float | None,
        Field(
            description="Smallest part of a picture of the index, as a share of its area, that the question has to"
            " show. For families that know of parts; by default 0.03.",
            ge=0,
            le=1,
            allow_inf_nan=False,
        ),
    ] = None
    thorough: Annotated[
        bool,
        Field(description="Ask all families everything at once, where otherwise what is dear is asked only if needed."),
    ] = False
    signatures: Annotated[bool, Field(description="Include the question's own signature in the answer.")] = False
    preview: Annotated[bool, Field(description="Include a small copy of the question's picture.")] = False

    hash_form: Annotated[
        HashForm | None,
        Field(
            description="How signatures are written that are hashes. By default as the family's text; or as a 64-bit "
            "integer, if there is a minus or there are 19 or 20 digits."
        ),
    ] = None
    after: Annotated[
        str | None,
        Field(
            description="The `next` of the answer before, to go on with the hits after it. Only of one question.",
            max_length=2048,
        ),
    ] = None


class SearchParameters(SearchFields):
    """Options of a search, in the query or in the fields of a form."""

    filter: FilterText = None

    def search_options(self, families: Sequence[Family]) -> SearchOptions:
        """Return what the index is told, with the families that were looked up."""
        options = SearchOptions(
            families=tuple(family.name for family in families),
            limit=self.limit,
            min_score=self.min_score,
            max_distance=self.max_distance,
            orientations=self.orientations,
            negatives=self.negatives,
            where=Filter.of(self.filter),
            after=None if self.after is None else Cursor.parse(self.after),
            min_share=self.min_share,
            thorough=self.thorough,
        )
        options.check(families)
        return options


class KnownParameters(SearchParameters):
    """Questions that need no picture, and options, in the query."""

    key: Annotated[list[str], Field(description="Keys of images in the index.")] = []
    signature: Annotated[list[str], Field(description="Signatures of the family, as text.")] = []
    hash: Annotated[list[str], Field(description="The same as signature.")] = []

    def given(self) -> list[Given]:
        """Return the questions, in this order of kinds."""
        keys = [Given("key", key) for key in self.key]
        return [*keys, *(Given("signature", text) for text in (*self.signature, *self.hash))]


Texts: TypeAlias = str | Annotated[list[str], Field(max_length=LISTED, fail_fast=True)]
Pictures: TypeAlias = Base64 | Annotated[list[Base64], Field(max_length=LISTED, fail_fast=True)]


class SearchBody(StrictBody, SearchFields):
    """Questions, one or several of each kind, and options."""

    model_config = ConfigDict(
        title="SearchBody",
        extra="forbid",
        json_schema_extra={"examples": [{"key": "cat.jpg", "family": "dhash", "max_distance": 10}]},
    )

    image: Annotated[Pictures, Field(description="Files in base64.")] = []
    url: Annotated[Texts, Field(description="Addresses for the server to fetch.")] = []
    key: Annotated[Texts, Field(description="Keys of images in the index.")] = []
    signature: Annotated[Texts, Field(description="Signatures of the family, as text.")] = []
    hash: Annotated[Texts, Field(description="The same as signature.")] = []
    filter: FilterObject = None

    def given(self) -> list[Given]:
        """Return the questions, in this order of kinds."""
        kinds: list[tuple[Kind, Texts | Pictures]] = [
            ("image", self.image),
            ("url", self.url),
            ("key", self.key),
            ("signature", self.signature),
            ("signature", self.hash),
        ]
        return [Given(kind, text) for kind, texts in kinds for text in (texts if isinstance(texts, list) else [texts])]


FORM = {
    "file": openapi.FILES,
    "url": openapi.TEXTS,
    "key": openapi.TEXTS,
    "signature": openapi.TEXTS,
    "hash": openapi.TEXTS,
    **SearchParameters.model_json_schema()["properties"],
}


def check_threshold(options: Threshold) -> None:
    """Raise Problem where the query and the body together set two thresholds."""
    if options.min_score is not None and options.max_distance is not None:
        raise validation("give min_score or max_distance, not both")
