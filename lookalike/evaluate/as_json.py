"""An evaluation as JSON, complete enough to draw every table and plot from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lookalike.evaluate.result import Evaluation, FamilyResult
from lookalike.evaluate.tally import Share

BINS = 100
"""Bins of a histogram."""


def document(found: Evaluation) -> dict[str, Any]:
    """Return the JSON object of an evaluation. Shares are 0 to 1."""
    return {
        "pictures": len(found.pictures.names),
        "subjects": found.subjects,
        "detailed": found.detailed,
        "false_rate": found.rate,
        "transformations": list(found.transformations),
        "families": {name: _family(result) for name, result in found.results.items()},
        "left_out": {
            "alike": [{"pair": list(pair), "families": list(by)} for pair, by in found.alike.items()],
            "told": [list(pair) for pair in found.told],
            "series": [list(folders) for folders in found.series],
            "pairs_by_rule": {rule.key: count for rule, count in found.left_out.items()},
            "unreadable": dict(found.unreadable),
        },
        "seconds": round(found.seconds, 1),
    }


def _family(result: FamilyResult) -> dict[str, Any]:
    strangers = result.strangers
    own, _ = np.histogram(np.minimum(result.own, strangers.top), BINS, (0, strangers.top))
    return {
        "threshold": result.threshold,
        "is_measured": result.is_measured,
        "pairs": strangers.pairs,
        "false_rate": _share(result.false_rate),
        "recall": {name: _share(share) for name, share in result.recall.items()},
        "detailed_recall": {name: _share(share) for name, share in result.detailed_recall.items()},
        "recall_by_kind": {
            kind: {
                "subjects": each.subjects,
                "mean": _share(each.mean),
                "recall": {name: _share(share) for name, share in each.recall.items()},
            }
            for kind, each in result.recall_by_kind.items()
        },
        "mean_recall": _share(result.mean_recall),
        "mean_detailed_recall": _share(result.mean_detailed_recall),
        "top1": _share(result.top1),
        "precision": result.precision,
        "false_rates": [list(point) for point in strangers.table()],
        "scores": {
            "up_to": strangers.top,
            "copies": own.tolist(),
            "strangers": strangers.counts.reshape(BINS, -1).sum(axis=1).tolist(),
        },
        "false_by_kind": [
            {"asked": a, "found": b, "false": false, "pairs": pairs}
            for (a, b), (false, pairs) in result.false_by_kind.items()
        ],
        "false_matches": [
            {"asked": each.subject, "as": each.transformation, "found": each.other, "score": each.score}
            for each in result.false_matches
        ],
        "left_out_matches": {
            "by_rule": {rule.key: count for rule, count in result.apart_by_rule.items()},
            "pairs": [
                {
                    "asked": each.subject,
                    "as": each.transformation,
                    "found": each.other,
                    "score": each.score,
                    "rule": each.rule.key,
                }
                for each in result.apart
            ],
        },
        "missed": [{"asked": each.subject, "as": each.transformation, "score": each.score} for each in result.missed],
        "row_bytes": result.row_bytes,
        "bytes_an_image": result.column_bytes,
        "compute_seconds": result.compute_seconds,
        "question_seconds": result.question_seconds,
    }


def _share(share: Share) -> dict[str, float | None]:
    return {"value": _number(share.value), "error": _number(share.error)}


def _number(value: float) -> float | None:
    """Return the number, or None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value
