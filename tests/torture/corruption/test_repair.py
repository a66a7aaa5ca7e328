"""After any damage a repair leaves an index in good order: what it does not have any more was named or counted."""

from __future__ import annotations

from random import Random

import pytest

from lookalike import CorruptObject, Index, IndexNotFound
from shards.storage import Store
from shards.table.maintain import lost_settings
from tests.tiers import scaled
from tests.torture.corruption import scene
from tests.torture.corruption.damages import DAMAGES
from tests.torture.corruption.trying import filled
from tests.world import FakeWorld

SEED = 7


def opened(store: Store, now_ns: int) -> Index:
    """Open the index, with settings that are made anew where there are none."""
    world = FakeWorld(8, now_ns)
    try:
        return Index.open(store, effects=world)
    except (CorruptObject, IndexNotFound):
        lost_settings.restore(store, lost_settings.find(store), world)
        return Index.open(store, effects=world)


def shown(index: Index) -> dict[str, object]:
    """Return what the index says of each image."""
    return {image.key: (image.sha256, image.width, dict(image.meta)) for image in index.list()}


@pytest.mark.scaled
def test_a_repair_leaves_an_index_in_good_order() -> None:
    objects, now_ns = scene.built(SEED)
    whole = shown(opened(filled(scene.placed(objects, SEED), lambda: now_ns / 1e9), now_ns))
    for seed in range(scaled(30)):
        random = Random(seed)
        damage, name = random.choice(DAMAGES), random.choice(sorted(objects))
        changes = damage(name, objects, random)
        if changes is None:
            continue
        left = {other: body for other, body in {**objects, **changes}.items() if body is not None}
        store = filled(scene.placed(left, SEED), lambda: now_ns / 1e9)
        index = opened(store, now_ns)
        report = index.verify()
        if not report.is_damaged:
            continue
        done = index.repair(report)
        said = f"seed {seed}: {damage.__name__} {name}: {done}"
        again = opened(store, now_ns)
        assert again.verify().is_clean, f"{said}: {again.verify().problems}"
        # of a log object that cannot be read nobody knows what it held
        if not any(action.name.startswith("log/") for action in done.actions):
            found = shown(again)
            assert len(whole.keys() - found.keys() - set(done.gone)) <= done.unknown, said
            assert sum(whole.get(key) != image for key, image in found.items()) <= done.revived, said
