"""JSON documents of reviews, groups, plans and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from lookalike.duplicates import keep, tiers
from lookalike.duplicates.facts import folder_of
from lookalike.duplicates.keep import Keeping, Rule
from lookalike.duplicates.planning import ACTIONS, Action, Plan
from lookalike.duplicates.review import Review, Reviewed, ReviewGroup
from lookalike.duplicates.tiers import Tier
from lookalike.web.api import documents
from lookalike.web.api.documents import ImageDocument, Key
from lookalike.web.http.access import Caller
from lookalike.web.reviews import Job, Kept
from lookalike.web.settings import WebSettings
from shards.table.write.marked import Mark, Marks

SHOWN = 100
"""Steps and refusals of a plan that are shown."""

LEFT = 1000
"""Files that a job left alone that are shown."""

RULES: Mapping[str, Rule] = {
    "pixels": "pixels",
    "bytes": "bytes",
    "format": "format",
    "taken": "oldest",
    "exif": "exif",
}
"""By what differs, the rule that says which is better."""


@with_config(ConfigDict(title="ReviewTier"))
class TierDocument(TypedDict):
    tier: Tier
    groups: Annotated[int, Field(description="Groups with a copy of this tier.")]
    copies: int
    bytes: Annotated[int, Field(description="Bytes of the files of these copies, where they are known.")]


@with_config(ConfigDict(title="Marked"))
class MarkedDocument(TypedDict):
    remove: int
    keep: int
    bytes: Annotated[int, Field(description="Bytes of the files that are marked to be removed.")]


@with_config(ConfigDict(title="Defaults"))
class DefaultDocument(TypedDict):
    tiers: list[Tier]
    keep: list[Rule]


@with_config(ConfigDict(title="FilesAllowed"))
class FilesDocument(TypedDict):
    allowed: Annotated[bool, Field(description="Whether this caller may have files touched here.")]
    reason: Annotated[str | None, Field(description="Why not.")]
    actions: list[Action]


@with_config(ConfigDict(title="Review"))
class ReviewDocument(TypedDict):
    id: Annotated[str, Field(examples=["9f3a52c07e1b44d8"])]
    state: Literal["running", "done", "failed"]
    phase: Literal["reading", "comparing", "confirming", "describing", "done"]
    done: Annotated[int, Field(description="Of the phase, what is done.")]
    of: int
    error: str | None
    is_current: Annotated[bool, Field(description="Whether the index is still as it was reviewed.")]
    images: Annotated[int, Field(description="Images that were looked at.")]
    groups: int
    copies: int
    bytes: int
    tiers: list[TierDocument]
    unconfirmed: Annotated[int, Field(description="Pairs whose pixels could not be compared: a file is not at hand.")]
    flat: Annotated[int, Field(description="Images without content, only ever in the first tier.")]
    marked: MarkedDocument
    default: DefaultDocument
    files: FilesDocument


@with_config(ConfigDict(title="Card"))
class CardDocument(ImageDocument):
    bytes: int | None
    format: Annotated[str | None, Field(examples=["JPEG"])]
    taken: Annotated[str | None, Field(description="Local time of the camera.", examples=["2019-05-03T12:00:01"])]
    modified: Annotated[str | None, Field(description="Time of the file's last change, UTC.")]
    has_exif: bool | None
    is_grey: Annotated[bool | None, Field(description="Whether it has no colours, where the pixels were read.")]
    folder: Annotated[str, Field(description="The key without its last part.")]
    reachable: Annotated[bool, Field(description="Whether the file is at hand here.")]
    tier: Annotated[Tier | None, Field(description="How sure it is a copy of the first image; null for the first.")]
    confirmed: Annotated[
        bool | None, Field(description="Whether the pixels confirm it; null where that was not needed.")
    ]
    score: float | None
    differs: Annotated[
        list[Literal["pixels", "bytes", "format", "taken", "folder", "exif", "colour"]],
        Field(description="What differs from the first image."),
    ]
    better: Annotated[list[str], Field(description="Of these, where this image is better than the first.")]
    mark: Mark | None
    decision: Annotated[Literal["different"] | None, Field(description="Decided about it and the first image since.")]


@with_config(ConfigDict(title="ReviewGroup"))
class ReviewGroupDocument(TypedDict):
    number: Annotated[int, Field(description="Its place among all groups of the review.")]
    tier: Annotated[Tier, Field(description="The least sure tier of its copies.")]
    images: Annotated[list[CardDocument], Field(description="The best by the usual rules comes first.")]


@with_config(ConfigDict(title="ReviewGroups"))
class ReviewGroupsDocument(TypedDict):
    total: Annotated[int, Field(description="Groups that fit what was asked for.")]
    groups: list[ReviewGroupDocument]


@with_config(ConfigDict(title="MarkResult"))
class MarkResultDocument(TypedDict):
    marked: int
    unmarked: int
    bytes: NotRequired[Annotated[int, Field(description="Bytes of the files that were marked to be removed.")]]
    kept: NotRequired[Annotated[int, Field(description="Images that are kept for them.")]]


@with_config(ConfigDict(title="DecisionResult"))
class DecisionResultDocument(TypedDict):
    decided: int


@with_config(ConfigDict(title="ImportResult"))
class ImportResultDocument(TypedDict):
    marks: int
    decisions: int


@with_config(ConfigDict(title="PlanStep"))
class StepDocument(TypedDict):
    key: Key
    bytes: int
    kept: Annotated[str, Field(description="The key of the image that is kept for it.")]
    path: NotRequired[Annotated[str, Field(description="For callers that may touch files.")]]


@with_config(ConfigDict(title="Refusal"))
class RefusalDocument(TypedDict):
    key: Key
    reason: str


@with_config(ConfigDict(title="Plan"))
class PlanDocument(TypedDict):
    plan: Annotated[str, Field(description="Send it to have it done.", examples=["ab12cd34ef56ab78"])]
    action: Action
    files: int
    bytes: int
    steps: Annotated[list[StepDocument], Field(description="The first 100.")]
    refusals: Annotated[list[RefusalDocument], Field(description="The first 100 marked images that stay, and why.")]
    refused: int


@with_config(ConfigDict(title="Job"))
class JobDocument(TypedDict):
    id: str
    kind: Literal["apply", "undo"]
    action: Action
    state: Literal["running", "done", "failed"]
    done: int
    of: int
    files: Annotated[int, Field(description="Files that were touched.")]
    bytes: int
    left: Annotated[list[RefusalDocument], Field(description="The first 1,000 files that were left alone, and why.")]
    left_count: int
    log: Annotated[str, Field(description="The log on the server, for `lookalike undo`.")]
    can_undo: bool
    error: str | None


def review_document(
    kept: Kept, *, is_current: bool, marks: Marks, settings: WebSettings, caller: Caller
) -> ReviewDocument:
    """Return the review as it is now."""
    review = kept.review
    copies = [] if review is None else [each for group in review.groups for each in group.images[1:]]
    reason = settings.files_reason
    if reason is None and "files" not in caller.scopes:
        reason = "the token has no scope 'files'"
    return {
        "id": kept.id,
        "state": kept.state,
        "phase": kept.phase,
        "done": kept.done,
        "of": kept.of,
        "error": kept.error,
        "is_current": is_current,
        "images": 0 if review is None else review.images,
        "groups": 0 if review is None else len(review.groups),
        "copies": len(copies),
        "bytes": sum(each.facts.bytes or 0 for each in copies),
        "tiers": [] if review is None else [_tier_document(review, tier) for tier in kept.asked.tiers],
        "unconfirmed": 0 if review is None else review.unconfirmed,
        "flat": 0 if review is None else review.flat,
        "marked": _marked(review, marks),
        "default": {"tiers": list(tiers.DEFAULT), "keep": list(keep.DEFAULT)},
        "files": {"allowed": reason is None, "reason": reason, "actions": list(ACTIONS)},
    }


def _tier_document(review: Review, tier: Tier) -> TierDocument:
    copies = review.copies(tier)
    groups = sum(any(each.tier == tier for each in group.images[1:]) for group in review.groups)
    return {
        "tier": tier,
        "groups": groups,
        "copies": len(copies),
        "bytes": sum(each.facts.bytes or 0 for each in copies),
    }


def _marked(review: Review | None, marks: Marks) -> MarkedDocument:
    images = [] if review is None else [each for group in review.groups for each in group.images]
    remove = [each for each in images if marks.marks.get(each.image.key, ("",))[0] == "remove"]
    kept = sum(marks.marks.get(each.image.key, ("",))[0] == "keep" for each in images)
    return {"remove": len(remove), "keep": kept, "bytes": sum(each.facts.bytes or 0 for each in remove)}


def group_document(number: int, group: ReviewGroup, marks: Marks, caller: Caller) -> ReviewGroupDocument:
    """Return what this caller may see of a group."""
    first = group.images[0]
    return {
        "number": number,
        "tier": group.tier,
        "images": [_card(each, first, marks, caller) for each in group.images],
    }


def _card(each: Reviewed, first: Reviewed, marks: Marks, caller: Caller) -> CardDocument:
    image, facts, keeping = each.image, each.facts, Keeping()
    theirs = first.facts
    differs: dict[Any, bool] = {
        "pixels": (image.width, image.height) != (first.image.width, first.image.height),
        "bytes": facts.bytes != theirs.bytes,
        "format": facts.format != theirs.format,
        "taken": facts.taken != theirs.taken,
        "folder": folder_of(image.key) != folder_of(first.image.key),
        "exif": facts.has_exif != theirs.has_exif,
        "colour": facts.is_grey != theirs.is_grey,
    }
    better = [
        name
        for name, rule in RULES.items()
        if differs[name] and keeping.better(rule, image, facts, first.image, theirs) > 0
    ]
    mark = marks.marks.get(image.key)
    pair = tuple(sorted((image.key, first.image.key)))
    is_decided = len(set(pair)) == 2 and (pair[0], pair[1]) in marks.different
    return {
        **documents.image_document(image, caller),
        "bytes": facts.bytes,
        "format": facts.format,
        "taken": facts.taken,
        "modified": facts.modified,
        "has_exif": facts.has_exif,
        "is_grey": facts.is_grey,
        "folder": folder_of(image.key),
        "reachable": facts.path is not None,
        "tier": each.tier,
        "confirmed": each.confirmed,
        "score": each.score,
        "differs": [name for name, does in differs.items() if does],
        "better": better,
        "mark": None if mark is None else mark[0],
        "decision": "different" if is_decided else None,
    }


def plan_document(plan: Plan, caller: Caller) -> PlanDocument:
    """Return what this caller may see of a plan."""
    steps: list[StepDocument] = []
    for step in plan.steps[:SHOWN]:
        shown: StepDocument = {"key": step.key, "bytes": step.bytes, "kept": step.kept}
        if "files" in caller.scopes:
            shown["path"] = step.path
        steps.append(shown)
    return {
        "plan": plan.id,
        "action": plan.action,
        "files": len(plan.steps),
        "bytes": plan.bytes,
        "steps": steps,
        "refusals": [{"key": each.key, "reason": each.reason} for each in plan.refusals[:SHOWN]],
        "refused": len(plan.refusals),
    }


def job_document(job: Job) -> JobDocument:
    """Return a job as it is now."""
    outcome = job.outcome
    left = [] if outcome is None else outcome.left
    return {
        "id": job.id,
        "kind": job.kind,
        "action": job.action,
        "state": job.state,
        "done": job.done,
        "of": job.of,
        "files": 0 if outcome is None else outcome.files,
        "bytes": 0 if outcome is None else outcome.bytes,
        "left": [{"key": each.key, "reason": each.reason} for each in left[:LEFT]],
        "left_count": len(left),
        "log": job.log,
        "can_undo": job.kind == "apply" and job.state != "running" and job.action != "delete",
        "error": job.error,
    }
