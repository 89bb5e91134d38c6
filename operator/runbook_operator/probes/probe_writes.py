"""Compute the writes that set a container's probe, and those that restore it.

The original of a workload is the live one without the fields that were set, so that no edit of the Runbook, no
repetition after a crash and no second endpoint ever saves a value of the operator as an original.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runbook_operator.api.probe_status import HeldField, ProbeStatus
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.accounts import Account
from runbook_operator.core.desired_fields import Refused
from runbook_operator.core.merge_patch import covers
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.probe_fields import (
    FIELDS,
    HANDLERS,
    Difference,
    differences,
    is_sealed,
    sealed,
    shows,
    unsealed,
)
from runbook_operator.core.queries import Read, Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.probes.desired_probe import Place
from runbook_operator.reconcile.snapshot import RunbookWorld
from runbook_operator.reconcile.steps import Adjust, Change

Body = Mapping[str, Any]
Written = tuple[str, Any]
"""A field of a workload, and its new value."""


def recorded(world: RunbookWorld, uid: str) -> list[HeldField]:
    """Return all fields that were set in the workload of that uid, each with the value that admission left."""
    every = (entry for entry in world.runbook.status.probes if entry.uid == uid)
    return [_answered(world, entry, one) for entry in every for one in entry.held]


def is_left(seen: Seen, one: HeldField) -> bool:
    """True if the field still shows the value that was set, or what admission left of it."""
    return any(shows(seen.body, one.field, value) for value in (one.held, *([one.admitted] if one.admitted else [])))


def _answered(world: RunbookWorld, entry: ProbeStatus, one: HeldField) -> HeldField:
    effort = world.efforts.get((entry.ref(world.runbook.meta.ref.namespace), one.field))
    found = effort.accepted if effort else None
    if found is None or found.uid != entry.uid or not covers(found.asked, one.held):
        return one
    return one.replace(admitted=found.live if found.changed else None)


def wanted(world: RunbookWorld, place: Place) -> tuple[Difference, ...]:
    """Return where the workload's original differs from what is declared, by paths in the workload."""
    container = field_paths.get(_original(place.seen, recorded(world, place.seen.uid)), place.path)
    return tuple(
        Difference(f"{place.path}.{one.field}", one.live, one.declared) for one in differences(container, place.said)
    )


def noted(difference: Difference) -> HeldField:
    """Return the write-ahead entry of a difference."""
    field = difference.field
    return HeldField(field=field, saved=sealed(field, difference.live), held=sealed(field, difference.declared))


def setting(place: Place, differences: Iterable[Difference]) -> list[Written]:
    """Return the writes that are left to do; they keep the undeclared fields of an existing probe."""
    whole = f"{place.path}.{FIELDS[place.said.kind]}"
    live = place.container.get(FIELDS[place.said.kind]) or {}
    kept = {key: value for key, value in live.items() if key not in HANDLERS}
    return [
        (one.field, kept | one.declared if one.field == whole else one.declared)
        for one in differences
        if not shows(place.seen.body, one.field, sealed(one.field, one.declared))
    ]


def restoring(world: RunbookWorld, seen: Seen, held: Sequence[HeldField]) -> list[Written]:
    """Return the writes that restore the saved values; raises Refused if one is not found, and Unread."""
    templates: Sequence[Body] = ()
    if any(is_sealed(one.saved) for one in held):
        templates = [one.template for one in field_values.kept(seen, world.answers)]
    return [(one.field, _saved(seen, one, templates)) for one in held]


def adjust(world: RunbookWorld, seen: Seen, written: Sequence[Written], account: Account | None = None) -> Adjust:
    """Return the one write that changes all these fields, in the name of the account."""
    changes = tuple(
        Change((seen.ref, place), sealed(place, field_values.live(seen, place)), sealed(place, value))
        for place, value in written
    )
    reason = "health endpoints are declared as its probes"
    return Adjust(field_values.effect(seen, written, world.answers), changes, reason, account)


def sure(world: RunbookWorld, ref: Ref) -> None:
    """Raise Unread if the object was not read in this visit: a watch may lag, and no write may rest on old data."""
    if Read(ref) not in world.answers:
        raise Unread([Read(ref)])


def _original(seen: Seen, held: Iterable[HeldField]) -> Body:
    """Return the workload without the fields that were set in it; possible credentials are digests."""
    body = dict(seen.body)
    for one in held:
        if is_left(seen, one):
            body = field_paths.put(body, one.field, one.saved)
    return body


def _saved(seen: Seen, one: HeldField, templates: Sequence[Body]) -> Any:
    if not is_sealed(one.saved):
        return one.saved
    found = unsealed(one.field, one.saved, templates)
    if found is None:
        text = f"{seen.ref}: no kept revision has the saved value of {one.field}; set it by hand"
        raise Refused(Reason.NO_REVISION, text)
    return found
