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
    from shards.search.hits import Hit
    from shards.storage.originals import Roots

URL = "url"
"""The field of metadata that people want to see: imports of other systems keep the address of a picture there."""


BELOW = "── below: no match ──"
"""The line at the threshold."""


@dataclass(frozen=True, slots=True)
class More:
    """The matches that there are beyond those shown."""

    matches: int

    same_score: int
    """Those of them that score as much as the last one shown."""

    score: float
    """The score of that."""

    is_all: bool
    """Whether there are no more of them."""


@dataclass(frozen=True, slots=True)
class HitsOutput:
    """The output of hits, in the form that was chosen."""

    out: Output

    link: LinkTemplate | None = None
    """What makes an address of each hit."""

    with_orientation: bool = False
    """Say how the question was turned."""

    originals: Roots | None = None
    """The places whose files are named in place of keys; None shows keys."""

    def page(self, answer: Answer, first: int, name: str | None, more: More | None = None) -> None:
        """Print a page of hits, of which the first has this rank, under the question's name if there are several.

        `more`: what there is beyond.
        """
        if self.out.is_json:
            # a line is read by itself, so each has what is said of the whole answer
            of_answer = {
                "not_asked": [asdict(each) for each in answer.not_asked],
                "more_matches": more.matches if more is not None else 0,
            }
            for rank, hit in enumerate(answer.hits, first):
                self.out.json({**self._document(rank, hit, name), **of_answer})
        elif answer.hits:
            self._table(answer, first, name, more)
        elif first == 1:
            what = "it" if name is None else human.shown(name)
            self.out.line(f"nothing like {what} among {human.count(answer.searched, 'image')}")

    def _document(self, rank: int, hit: Hit, name: str | None) -> dict[str, Any]:
        link = None if self.link is None else self.link.link(hit.image)
        return {
            **({} if name is None else {"query": name}),
            "rank": rank,
            "key": hit.key,
            "path": self._path(hit),
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

    def _path(self, hit: Hit) -> str | None:
        """Return the file that an image was made of, where this machine was told that it lies there."""
        path = hit.image.source.get("path")
        return path if isinstance(path, str) and self.originals is not None and self.originals.allow(path) else None

    def _table(self, answer: Answer, first: int, name: str | None, more: More | None) -> None:
        paths = [self._path(hit) for hit in answer.hits]
        named = "path" if all(paths) else "path or key" if any(paths) else "key"
        numbers = [Column(title, is_number=True) for title in ("rank", "score", "distance")]
        columns = [*numbers, Column("match"), Column(named)]
        rows = [
            [str(rank), human.score(hit.score), human.distance(hit.distance), hit.confidence or "no", path or hit.key]
            for (rank, hit), path in zip(enumerate(answer.hits, first), paths, strict=True)
        ]
        images = [hit.image for hit in answer.hits]
        # what was imported without its picture has no size
        sizes = [human.pixels(image.width, image.height) if image.width else "" for image in images]
        self._add(columns, rows, "size", sizes)
        if answer.family == AUTO:
            self._add(columns, rows, "family", [hit.family for hit in answer.hits])
        self._add(columns, rows, "note", [hit.reason or "" for hit in answer.hits])
        if self.with_orientation:
            self._add(columns, rows, "orientation", [hit.variant for hit in answer.hits])
        if self.link is not None:
            self._add(columns, rows, "link", [self.link.link(image) or "" for image in images])
        else:
            urls = [image.meta.get(URL) for image in images]
            self._add(columns, rows, URL, [url if isinstance(url, str) else "" for url in urls])
        end = max((n for n, hit in enumerate(answer.hits, 1) if hit.is_match), default=0)
        if end < len(rows):
            line = [""] * len(columns)
            line[[column.title for column in columns].index(named)] = BELOW
            rows.insert(end, line)
        self.out.table(columns, rows, title=name or "")
        if more is not None and more.matches:
            self.out.line(_beyond(more))
        if name is not None:
            self.out.line("")

    @staticmethod
    def _add(columns: list[Column], rows: list[list[str]], title: str, cells: list[str]) -> None:
        """Add a column, unless it has nothing to say."""
        if any(cells):
            columns.append(Column(title))
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell)


def _beyond(more: More) -> str:
    """Return in words what there is beyond the hits that are shown."""
    same = f"{human.count(more.same_score)} of them of score {human.score(more.score)}"
    if more.same_score == more.matches:
        what = f"{human.count(more.matches)} more of score {human.score(more.score)}"
    else:
        what = human.count(more.matches, "more match", "more matches") + (f", {same}" if more.same_score else "")
    return f"and {'' if more.is_all else 'at least '}{what}; -n shows more"
