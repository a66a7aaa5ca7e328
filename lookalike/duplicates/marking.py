"""Which images of a review go: all but the best of each group, as rules have it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lookalike.duplicates.keep import Keeping
from lookalike.duplicates.review import Review, Reviewed, ReviewGroup
from lookalike.duplicates.tiers import TIERS, Tier


@dataclass(frozen=True, slots=True)
class Choice:
    """One image that can go, and the one that is kept for it."""

    goes: Reviewed
    kept: Reviewed

    @property
    def is_identical(self) -> bool:
        """Whether both files have the same bytes."""
        return self.goes.image.sha256 == self.kept.image.sha256 != ""


def all_but_the_best(
    review: Review, keeping: Keeping, tiers: Collection[Tier], *, kept: Collection[str] = ()
) -> list[Choice]:
    """Return the images that go, of all groups. `kept`: keys of images that somebody wants to keep in any case."""
    return [choice for group in review.groups for choice in _of_group(review, group, keeping, tiers, kept)]


def _of_group(
    review: Review, group: ReviewGroup, keeping: Keeping, tiers: Collection[Tier], kept: Collection[str]
) -> Iterator[Choice]:
    for part in _parts(group, tiers):
        ranked = sorted(part, key=lambda each: (each.image.key not in kept, *keeping.rank(each.image, each.facts)))
        # a protected file of the same bytes is as good, and stays in any case; a lesser one is not put in its place
        best = next(
            (
                each
                for each in ranked
                if keeping.is_protected(each.image.key) and each.image.sha256 == ranked[0].image.sha256 != ""
            ),
            ranked[0],
        )
        others = [each for each in ranked if each is not best]
        for each in others:
            key = each.image.key
            if (
                key not in kept
                and not keeping.is_protected(key)
                and review.asked.may_go(best.image.key, key)
                and _tier(each, best) in tiers
            ):
                yield Choice(each, best)


def _parts(group: ReviewGroup, tiers: Collection[Tier]) -> list[list[Reviewed]]:
    """Return parts of a group in each of which one image is kept: its tiers are between all of them."""
    least = max(tiers, key=TIERS.index, default="identical")
    if least == "alike":
        return [list(group.images)]
    near = [each for each in group.images if least == "same" and each.tier != "alike"]
    by_digest: dict[str, list[Reviewed]] = {}
    for each in group.images:
        if each not in near:
            by_digest.setdefault(each.image.sha256 or f"of {each.image.key}", []).append(each)
    return [part for part in ([near] if near else []) + list(by_digest.values()) if len(part) > 1]


def _tier(each: Reviewed, best: Reviewed) -> Tier:
    """Return how sure it is that two images of a group show the same."""
    if each.image.sha256 and each.image.sha256 == best.image.sha256:
        return "identical"
    told: list[Tier] = [tier for tier in (each.tier, best.tier) if tier is not None]
    # two that are identical to the first are identical to each other, which was seen above
    least: Tier = max(told, key=TIERS.index, default="same")
    return "same" if least == "identical" else least


def marked(review: Review, keys: Collection[str]) -> tuple[list[Choice], list[str]]:
    """Return what goes where the images of these keys are marked, and the marked keys of groups that keep nothing."""
    choices: list[Choice] = []
    lost: list[str] = []
    for group in review.groups:
        going = [each for each in group.images if each.image.key in keys]
        staying = [each for each in group.images if each.image.key not in keys]
        for each in going:
            kept = _kept(each, staying)
            if kept is None:
                lost.append(each.image.key)
            else:
                choices.append(Choice(each, kept))
    return choices, lost


def _kept(goes: Reviewed, staying: Sequence[Reviewed]) -> Reviewed | None:
    """Return the image that stays for one that goes: one of the same bytes rather than another."""
    same = [each for each in staying if each.image.sha256 and each.image.sha256 == goes.image.sha256]
    return next(iter([*same, *staying]), None)


def bytes_of(choices: Iterable[Choice]) -> int:
    """Return the bytes of the files that go, as far as they are known."""
    return sum(choice.goes.facts.bytes or 0 for choice in choices)
