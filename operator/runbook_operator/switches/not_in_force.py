"""Writes of a switch that are not in force: the report, and the time of the next try; see holds/accepted_writes."""

from datetime import datetime

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.switch import FieldRecord
from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, Refused
from runbook_operator.core.field_manager_advice import hint
from runbook_operator.core.merge_patch import covers, differing
from runbook_operator.core.reasons import Reason
from runbook_operator.core.write_failures import Accepted
from runbook_operator.holds.accepted_writes import AGAIN, LIST, of_value, repeated_at, undone_by
from runbook_operator.reconcile.prewritten_fields import is_by_us
from runbook_operator.switches.held_field import HeldField
from runbook_operator.switches.switch_messages import shown

SHOWN = 5
"""The most paths of a template that a message names."""


def accepted(held_field: HeldField) -> Accepted | None:
    """Return the last accepted write of the desired value to the field; None if this process made none."""
    return of_value(held_field.accepted, held_field.entry.field, held_field.desired)


def was_written(held_field: HeldField) -> bool:
    """True if a write of this engagement to the field was accepted, so that the live value must not be saved.

    After a restart this process remembers no write, and the field manager decides.
    """
    if accepted(held_field) is not None:
        return True
    if held_field.snapshot.knows_all_writes or held_field.saved is None:
        return False
    return is_by_us(held_field.saved, held_field.entry.field, held_field.entry.held)


def is_unforced(held_field: HeldField) -> bool:
    """True if the field shows another value than the last accepted write requested.

    A change of a field that was in force begins a contest, which has its own back-off and its own condition.
    """
    found = accepted(held_field)
    if found is None:
        return False
    if not held_field.is_engaging:
        return held_field.restorable
    return held_field.deviates and (found.changed or held_field.entry.result != "Applied")


def written_again_at(held_field: HeldField) -> datetime:
    """Return when the same value may be written: the first time at once, later after growing pauses."""
    found = accepted(held_field)
    if found is None:
        return held_field.snapshot.now
    # The last write was in force until the field was changed, so it does not count as undone.
    times = found.times - 1 if held_field.is_engaging and held_field.entry.result == "Applied" else found.times
    if times == 0:
        return held_field.snapshot.now
    return repeated_at(
        found, times, held_field.snapshot.policy.budget, f"{held_field.record.engagement_id}.{held_field.index}"
    )


def unforced(held_field: HeldField) -> Refused | None:
    """Report the requested value, the live one and who may have changed it; None if the last write is in force."""
    found = accepted(held_field)
    if found is None or not is_unforced(held_field):
        return None
    where = f"{held_field.entry.kind}/{held_field.entry.name} {held_field.entry.field}".strip()
    text = f"{where} was " + ("written, and " if held_field.is_object else f"set to {shown(found.asked)}, and ")
    manager = held_field.saved.manager(held_field.entry.field) if held_field.saved else ""
    advice = hint(
        manager, held_field.snapshot.switch.meta.ref, automatic=held_field.snapshot.switch.status.holds_automatically
    )
    text += undone_by(found, _live(held_field), held_field.entry.field, manager, advice)
    return Refused(Reason.NOT_IN_FORCE, f"{text}. {AGAIN}")


def made_otherwise(held_field: HeldField) -> str:
    """Return the remark on an object that admission changed at its creation; the operator does not write it again."""
    name, namespace = f"{held_field.entry.kind}/{held_field.entry.name}", held_field.ref.namespace
    return (
        f"{name} was created, and the API server stored something else: an admission policy or a webhook "
        f"changes it; {LIST}. The operator does not write it again; compare kubectl -n {namespace} get "
        f"{name.lower()} -o yaml with the Runbook"
    )


def noted(held_field: HeldField) -> FieldRecord:
    """Return the field with the value that admission made of an accepted write, so that it never counts as drift."""
    entry, found = held_field.entry, accepted(held_field)
    if found is None or not is_unforced(held_field):
        is_plain = entry.admitted is not None and held_field.shows(entry.held) and held_field.is_engaging
        return entry.replace(admitted=None) if is_plain else entry
    entry = entry.replace(resource_version=None)
    if not found.changed or not field_values.same(entry.field, found.live, held_field.mark):
        return entry
    added = _added(held_field)
    text = f"admission added {added}" if added else ""
    return entry.replace(admitted=Admitted(asked=found.asked, live=found.live, suffices=bool(added), message=text))


def _live(held_field: HeldField) -> str:
    if held_field.entry.field == TEMPLATE:
        return f"a template that differs in {_named(held_field)}"
    if held_field.entry.field == OBJECT:
        return "something else"
    return shown(held_field.live)


def _named(held_field: HeldField) -> str:
    paths = list(differing(*_templates(held_field)))
    return ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


def _added(held_field: HeldField) -> str:
    """Return the paths that admission added to a pod template; empty if it changed a requested one."""
    if held_field.entry.field != TEMPLATE:
        return ""
    live, asked = _templates(held_field)
    return _named(held_field) if covers(live, asked) else ""


def _templates(held_field: HeldField) -> tuple[object, object]:
    """Return the live template and the requested one; raises NeedsRead if the revisions must be read."""
    assert held_field.saved  # noqa: S101 # it was written
    try:
        asked = field_values.written(held_field.saved, TEMPLATE, held_field.desired, held_field.snapshot.answers)
    except Refused:
        asked = None
    return held_field.without_other_holds.body["spec"]["template"], asked
