"""The report of an evaluation: one HTML file with all plots and pictures in it, which loads nothing else."""

from __future__ import annotations

import math
from base64 import b64encode
from html import escape

from lookalike.evaluate import plots
from lookalike.evaluate.asking import copied, load
from lookalike.evaluate.related import TITLES
from lookalike.evaluate.result import Evaluation, FalseMatch, FamilyResult, Missed, SetApart
from lookalike.evaluate.tally import Share
from shards.families import AUTO
from shards.pictures.copies import TRANSFORMATIONS
from shards.pictures.decoding import Picture, thumbnail

SIDE = 200
"""Pixels of a picture on the page."""

EXAMPLES = 12
"""Examples of misses, and of false matches, of each family."""

RATES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, CanvasText 18%, Canvas); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
p, small, figcaption { color: color-mix(in srgb, CanvasText 75%, Canvas); max-width: 62rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; text-align: right; white-space: nowrap; } th:first-child { text-align: left; }
thead th { border-bottom: 1px solid var(--line); } tbody th { font-weight: normal; }
tr.sum th, tr.sum td { border-top: 1px solid var(--line); font-weight: 600; }
td.share { background: color-mix(in srgb, #2e8b57 calc(var(--of) * .55%), transparent); border-radius: 3px; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 1.2rem; }
figure { margin: 0; } svg { width: 100%; }
svg text { font: 10px system-ui, sans-serif; fill: currentColor; opacity: .75; }
svg .grid { stroke: var(--line); } polyline { fill: none; stroke-width: 1.5; }
polyline.copies { stroke: #2e8b57; fill: #2e8b5733; } polyline.strangers { stroke: #c0392b; fill: #c0392b33; }
svg .threshold { stroke: currentColor; stroke-dasharray: 4 3; }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .3em 0 1em; }
ul.pairs { display: flex; flex-wrap: wrap; gap: 1rem; list-style: none; padding: 0; }
ul.pairs li { width: 215px; font-size: .8rem; overflow-wrap: anywhere; }
ul.pairs div { display: flex; gap: 3px; height: 105px; }
ul.pairs img { width: 106px; height: 105px; object-fit: contain;
  background: color-mix(in srgb, CanvasText 6%, Canvas); border-radius: 4px; }
"""

SCORES = (
    "<h2>Scores</h2><p>Shares of <span class=key style='background:#2e8b57'></span>copies and"
    "<span class=key style='background:#c0392b'></span>strangers by score; the dashed line is the threshold.</p>"
    "<div class=plots>"
)


def page(found: Evaluation) -> str:
    """Return the report as HTML."""
    results = found.results
    drawing = _Drawing(found)
    sections = [
        _recall(found),
        _by_folder(found),
        _trade(found),
        SCORES + "".join(_distribution(result) for result in results.values()) + "</div>",
        _cost(found),
        *(_examples(result, drawing) for result in results.values()),
        _left_out(found, drawing),
    ]
    pairs = max((result.strangers.pairs for result in results.values()), default=0)
    told = (
        f"{found.subjects:,} of {len(found.pictures.names):,} pictures were copied and asked for among all of them."
        f" Copies of each: {len(found.transformations)}. Pairs of strangers: {pairs:,}. A copy is found if its picture"
        f" reaches the score that at most {found.rate:g} of the pairs of strangers reach."
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Evaluation: {found.subjects:,} of {len(found.pictures.names):,} pictures</title>
<style>{STYLE}</style>
</head>
<body>
<h1>What lookalike finds of these pictures</h1>
<p>{_text(told)}</p>
{"".join(sections)}
</body>
</html>
"""


class _Drawing:
    """Pictures of the set, and copies of them, as images for the page."""

    def __init__(self, found: Evaluation) -> None:
        self._pictures, self._side = found.pictures, found.side
        self._at = {name: place for place, name in enumerate(found.pictures.names)}

    def original(self, name: str) -> str:
        return self._image(load(self._pictures, self._at[name], self._side), name)

    def copy(self, name: str, transformation: str) -> str:
        place = self._at[name]
        picture = load(self._pictures, place, self._side)
        made, _ = copied(self._pictures, picture, place, transformation, self._side)
        return self._image(made, f"{name}, {TRANSFORMATIONS[transformation].title}")

    def _image(self, picture: Picture, name: str) -> str:
        encoded = b64encode(thumbnail(picture, SIDE)).decode()
        return f'<img loading=lazy alt="{_text(name)}" src="data:image/webp;base64,{encoded}">'


def _recall(found: Evaluation) -> str:
    results = found.results.values()
    head = "".join(f"<th>{_text(result.name)}" for result in results)
    rows = [
        f"<tr><th>{_text(TRANSFORMATIONS[name].title)}" + "".join(_share(result.recall[name]) for result in results)
        for name in found.transformations
    ]
    sums = [
        ("mean", [_share(result.mean_recall) for result in results]),
        (f"mean with detail: {found.detailed:,}", [_share(result.mean_detailed_recall) for result in results]),
        ("first of all", [_share(result.top1) for result in results]),
        ("right of its matches", [f"<td>{100 * result.precision:.2f} %" for result in results]),
        ("threshold", [f"<td>{result.threshold:.1f}{'' if result.is_measured else ' *'}" for result in results]),
        ("false matches", [f"<td>{len(result.strangers.at_least(result.threshold)):,}" for result in results]),
    ]
    if not found.detailed:
        del sums[1]
    rows += [f"<tr class=sum><th>{name}" + "".join(cells) for name, cells in sums]
    note = (
        "<p>* Too few pairs of strangers to measure this false rate: the threshold is the family's own.</p>"
        if any(not result.is_measured for result in results)
        else ""
    )
    return (
        f"<h2>Copies found, in percent</h2><div class=wide><table><thead><tr><th>{head}</thead>"
        f"<tbody>{''.join(rows)}</table></div>{note}"
        f"<p>{_text(AUTO)}: all families together, each heard as far as its false rates go. Its scores are −log10 of"
        " the least of them, so a threshold of 6 is one pair of strangers in a million. Point at a number for its"
        " standard error.</p>"
    )


def _by_folder(found: Evaluation) -> str:
    results = found.results.values()
    kinds = next(iter(results)).recall_by_kind
    if len(kinds) < 2:
        return ""
    rows = "".join(
        f"<tr><th>{_text(kind or 'in no folder')}<td>{each.subjects:,}"
        + "".join(_share(result.recall_by_kind[kind].mean) for result in results)
        for kind, each in kinds.items()
    )
    return (
        "<h2>Copies found by folder, in percent of all ways</h2><div class=wide><table><thead><tr><th><th>pictures"
        + "".join(f"<th>{_text(result.name)}" for result in results)
        + f"</thead><tbody>{rows}</table></div>"
    )


def _share(share: Share) -> str:
    if math.isnan(share.value):
        return "<td>-"
    percent = 100 * share.value
    return f'<td class=share style="--of:{percent:.0f}" title="± {100 * share.error:.1f}">{percent:.0f}'


def _trade(found: Evaluation) -> str:
    return (
        f"<h2>Recall and false matches</h2>{_keys(found)}<div class=plots><figure>{plots.trade(found.results, RATES)}"
        "<figcaption>Mean share of copies that are found, by the share of pairs of strangers that may be called a"
        " match.</figcaption></figure></div>"
    )


def _keys(found: Evaluation) -> str:
    keys = (
        f'<span class=key style="background:{plots.colour(n)}"></span>{_text(name)}'
        for n, name in enumerate(found.results)
    )
    return f"<p>{''.join(keys)}</p>"


def _distribution(result: FamilyResult) -> str:
    rate = result.false_rate
    told = f"{result.name}: threshold {result.threshold:.1f}, false rate {rate.value:.1e} ± {rate.error:.0e}"
    return f"<figure>{plots.distribution(result, result.name)}<figcaption>{_text(told)}</figcaption></figure>"


def _cost(found: Evaluation) -> str:
    rows = "".join(
        f"<tr><th>{_text(result.name)}<td>{result.row_bytes:,}<td>{result.column_bytes:,.0f}"
        f"<td>{1000 * result.compute_seconds:.1f}<td>{1000 * result.question_seconds:.1f}"
        for result in found.results.values()
        if result.row_bytes
    )
    return (
        "<h2>Cost</h2><div class=wide><table><thead><tr><th><th>bytes of a signature<th>bytes an image in the index"
        f"<th>ms to compute<th>ms for a question</thead><tbody>{rows}</table></div>"
    )


def _examples(result: FamilyResult, drawing: _Drawing) -> str:
    false = "".join(_false_match(each, drawing) for each in result.false_matches[:EXAMPLES])
    missed = "".join(_missed(each, drawing) for each in result.missed[:EXAMPLES])
    parts = [f"<h2>{_text(result.name)}: examples</h2>"]
    parts.append(
        f"<h3>Strangers called a match</h3><ul class=pairs>{false}</ul>" if false else "<p>No false match.</p>"
    )
    if result.apart:
        counts = "; ".join(f"{TITLES[rule]}: {count:,}" for rule, count in result.apart_by_rule.items() if count)
        apart = "".join(_false_match(each, drawing) for each in result.apart[:EXAMPLES])
        rest = "".join(
            f"<li>{each.score:.1f} {_text(f'{each.subject}, {each.transformation}: {each.other}')}"
            for each in result.apart[EXAMPLES:]
        )
        parts.append(
            f"<h3>Not counted, since they are no strangers</h3><p>{_text(counts)}</p><ul class=pairs>{apart}</ul>"
            + (
                f"<details><summary>{len(result.apart) - EXAMPLES:,} more</summary><ul>{rest}</ul></details>"
                if rest
                else ""
            )
        )
    if missed:
        parts.append(
            f"<h3>Copies not found, those first of whose kind few are missed</h3><ul class=pairs>{missed}</ul>"
        )
    if result.false_by_kind:
        rows = "".join(
            f"<tr><th>{_text(a or 'all')} &rarr; {_text(b or 'all')}<td>{count:,}<td>{pairs:,}<td>{count / pairs:.1e}"
            for (a, b), (count, pairs) in result.false_by_kind.items()
            if pairs
        )
        parts.append(
            "<h3>By folder</h3><div class=wide><table><thead><tr><th>asked &rarr; found<th>false<th>pairs<th>rate"
            f"</thead><tbody>{rows}</table></div>"
        )
    return "".join(parts)


def _false_match(each: FalseMatch | SetApart, drawing: _Drawing) -> str:
    told = f"{each.score:.1f} {TRANSFORMATIONS[each.transformation].title}"
    return (
        f"<li><div>{drawing.copy(each.subject, each.transformation)}{drawing.original(each.other)}</div>"
        f"<b>{_text(told)}</b><br>{_text(each.subject)}<br>{_text(each.other)}"
    )


def _missed(each: Missed, drawing: _Drawing) -> str:
    told = f"{each.score:.1f} {TRANSFORMATIONS[each.transformation].title}"
    return (
        f"<li><div>{drawing.copy(each.subject, each.transformation)}{drawing.original(each.subject)}</div>"
        f"<b>{_text(told)}</b><br>{_text(each.subject)}"
    )


def _left_out(found: Evaluation, drawing: _Drawing) -> str:
    alike = "".join(
        f"<li><div>{drawing.original(a)}{drawing.original(b)}</div>{_text(a)}<br>{_text(b)}<br>{_text(', '.join(by))}"
        for (a, b), by in found.alike.items()
    )
    told = "".join(f"<li>{_text(a)}<br>{_text(b)}" for a, b in found.told)
    parts = ["<h2>Left out</h2>"]
    parts.append(
        "<p>Pairs of a copy and another picture that are not counted, by the first rule that says so. Shown below are"
        " the pictures that two families call the same; the examples of each family have what else reached its"
        f" threshold. Files that could not be read: {len(found.unreadable):,}.</p><div class=wide><table><tbody>"
        + "".join(f"<tr><th>{_text(TITLES[rule])}<td>{count:,}" for rule, count in found.left_out.items())
        + "</table></div>"
    )
    parts.extend(f"<p>A series: {_text(', '.join(folders))}</p>" for folders in found.series)
    parts.append(f"<ul class=pairs>{alike}</ul>" if alike else "")
    parts.append(f"<p>Named as no strangers:</p><ul class=pairs>{told}</ul>" if told else "")
    parts.extend(f"<p>{_text(name)}: {_text(reason)}</p>" for name, reason in found.unreadable.items())
    return "".join(parts)


def _text(text: str) -> str:
    return escape(text, quote=True)
