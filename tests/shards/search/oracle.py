"""What groups are, said in the plainest way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Alike = Callable[[int, int], bool]
"""Whether an item is alike to a later one."""

Groups = dict[int, list[int]]
"""The members of each head's group, without the head."""


def stars_of(order: Sequence[int], alike: Alike) -> Groups:
    """Whoever is in no group yet when its turn comes takes whatever is alike to it and in no group."""
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
    """Whoever is in no group yet takes whatever is alike to it, and what is alike to that, and so on."""
    place_of = {item: place for place, item in enumerate(order)}

    def connected(one: int, other: int) -> bool:
        first, second = sorted((one, other), key=place_of.__getitem__)
        return alike(first, second)

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
