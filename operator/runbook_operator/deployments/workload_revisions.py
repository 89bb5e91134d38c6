"""Versions of a workload: its pod templates without what restarts, switches and the Runbook have set in them.

A controller gives every template a new number, even after a mere restart or a rollback.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from runbook_operator.api.conditions import moment
from runbook_operator.api.deployment_guard_spec import GoodRevision
from runbook_operator.api.switch import Entry, Record
from runbook_operator.core import field_paths, field_values, labels, probe_fields
from runbook_operator.core.desired_fields import TEMPLATE, Refused
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.pod_templates import NUMBERED_BY, Body, Mark, Revision, digest
from runbook_operator.core.rollout_progress import DAEMON_SET, ROLLOUT, STATEFUL_SET, kind_of
from runbook_operator.reconcile.snapshot import Claim, Order, RunbookWorld, World, order

Held = tuple[Order, Claim | Entry]
INSIDE = f"{TEMPLATE}."
"""The prefix of the fields inside a pod template."""


@dataclass(frozen=True)
class Version:
    """The version of a revision; `digest` is "" if the operator may not read the object that stores the template.

    `kept` is the digest in the records of switches, which includes the probes that a Runbook has set.
    """

    number: int
    mark: Mark
    digest: str = ""
    kept: str = ""


def marked(seen: Seen) -> Mark | None:
    """Return the mark of the revision that the controller is rolling out or has rolled out, or None.

    Its number is 0 for kinds that do not report one.
    """
    status, meta = seen.body.get("status") or {}, seen.body["metadata"]
    if kind_of(seen) == STATEFUL_SET:
        name = str(status.get("updateRevision", ""))
        return Mark(0, name) if name else None
    if kind_of(seen) == DAEMON_SET:
        template = field_values.live(seen, TEMPLATE)
        return Mark(0, template["digest"]) if template else None
    annotation = NUMBERED_BY[1] if kind_of(seen) == ROLLOUT else labels.REVISION
    number = str((meta.get("annotations") or {}).get(annotation, ""))
    return Mark(int(number)) if number.isdigit() else None


def mark_of(known: GoodRevision) -> Mark:
    """Return the mark of a recorded revision."""
    return Mark(known.revision, known.template)


def is_marked(known: GoodRevision, mark: Mark) -> bool:
    """True if the revision was recorded under this mark."""
    return known.template == mark.template and bool(mark.template or known.revision == mark.number)


def keepers(world: RunbookWorld, seen: Seen) -> tuple[Revision, ...] | None:
    """Return the revisions that the cluster stores, newest first; None if they may not be read. Raises Unread."""
    try:
        return field_values.kept(seen, world.answers)
    except Refused:
        return None


def version(world: RunbookWorld, seen: Seen, mark: Mark) -> Version | None:
    """Return the version of this mark, None if the cluster had not stored it yet. Raises Unread."""
    kept = keepers(world, seen)
    found = next((one for one in kept or () if mark.means(one)), None)
    template = found.template if found else None
    if kind_of(seen) == DAEMON_SET and mark == marked(seen):
        template = seen.body["spec"]["template"]
    if template is None:
        return Version(mark.number, mark) if kept is None else None
    flagless = bare(seen, template, _of_runbook(world))
    known = digest(_without_probes(world, seen, flagless, kept or ()))
    return Version(found.number if found else mark.number, mark, known, digest(flagless))


def is_flagged(world: RunbookWorld, uid: str) -> bool:
    """True if a switch holds a field inside the template, so that the revision is not one that was deployed."""
    return any(one.uid == uid and one.field.startswith(INSIDE) for _, one in _of_runbook(world))


def is_brought(world: RunbookWorld, seen: Seen, version: Version, since: datetime) -> bool:
    """True if a rollback holds the version, or held it and was released at `since` or later."""
    for switch in world.switches.values():
        record = switch.status.record
        ended = (one for one in switch.status.history if moment(one.released_at) >= since)
        brought = [
            *(one.held for one in (record.actions if record else ()) if (one.uid, one.field) == (seen.uid, TEMPLATE)),
            *(one.after for engagement in ended for one in engagement.templates if one.uid == seen.uid),
        ]
        if version.kept and any(one.get("digest") == version.kept for one in brought):
            return True
    return False


def is_left(world: RunbookWorld, seen: Seen, version: Version) -> bool:
    """True if an engaged rollback has replaced the version: if it is deployed again, the rollback corrects that."""
    records = (switch.status.record for switch in world.switches.values())
    held = (
        one for record in records if record for one in record.actions if (one.uid, one.field) == (seen.uid, TEMPLATE)
    )
    return bool(version.kept) and any((one.saved or {}).get("digest") == version.kept for one in held)


def deployed(world: World, seen: Seen) -> str:
    """Return the digest of the live version; `seen` must be whole."""
    own = _held(world.record) if world.record else ()
    held = (*((claim.order, claim) for claim in world.claims), *own)
    return digest(bare(seen, seen.body["spec"]["template"], held))


def bare(seen: Seen, template: Body, held: Iterable[Held]) -> Body:
    """Return the template without the held values inside it; the last hold is undone first."""
    body: dict[str, Any] = {"spec": {"template": template}}
    inside = [(when, one) for when, one in held if one.uid == seen.uid and one.field.startswith(INSIDE)]
    for _, one in sorted(inside, key=itemgetter(0), reverse=True):
        if field_values.live(replace(seen, body=body), one.field) == one.held:
            body = field_paths.put(body, one.field, one.saved)
    bared: Body = body["spec"]["template"]
    return bared


def changes(new: Body, old: Body) -> str:
    """Describe for people the changes that turn the new template back into the old one.

    A variable's value may be a credential, so only its name is shown.
    """
    return "; ".join(_changes(new, old))


def _changes(new: Body, old: Body) -> Iterator[str]:
    before = _containers(old)
    for name, container in _containers(new).items():
        there = before.get(name, container)
        if there.get("image") != container.get("image"):
            yield f"image of container {name} from {container.get('image')} to {there.get('image')}"
        env, was = _env(container), _env(there)
        names = sorted(key for key in {*env, *was} if env.get(key) != was.get(key))
        if names:
            yield f"environment of container {name} ({', '.join(names)})"


def _containers(template: Body) -> dict[str, Body]:
    spec = template.get("spec") or {}
    every = (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
    return {one["name"]: one for one in every}


def _env(container: Body) -> dict[str, Body]:
    return {one["name"]: one for one in container.get("env") or ()}


def _without_probes(world: RunbookWorld, seen: Seen, template: Body, kept: Sequence[Revision]) -> Body:
    """Return the template without the probes that the Runbook has set in it."""
    body: dict[str, Any] = {"spec": {"template": template}}
    every, templates = world.runbook.status.probes, [one.template for one in kept]
    for one in (field for probe in every if probe.uid == seen.uid for field in probe.held):
        if probe_fields.shows(body, one.field, one.held):
            saved = (
                probe_fields.unsealed(one.field, one.saved, templates)
                if probe_fields.is_sealed(one.saved)
                else one.saved
            )
            body = field_paths.put(body, one.field, saved)
    bared: Body = body["spec"]["template"]
    return bared


def _of_runbook(world: RunbookWorld) -> Iterator[Held]:
    """Yield what the switches of the snapshot hold."""
    for switch in world.switches.values():
        if switch.status.record:
            yield from _held(switch.status.record)


def _held(record: Record) -> Iterator[Held]:
    """Yield the entries of a record with their order; dropped ones come before all others."""
    places = (*enumerate(record.actions), *((-1 - index, entry) for index, entry in enumerate(record.dropped)))
    return ((order(record, index), entry) for index, entry in places if entry.mode != "Once")
