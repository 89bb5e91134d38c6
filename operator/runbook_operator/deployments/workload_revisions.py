"""Versions of a workload: its pod templates without what restarts, switches and the Runbook have set in them.

A controller gives every template a new number, even after a mere restart or a rollback.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any

from runbook_operator.api.conditions import moment
from runbook_operator.api.deployment_guard_spec import GoodRevision
from runbook_operator.api.probe_status import HeldProbeField
from runbook_operator.api.switch import FieldRecord
from runbook_operator.core import field_values, labels, probe_fields
from runbook_operator.core.desired_fields import TEMPLATE, Refused
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.pod_templates import NUMBERED_BY, Body, Mark, Revision, digest
from runbook_operator.core.rollout_progress import DAEMON_SET, ROLLOUT, STATEFUL_SET, kind_of
from runbook_operator.holds.claims import holding
from runbook_operator.holds.held_values import Held, without
from runbook_operator.reconcile.snapshot import Claim, Order, RunbookSnapshot, Snapshot

Dated = tuple[Order, Claim | FieldRecord]
"""A held field with the order of its hold."""
INSIDE = f"{TEMPLATE}."
"""The prefix of the fields inside a pod template."""


@dataclass(frozen=True)
class Version:
    """The version of a revision; `digest` is "" if the operator may not read the object that stores the template.

    `stored` is the digest in the records of switches, which includes the probes that a Runbook has set.
    """

    number: int
    mark: Mark
    digest: str = ""
    stored: str = ""


def marked(observed: ObservedObject) -> Mark | None:
    """Return the mark of the revision that the controller is rolling out or has rolled out, or None.

    Its number is 0 for kinds that do not report one.
    """
    status, meta = observed.body.get("status") or {}, observed.body["metadata"]
    if kind_of(observed) == STATEFUL_SET:
        name = str(status.get("updateRevision", ""))
        return Mark(0, name) if name else None
    if kind_of(observed) == DAEMON_SET:
        template = field_values.live(observed, TEMPLATE)
        return Mark(0, template["digest"]) if template else None
    annotation = NUMBERED_BY[1] if kind_of(observed) == ROLLOUT else labels.REVISION
    number = str((meta.get("annotations") or {}).get(annotation, ""))
    return Mark(int(number)) if number.isdigit() else None


def mark_of(known: GoodRevision) -> Mark:
    """Return the mark of a recorded revision."""
    return Mark(known.revision, known.template)


def is_marked(known: GoodRevision, mark: Mark) -> bool:
    """True if the revision was recorded under this mark."""
    return known.template == mark.template and bool(mark.template or known.revision == mark.number)


def keepers(snapshot: RunbookSnapshot, observed: ObservedObject) -> tuple[Revision, ...] | None:
    """Return the revisions that the cluster stores, newest first; None if they may not be read. Raises NeedsRead."""
    try:
        return field_values.stored_revisions(observed, snapshot.answers)
    except Refused:
        return None


def version(snapshot: RunbookSnapshot, observed: ObservedObject, mark: Mark) -> Version | None:
    """Return the version of this mark, None if the cluster had not stored it yet. Raises NeedsRead."""
    kept = keepers(snapshot, observed)
    found = next((one for one in kept or () if mark.means(one)), None)
    template = found.template if found else None
    if kind_of(observed) == DAEMON_SET and mark == marked(observed):
        template = observed.body["spec"]["template"]
    if template is None:
        return Version(mark.number, mark) if kept is None else None
    flagless = without_held_fields(observed, template, _of_runbook(snapshot))
    known = digest(_without_probes(snapshot, observed, flagless, kept or ()))
    return Version(found.number if found else mark.number, mark, known, digest(flagless))


def is_flagged(snapshot: RunbookSnapshot, uid: str) -> bool:
    """True if a switch holds a field inside the template, so that the revision is not one that was deployed."""
    return any(one.uid == uid and one.field.startswith(INSIDE) for _, one in _of_runbook(snapshot))


def is_rolled_back_to(snapshot: RunbookSnapshot, observed: ObservedObject, version: Version, since: datetime) -> bool:
    """True if a rollback holds the version, or held it and was released at `since` or later."""
    for switch in snapshot.switches.values():
        record = switch.status.record
        ended = (one for one in switch.status.history if moment(one.released_at) >= since)
        brought = [
            *(
                one.held
                for one in (record.actions if record else ())
                if (one.uid, one.field) == (observed.uid, TEMPLATE)
            ),
            *(one.after for engagement in ended for one in engagement.templates if one.uid == observed.uid),
        ]
        if version.stored and any(one.get("digest") == version.stored for one in brought):
            return True
    return False


def is_replaced_by_rollback(snapshot: RunbookSnapshot, observed: ObservedObject, version: Version) -> bool:
    """True if an engaged rollback has replaced the version: if it is deployed again, the rollback corrects that."""
    records = (switch.status.record for switch in snapshot.switches.values())
    held = (
        one
        for record in records
        if record
        for one in record.actions
        if (one.uid, one.field) == (observed.uid, TEMPLATE)
    )
    return bool(version.stored) and any((one.saved or {}).get("digest") == version.stored for one in held)


def deployed(snapshot: Snapshot, observed: ObservedObject) -> str:
    """Return the digest of the live version; `observed` must be whole."""
    held: list[Dated] = [*((claim.order, claim) for claim in snapshot.claims), *holding(snapshot.record)]
    return digest(without_held_fields(observed, observed.body["spec"]["template"], held))


def without_held_fields(observed: ObservedObject, template: Body, held: Iterable[Dated]) -> Body:
    """Return the template without the held values inside it, removed from the newest hold to the oldest."""
    inside = [(when, one) for when, one in held if one.uid == observed.uid and one.field.startswith(INSIDE)]
    return _without(observed, template, (one for _, one in sorted(inside, key=itemgetter(0), reverse=True)))


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


def _without_probes(
    snapshot: RunbookSnapshot, observed: ObservedObject, template: Body, kept: Sequence[Revision]
) -> Body:
    """Return the template without the probes that the Runbook has set in it."""
    every, templates = snapshot.runbook.status.probes, [one.template for one in kept]
    held = (one for probe in every if probe.uid == observed.uid for one in probe.held)
    return _without(observed, template, (one.replace(saved=_unsealed(one, templates)) for one in held))


def _unsealed(one: HeldProbeField, templates: Sequence[Body]) -> Any:
    if not probe_fields.is_sealed(one.saved):
        return one.saved
    return probe_fields.unsealed(one.field, one.saved, templates)


def _without(observed: ObservedObject, template: Body, held: Iterable[Held]) -> Body:
    bared: Body = without(replace(observed, body={"spec": {"template": template}}), held).body["spec"]["template"]
    return bared


def _of_runbook(snapshot: RunbookSnapshot) -> Iterator[Dated]:
    """Yield the fields that the switches of the snapshot hold."""
    return chain.from_iterable(holding(switch.status.record) for switch in snapshot.switches.values())
