"""Doing it: what is marked is moved, linked or deleted, where the server may touch files."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from lookalike.duplicates import journal
from lookalike.duplicates.applying import Outcome, Progress, apply, settle, unfinished
from lookalike.duplicates.marking import marked
from lookalike.duplicates.planning import Action, Plan, plan
from lookalike.duplicates.restoring import Restoring
from lookalike.duplicates.undoing import undo
from lookalike.web.api import documents, inputs, openapi, reviewed
from lookalike.web.api.inputs import StrictBody
from lookalike.web.api.openapi import ASKED, SENT, refusals
from lookalike.web.api.reviewed import JobDocument, PlanDocument
from lookalike.web.api.reviews import ReviewId, kept
from lookalike.web.dependencies import Serving, needs
from lookalike.web.http.access import Caller
from lookalike.web.http.problems import Problem
from lookalike.web.reviews import Kept
from lookalike.web.service import Service
from shards.errors import QueryError

router = APIRouter(prefix="/v1/duplicates", tags=["duplicates"])

JobId = Annotated[str, Path(description="The id of a job.", max_length=64)]

PLANS = 4
"""Plans that are kept of a review."""


class PlanBody(StrictBody):
    """What to do with the files of the images that are marked to be removed."""

    model_config = ConfigDict(
        title="PlanBody", extra="forbid", json_schema_extra={"examples": [{"action": "trash", "protect": ["masters/"]}]}
    )

    action: Action
    folder: Annotated[str | None, Field(description="Where files are moved, for `folder`: an absolute path.")] = None
    protect: Annotated[list[str], Field(description="Beginnings of keys that are never touched.")] = Field(
        default_factory=list
    )


class ApplyBody(StrictBody):
    """The plan to carry out."""

    model_config = ConfigDict(
        title="ApplyBody", extra="forbid", json_schema_extra={"examples": [{"plan": "ab12cd34ef56ab78"}]}
    )

    plan: Annotated[str, Field(description="The `plan` of the answer that told what would be done.", max_length=64)]


@router.post(
    "/reviews/{review}/plan",
    summary="See what would be done",
    description="Nothing is touched. Of all groups of the review, the images that are marked to be removed.",
    response_model=PlanDocument,
    responses=refusals(*SENT, 404, 409),
    openapi_extra=openapi.takes(PlanBody),
)
async def make_plan(
    review: ReviewId, request: Request, service: Serving, caller: Annotated[Caller, needs("read")]
) -> Response:
    body = await inputs.document(request, service, PlanBody)
    found = kept(service, review)

    def work() -> Response:
        made = _planned(service, found, body.action, body.folder, body.protect)
        found.plans[made.id] = made
        while len(found.plans) > PLANS:
            found.plans.popitem(last=False)
        return documents.respond(reviewed.plan_document(made, caller))

    return await service.call(work)


@router.post(
    "/reviews/{review}/apply",
    summary="Carry out a plan",
    description="Each file is read again before it is touched: what has changed is left alone, and named.",
    status_code=202,
    response_model=JobDocument,
    responses=refusals(*SENT, 404, 409),
    openapi_extra=openapi.takes(ApplyBody),
)
async def carry_out(
    review: ReviewId, request: Request, service: Serving, _: Annotated[Caller, needs("files")]
) -> Response:
    _check_allowed(service)
    body = await inputs.document(request, service, ApplyBody)
    found = kept(service, review)
    known = found.plans.get(body.plan)

    def work() -> Response:
        # the marks may have changed since, and the files
        if known is None or _again(service, found, known).id != known.id:
            raise Problem(
                409, "plan-outdated", "The plan no longer fits", "marks or files have changed since", body.plan
            )
        log = journal.new_path()
        job = service.reviews.run(
            "apply", known.action, len(known.steps), lambda progress: _applied(service, known, log, progress)
        )
        job.log = str(log)
        return documents.respond(reviewed.job_document(job), 202)

    return await service.call(work)


@router.get(
    "/jobs/{job}",
    summary="See how a job stands",
    response_model=JobDocument,
    responses=refusals(*ASKED, 404, 422),
)
async def job(job: JobId, service: Serving, _: Annotated[Caller, needs("files")]) -> Response:
    return documents.respond(reviewed.job_document(service.reviews.job(job)))


@router.post(
    "/jobs/{job}/undo",
    summary="Bring back what a job has done",
    status_code=202,
    response_model=JobDocument,
    responses=refusals(*ASKED, 404, 409, 422),
)
async def bring_back(job: JobId, service: Serving, _: Annotated[Caller, needs("files")]) -> Response:
    _check_allowed(service)
    done = service.reviews.job(job)
    if done.kind != "apply" or done.state == "running":
        raise Problem(409, "job-not-undoable", "The job cannot be undone", "it is under way, or undid another itself")
    log = FilePath(done.log)

    def work() -> Response:
        undoing = service.reviews.run(
            "undo",
            done.action,
            done.of,
            lambda progress: _undone(service, log, progress),
        )
        undoing.log = done.log
        return documents.respond(reviewed.job_document(undoing), 202)

    return await service.call(work)


def _applied(service: Service, known: Plan, log: FilePath, progress: Progress) -> Outcome:
    for interrupted in list(unfinished(service.index)):
        settle(service.index, interrupted)
    return apply(service.index, known, log, progress)


def _undone(service: Service, log: FilePath, progress: Progress) -> Outcome:
    with Restoring(service.index) as restoring:
        return undo(service.index, log, restoring, progress)


def _check_allowed(service: Service) -> None:
    if service.settings.files_reason is not None:
        raise Problem(403, "files-off", "Files are not touched here", service.settings.files_reason)


def _planned(service: Service, found: Kept, action: str, folder: str | None, protect: list[str]) -> Plan:
    going = service.index.marks().keys("remove")
    if folder is not None and not FilePath(folder).is_absolute():
        raise QueryError(f"{folder!r} is no absolute path: the server knows no folder that it could be below")
    choices, lost = marked(found.found(), going)
    return plan(choices, action, service.index.originals, folder=folder, protect=protect, lost=lost)


def _again(service: Service, found: Kept, known: Plan) -> Plan:
    return _planned(service, found, known.action, known.folder, list(known.protect))
