"""Writes that the API server accepted and that are not in force: when they are repeated, and what is reported.

An admission policy, a webhook or a default may change what is written; another controller may change it right after.
The same value is written again only after a pause that grows, whoever has undone it.
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
    """The last accepted write of what is to be in the field now; None where this process has written nothing of it."""
    found = part.accepted
    if found is None or not field_values.same(
        part.entry.field, found.asked, field_values.told(part.entry.field, part.asked)
    ):
        return None
    return found


def was_written(part: Part) -> bool:
    """True if a write of this engagement to the field was accepted, so that what is live is no value to save.

    After a restart the field manager tells: this process remembers no write.
    """
    if accepted(part) is not None:
        return True
    if part.world.witnessed or part.saved is None:
        return False
    return is_by_us(part.saved, part.entry.field, part.entry.held)


def is_unforced(part: Part) -> bool:
    """True if the field shows something else than the last accepted write asked for.

    Somebody who changes a field that was in force begins a fight, which has its own budget and its own condition.
    """
    found = accepted(part)
    if found is None:
        return False
    if not part.is_engaging:
        return part.restorable
    return part.deviates and (found.changed or part.entry.result != "Applied")


def written_again_at(part: Part) -> datetime:
    """When the same value may be written again: at once where it was not written yet, later each time after that.

    Writes of the same field for other switches, and of other values, make the pause longer: the same thing undoes them.
    """
    found = accepted(part)
    if found is None:
        return part.world.now
    # The write that was in force until somebody changed the field is none of those that were undone.
    times = found.times - 1 if part.is_engaging and part.entry.result == "Applied" else found.times
    if times == 0:
        return part.world.now
    pause = part.world.policy.budget.pause(max(times, found.undone), f"{part.record.engagement_id}.{part.index}")
    return found.last + pause


def unforced(part: Part) -> Refused | None:
    """Reports what was asked, what is live, and who may have changed it; None where the last write is in force."""
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
    """The remark on an object that admission changed when it was made, and that is not written again."""
    name, namespace = f"{part.entry.kind}/{part.entry.name}", part.ref.namespace
    return (
        f"{name} was made, and the API server stored something else: an admission policy or a webhook changes it; "
        f"{LIST}. It is not written again; compare kubectl -n {namespace} get {name.lower()} -o yaml with the Runbook"
    )


def noted(part: Part) -> Entry:
    """The entry with what admission left of an accepted write, which is then never taken for somebody's change."""
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
    """Paths that admission added to a pod template; empty where it changed some of what was asked for."""
    if part.entry.field != TEMPLATE:
        return ""
    live, asked = _templates(part)
    return _named(part) if covers(live, asked) else ""


def _templates(part: Part) -> tuple[object, object]:
    """The live template and the one that was asked for; raises Unread where the revisions are to be read."""
    assert part.saved  # noqa: S101 # it was written
    try:
        asked = field_values.written(part.saved, TEMPLATE, part.asked, part.world.answers)
    except Refused:
        asked = None
    return part.bare.body["spec"]["template"], asked
