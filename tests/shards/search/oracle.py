"""The definition of groups, in the plainest way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Alike = Callable[[int, int], bool]
"""Returns True if an item is alike to a later one."""

Groups = dict[int, list[int]]
"""The members of each head's group, without the head."""


def stars_of(order: Sequence[int], alike: Alike) -> Groups:
    """Let each item that is in no group yet, in turn, take all items that are alike to it and in no group."""
    groups: Groups = {}
    taken: set[int] = set()
    for place, head in enumerate(order):
        if head in taken:
            continue
        members = [other for other in order[place + 1 :] if other not in taken and alike(head, other)]
        taken.update(members)
        if members:
            groups[head] = sorted(members)
    return groups


def components_of(order: Sequence[int], alike: Alike) -> Groups:
    """Let each item that is in no group yet take all items that are alike to it, those alike to them, and so on."""
    place_of = {item: place for place, item in enumerate(order)}

    def connected(first: int, second: int) -> bool:
        return alike(*sorted((first, second), key=place_of.__getitem__))

    groups: Groups = {}
    left = list(order)
    while left:
        head, *left = left
        group, fringe = [], [head]
        while fringe:
            reached = [other for other in left if connected(fringe[-1], other)]
            left = [other for other in left if other not in reached]
            group += reached
            fringe = fringe[:-1] + reached
        if group:
            groups[head] = sorted(group)
    return groups
