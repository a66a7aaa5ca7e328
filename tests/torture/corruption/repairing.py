"""One damage, and what `verify --repair` makes of it: whatever is not as it was, the repair has said."""

from __future__ import annotations

from random import Random

from lookalike import CorruptObject, Image, Index, IndexNotFound, LookalikeError
from shards.storage import Store
from shards.table.maintain import lost_settings
from tests.torture.corruption.damages import Damage
from tests.torture.corruption.trying import Outcome, Trial, Tried

REPAIR = "repair"


def try_repair(trial: Trial, damage: Damage, name: str, random: Random) -> Tried | None:
    """Return what a repair makes of this damage to the object `name`; None where it cannot happen, or is no damage."""
    changes = damage(name, trial.objects, random)
    if changes is None or all(trial.objects.get(other) == body for other, body in changes.items()):
        return None
    what = f"{damage.__name__} {name}"
    with trial.opened(changes) as store:
        try:
            index = _opened(trial, store, random.randrange(2))
            report = index.verify()
            if not report.is_damaged:
                return None
            done = index.repair(report)
            found = {image.key: image for image in trial.index(store).list()}
            after = trial.index(store).verify()
        except LookalikeError as error:
            return Tried(REPAIR, what, Outcome.REFUSED, str(error))
        except Exception as error:
            return Tried(REPAIR, what, Outcome.BARE, repr(error))
    expected = images_of(trial)
    unnamed = expected.keys() - found.keys() - set(done.gone)
    back = [key for key, image in found.items() if image != expected.get(key) and key not in done.reduced]
    wrong = []
    if len(unnamed) > done.unknown:
        wrong.append(f"{sorted(unnamed)[:3]} are gone, and {done.unknown} are said to be")
    if len(back) > done.revived:
        wrong.append(f"{back[:3]} are other ones, and {done.revived} are said to be")
    if not after.is_clean:
        wrong.append(f"verify still finds {[str(one) for one in after.problems if not one.is_harmless][:2]}")
    if wrong:
        return Tried(REPAIR, what, Outcome.UNSAID, "; ".join(wrong))
    return Tried(REPAIR, what, Outcome.HARMLESS if found == expected else Outcome.NAMED)


def _opened(trial: Trial, store: Store, days: int) -> Index:
    """Open the index so many days later, with settings that are made anew where there are none."""
    try:
        return trial.index(store, days)
    except (CorruptObject, IndexNotFound):
        lost_settings.restore(store, lost_settings.find(store), trial.world())
        return trial.index(store, days)


def images_of(trial: Trial) -> dict[str, Image]:
    """The images of the index before the damage, by key."""
    listed = trial.expected["list"]
    assert isinstance(listed, list)
    return {image.key: image for image in listed}
