"""Writes that the API server accepted and that are not in force: when they are repeated, and what is reported.

An admission policy, a webhook or a default may change the written value; another controller may change it right after.
The same value is written again only after a growing pause, whatever has undone it.
"""

from datetime import datetime

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.switch import Entry
from runbook_operator.core import field_values
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, Refused
from runbook_operator.core.field_manager_advice import author, hint
from runbook_operator.core.merge_patch import covers, differing
from runbook_operator.core.reasons import Reason
from runbook_operator.core.write_failures import Accepted
from runbook_operator.reconcile.prewritten_fields import is_by_us
from runbook_operator.switches.held_field import Part
from runbook_operator.switches.switch_messages import shown

SHOWN = 5
"""The most paths of a template that a message names."""
LIST = "see kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations"


def accepted(part: Part) -> Accepted | None:
    """Return the last accepted write of the value that the field should have; None if this process made none."""
    found = part.accepted
    if found is None or not field_values.same(
        part.entry.field, found.asked, field_values.told(part.entry.field, part.asked)
    ):
        return None
    return found


def was_written(part: Part) -> bool:
    """True if a write of this engagement to the field was accepted, so that the live value must not be saved.

    After a restart the field manager decides: this process remembers no write.
    """
    if accepted(part) is not None:
        return True
    if part.world.witnessed or part.saved is None:
        return False
    return is_by_us(part.saved, part.entry.field, part.entry.held)


def is_unforced(part: Part) -> bool:
    """True if the field shows another value than the last accepted write requested.

    A change of a field that was in force begins a contest, which has its own back-off and its own condition.
    """
    found = accepted(part)
    if found is None:
        return False
    if not part.is_engaging:
        return part.restorable
    return part.deviates and (found.changed or part.entry.result != "Applied")


def written_again_at(part: Part) -> datetime:
    """Return when the same value may be written: the first time at once, later after growing pauses.

    Writes of the same field for other switches, and of other values, make the pause longer: the same cause undoes them.
    """
    found = accepted(part)
    if found is None:
        return part.world.now
    # A write that was in force until the field was changed is none of those that were undone.
    times = found.times - 1 if part.is_engaging and part.entry.result == "Applied" else found.times
    if times == 0:
        return part.world.now
    pause = part.world.policy.budget.pause(max(times, found.undone), f"{part.record.engagement_id}.{part.index}")
    return found.last + pause


def unforced(part: Part) -> Refused | None:
    """Report the requested value, the live one and who may have changed it; None if the last write is in force."""
    found = accepted(part)
    if found is None or not is_unforced(part):
        return None
    where = f"{part.entry.kind}/{part.entry.name} {part.entry.field}".strip()
    text = f"{where} was " + ("written, and " if part.is_object else f"set to {shown(found.asked)}, and ")
    if found.changed:
        text += f"the API server stored {_live(part)}: an admission policy, a webhook or a default changes it; {LIST}"
    else:
        manager = part.saved.manager(part.entry.field) if part.saved else ""
        advice = hint(manager, part.world.switch.meta.ref, automatic=part.world.switch.status.holds_automatically)
        text += f"{author(manager, part.entry.field)} changed it to {_live(part)} right after: {advice}"
    return Refused(Reason.NOT_IN_FORCE, f"{text}. The operator writes it again, after pauses that grow")


def made_otherwise(part: Part) -> str:
    """Return the remark on an object that admission changed when it was made, and that is not written again."""
    name, namespace = f"{part.entry.kind}/{part.entry.name}", part.ref.namespace
    return (
        f"{name} was made, and the API server stored something else: an admission policy or a webhook changes it; "
        f"{LIST}. It is not written again; compare kubectl -n {namespace} get {name.lower()} -o yaml with the Runbook"
    )


def noted(part: Part) -> Entry:
    """Return the field with what admission left of an accepted write, so that it is never taken for drift."""
    entry, found = part.entry, accepted(part)
    if found is None or not is_unforced(part):
        is_plain = entry.admitted is not None and part.shows(entry.held) and part.is_engaging
        return entry.replace(admitted=None) if is_plain else entry
    entry = entry.replace(resource_version=None)
    if not found.changed or not field_values.same(entry.field, found.live, part.mark):
        return entry
    added = _added(part)
    text = f"admission added {added}" if added else ""
    return entry.replace(admitted=Admitted(asked=found.asked, live=found.live, suffices=bool(added), message=text))


def _live(part: Part) -> str:
    if part.entry.field == TEMPLATE:
        return f"a template that differs in {_named(part)}"
    if part.entry.field == OBJECT:
        return "something else"
    return shown(part.live)


def _named(part: Part) -> str:
    paths = list(differing(*_templates(part)))
    return ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


def _added(part: Part) -> str:
    """Return the paths that admission added to a pod template; empty if it changed a requested one."""
    if part.entry.field != TEMPLATE:
        return ""
    live, asked = _templates(part)
    return _named(part) if covers(live, asked) else ""


def _templates(part: Part) -> tuple[object, object]:
    """Return the live template and the requested one; raises Unread if the revisions are to be read."""
    assert part.saved  # noqa: S101 # it was written
    try:
        asked = field_values.written(part.saved, TEMPLATE, part.asked, part.world.answers)
    except Refused:
        asked = None
    return part.bare.body["spec"]["template"], asked
