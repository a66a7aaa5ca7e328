"""Hits of a search, printed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lookalike.cli.output import human
from lookalike.cli.output.output import Column, Output
from shards.families import AUTO

if TYPE_CHECKING:
    from lookalike.answers import Answer
    from lookalike.links import LinkTemplate
    from shards.search.search import Hit

URL = "url"
"""The field of metadata that people want to see: imports of other systems keep the address of a picture there."""


@dataclass(frozen=True, slots=True)
class HitsOutput:
    """The output of hits, in the form that was chosen."""

    out: Output

    link: LinkTemplate | None = None
    """What makes an address of each hit."""

    with_orientation: bool = False
    """Say how the question was turned."""

    def page(self, answer: Answer, first: int, name: str | None) -> None:
        """Print a page of hits, of which the first has this rank, under the question's name if there are several."""
        if self.out.is_json:
            for rank, hit in enumerate(answer.hits, first):
                self.out.json(self._document(rank, hit, name))
        elif answer.hits:
            self._table(answer, first, name)
        elif first == 1:
            what = "it" if name is None else human.shown(name)
            self.out.line(f"nothing like {what} among {human.count(answer.searched, 'image')}")

    def _document(self, rank: int, hit: Hit, name: str | None) -> dict[str, Any]:
        link = None if self.link is None else self.link.link(hit.image)
        return {
            **({} if name is None else {"query": name}),
            "rank": rank,
            "key": hit.key,
            "score": hit.score,
            "distance": hit.distance,
            "family": hit.family,
            "false_rate": hit.false_rate,
            "confidence": hit.confidence,
            "is_match": hit.is_match,
            "reason": hit.reason,
            "families": [asdict(each) for each in hit.families],
            **({} if hit.overlap is None else {"overlap": asdict(hit.overlap)}),
            "width": hit.image.width,
            "height": hit.image.height,
            "orientation": hit.variant,
            "sha256": hit.image.sha256 or None,
            "meta": dict(hit.image.meta),
            "source": dict(hit.image.source),
            **({} if link is None else {"link": link}),
        }

    def _table(self, answer: Answer, first: int, name: str | None) -> None:
        columns = [Column("rank", True), Column("score", True), Column("distance", True), Column("key")]
        rows = [
            [str(rank), human.score(hit.score), human.distance(hit.distance), hit.key]
            for rank, hit in enumerate(answer.hits, first)
        ]
        images = [hit.image for hit in answer.hits]
        # what was imported without its picture has no size
        sizes = [human.pixels(image.width, image.height) if image.width else "" for image in images]
        self._add(columns, rows, "size", sizes)
        if answer.family == AUTO:
            self._add(columns, rows, "family", [hit.family for hit in answer.hits])
            self._add(columns, rows, "match", [hit.confidence or "" for hit in answer.hits])
        self._add(columns, rows, "note", [hit.reason or "" for hit in answer.hits])
        if self.with_orientation:
            self._add(columns, rows, "orientation", [hit.variant for hit in answer.hits])
        if self.link is not None:
            self._add(columns, rows, "link", [self.link.link(image) or "" for image in images])
        else:
            urls = [image.meta.get(URL) for image in images]
            self._add(columns, rows, URL, [url if isinstance(url, str) else "" for url in urls])
        self.out.table(columns, rows, title=name or "")
        if name is not None:
            self.out.line("")

    @staticmethod
    def _add(columns: list[Column], rows: list[list[str]], title: str, cells: list[str]) -> None:
        """Add a column, unless it has nothing to say."""
        if any(cells):
            columns.append(Column(title))
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell)
