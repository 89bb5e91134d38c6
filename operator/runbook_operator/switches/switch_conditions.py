"""The conditions of a switch, in the form that kstatus, `kubectl wait` and Argo CD read.

Ready, Engaged and Automatic are always present. Restored follows the first release of a switch that holds, and Acted
the first act of a momentary one. Reconciling, Stalled, Contested and Outdated are present only while they are true.
"""

from contextlib import suppress

from runbook_operator.api.conditions import Condition, Finding, condition, find, seconds
from runbook_operator.api.override import Override
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Record, SwitchStatus
from runbook_operator.automation import momentary_throws, self_blocking_holds
from runbook_operator.automation.desired_state import (
    automatic_holds,
    closed_gate,
    expired_momentary_throw,
    format_holder,
    is_automatic,
    should_be_engaged,
    silenced,
)
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT, author, hint
from runbook_operator.core.kubectl_commands import clear
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.queries import NeedsRead, read_together
from runbook_operator.core.reasons import Reason
from runbook_operator.holds import write_gates
from runbook_operator.permissions import enabled_actions, permission_checks
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.automation_pauses import suspension
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches import expired_throw, observe_mode, throw_dry_run
from runbook_operator.switches.action_progress import contest
from runbook_operator.switches.action_summary import does
from runbook_operator.switches.held_field import held_fields
from runbook_operator.switches.switch_messages import named, shown, summary, unrestored
from runbook_operator.switches.write_ahead_record import drafted, outdated

Trouble = tuple[Reason, str]
PHASES = {"Engaged": Reason.ENGAGED, "NothingToDo": Reason.NOTHING_TO_DO}
"""By phase, the reason of Engaged while the switch should be engaged; in any other phase it is Engaging."""
EXPECTED = frozenset({Reason.RESTART_NEEDED, Reason.NOTHING_TO_DO, Reason.MISSED_RUN})
"""The remarks that Ready shows before a throw, because the throw or its release has an unexpected effect."""


def conditions(
    snapshot: Snapshot, status: SwitchStatus, trouble: Trouble | None, outcome: Reason | None = None
) -> list[Condition]:
    """Return every condition for `status`; `trouble` stalls it, `outcome` is that of a release that ends now."""
    trouble = trouble or ((Reason.UNSETTLED, snapshot.unsettled) if snapshot.unsettled else None)
    found = {
        "Ready": _ready(snapshot, status, trouble),
        # With Reconciling, kstatus would report progress and never the failure.
        "Reconciling": None if trouble else _reconciling(status),
        "Stalled": Finding(True, *trouble) if trouble else None,
        "Engaged": _engaged(snapshot, status, trouble),
        "Automatic": _automatic(snapshot, status),
        "Contested": _contested(snapshot, status.record),
        "Outdated": _outdated(snapshot, status.record),
    }
    last = _last(snapshot, outcome)
    found |= {last: expired_throw.finding(snapshot, status) or _ended(status, last, outcome)}
    old, generation = snapshot.switch.status.conditions, snapshot.switch.meta.generation
    new = [condition(old, kind, one, generation, snapshot.now) for kind, one in found.items() if one is not None]
    kept = find(old, last)
    return [*new, kept] if kept is not None and found[last] is None and status.record is None else new


def withheld(snapshot: Snapshot) -> Trouble | None:
    """Return why no throw may begin, None if one may; an engagement under way goes on."""
    return write_gates.unnamed(snapshot) or _tracked(snapshot)


def _tracked(snapshot: Snapshot) -> Trouble | None:
    if not snapshot.tracked:
        return None
    ref = snapshot.switch.meta.ref
    text = (
        f"Switch {ref.name} is tracked by {snapshot.switch.tracked_by}, whose next sync could throw it again. "
        "Until that ends, the operator ignores each throw of this momentary switch. Take the Switch out of "
        f"Git: the operator creates it from the Runbook. To remove the throw: {clear(ref)}"
    )
    return Reason.SWITCH_TRACKED, text


def would_engage(snapshot: Snapshot) -> str:
    """Describe the automatic holds that would engage the switch if no override or gate blocked them."""
    return f"{', '.join(format_holder(one.source, one.name) for one in automatic_holds(snapshot))} would engage it"


def _ready(snapshot: Snapshot, status: SwitchStatus, trouble: Trouble | None) -> Finding:
    reason, message = trouble or _unready(snapshot, status) or (Reason.READY, _known_before(snapshot, status))
    return Finding(reason is Reason.READY, reason, message)


def _known_before(snapshot: Snapshot, status: SwitchStatus) -> str:
    """Return the remarks known before a throw; between two deep checks, the last reported ones."""
    if status.phase == "NothingToDo" and status.record is not None:
        return summary(status.record)
    if status.record is not None or snapshot.record is not None or snapshot.entry is None:
        return ""
    if not snapshot.thorough:
        ready = find(snapshot.switch.status.conditions, "Ready")
        return ready.message if ready and ready.status == "True" else ""
    remarks = [one.message for one in drafted(snapshot, snapshot.entry).remarks if one.reason in EXPECTED]
    return "; ".join(dict.fromkeys(filter(None, (*remarks, self_blocking_holds.remark(snapshot, status)))))


def _unready(snapshot: Snapshot, status: SwitchStatus) -> Trouble | None:
    record = status.record
    if record is None:
        return _undeclared(snapshot) or withheld(snapshot) or enabled_actions.of_switch(snapshot) or _hindered(snapshot)
    entries = (*record.actions, *record.dropped)
    failing = next((entry.failure for entry in entries if entry.failure), None)
    if failing is not None:
        return Reason(failing.reason), failing.message
    if should_be_engaged(snapshot) and (refused := write_gates.unnamed(snapshot)) is not None:
        return refused
    if status.phase == "Engaging":
        return _missing_of(snapshot, record) or (Reason.ENGAGING, summary(record))
    return (Reason.RELEASING, summary(record)) if status.phase == "Releasing" else _missing_of(snapshot, record)


def _undeclared(snapshot: Snapshot) -> Trouble | None:
    spec = snapshot.switch.spec
    if snapshot.runbook is None:
        return Reason.RUNBOOK_NOT_FOUND, f"spec.runbook: there is no Runbook {spec.runbook} in this namespace"
    if snapshot.runbook.spec is None:
        return Reason.INVALID_SPEC, f"Runbook {spec.runbook}: {snapshot.runbook.error}"
    if snapshot.entry is None:
        return Reason.SWITCH_NOT_DECLARED, f"spec.switch: Runbook {spec.runbook} declares no switch {spec.switch}"
    return None


def _hindered(snapshot: Snapshot) -> Trouble | None:
    """Return what would keep an idle switch from working if it were thrown now.

    Reads cost requests: it raises NeedsRead in a deep check or if a missing target may exist again; else the last
    report stays. At the end of an engagement it reads nothing, and the last report was about that engagement.
    """
    entry = snapshot.entry
    assert entry  # noqa: S101 # it is declared
    try:
        return _checked(snapshot, entry)
    except NeedsRead as needed:
        known, said = _known(snapshot, entry), _reported_trouble(snapshot)
        if snapshot.record is not None:
            return known
        is_found_again = known is None and said is not None and said[0] is Reason.TARGET_NOT_FOUND
        if snapshot.thorough or is_found_again:
            raise NeedsRead(needed.queries, urgent=False) from None
        return known or said


def _checked(snapshot: Snapshot, entry: KillSwitch) -> Trouble | None:
    """Return the first trouble. Permissions come first: one command grants all; only deep checks review them."""
    if snapshot.record is not None:
        return _failing(drafted(snapshot, entry))
    if not snapshot.thorough:
        said = snapshot.switch.status.conditions
        return (
            permission_checks.reported_trouble(said)
            or _failing(drafted(snapshot, entry))
            or throw_dry_run.reported_trouble(said)
        )
    powerless, draft = read_together(
        lambda: permission_checks.of_switch(snapshot, entry), lambda: drafted(snapshot, entry)
    )
    return powerless or _failing(draft) or throw_dry_run.refused(snapshot, draft)


def _known(snapshot: Snapshot, entry: KillSwitch) -> Trouble | None:
    """Return what would keep the switch from working, as far as that is known without a read."""
    for one in entry.actions:
        with suppress(NeedsRead):
            if trouble := _failing(drafted(snapshot, entry.replace(actions=[one]))):
                return trouble
    return None


def _failing(record: Record) -> Trouble | None:
    found = (one.failure for one in record.actions if one.failure)
    return next(((Reason(one.reason), one.message) for one in found), None)


def _reported_trouble(snapshot: Snapshot) -> Trouble | None:
    """Return the trouble that Ready reports already."""
    ready = find(snapshot.switch.status.conditions, "Ready")
    return (Reason(ready.reason), ready.message) if ready and ready.status == "False" else None


def _missing_of(snapshot: Snapshot, record: Record) -> Trouble | None:
    found = (
        held_field.target
        for held_field in held_fields(snapshot, record)
        if not (held_field.unplanned or held_field.is_object)
    )
    return next(((one.reason, one.message) for one in found if isinstance(one, Missing)), None)


def _reconciling(status: SwitchStatus) -> Finding | None:
    """Return Reconciling=True while work is under way; kstatus then reports InProgress."""
    reasons = {"Engaging": Reason.ENGAGING, "Releasing": Reason.RELEASING}
    if status.record is None or status.phase not in reasons:
        return None
    return Finding(True, reasons[status.phase], summary(status.record))


def _engaged(snapshot: Snapshot, status: SwitchStatus, trouble: Trouble | None) -> Finding:
    if status.record:
        if not should_be_engaged(snapshot) and not status.record.momentary:
            is_stalled = "the release is stalled: " if trouble else ""
            return Finding(False, Reason.RELEASING, f"{is_stalled}{unrestored(status.record)}")
        return Finding(status.phase == "Engaged", PHASES.get(status.phase, Reason.ENGAGING), summary(status.record))
    if (observed := observe_mode.finding(snapshot)) is not None:
        return observed
    if should_be_engaged(snapshot) and (refused := withheld(snapshot)) is not None:
        return Finding(False, *refused)
    return Finding(False, Reason.RELEASED, status.history[0].outcome if status.history else "")


def silence(snapshot: Snapshot, said: Override) -> str:
    """Describe who holds the switch released, until when and why, and what would engage it."""
    until = f"until {seconds(said.expires_at)}" if said.expires_at else "until engaged is removed"
    because = f" ({said.reason})" if said.reason else ""
    would_hold = f"; {would_engage(snapshot)}" if automatic_holds(snapshot) else ""
    return f"{said.by or UNNAMED_CLIENT} holds it released {until}{because}{would_hold}"


def _automatic(snapshot: Snapshot, status: SwitchStatus) -> Finding:
    if momentary_throws.is_momentary(snapshot):
        text = momentary_throws.without_meaning(snapshot) or "only people throw a momentary switch"
        return Finding(False, Reason.MANUAL, text)
    if not is_automatic(snapshot):
        return Finding(False, Reason.MANUAL, "automatic: false leaves it to people")
    if (said := silenced(snapshot)) is not None:
        return Finding(False, Reason.SILENCED, silence(snapshot, said))
    if snapshot.runbook and (suspended := suspension(snapshot.runbook, snapshot.now)) is not None:
        return Finding(False, suspended.reason, suspended.message)
    if (gate := closed_gate(snapshot)) is not None:
        return Finding(False, gate.reason, f"blocked: {gate.message}; {would_engage(snapshot)}")
    return self_blocking_holds.finding(snapshot, status) or Finding(True, Reason.AUTOMATIC, "")


def _contested(snapshot: Snapshot, record: Record | None) -> Finding | None:
    fights = [(held_field.entry, contest(held_field)) for held_field in held_fields(snapshot, record)] if record else []
    contests = [(entry, one) for entry, one in fights if one is not None]
    if not contests:
        return None
    text = "; ".join(
        f"{author(one.manager, entry.field)} changes {named(entry)}, which the switch holds at {shown(entry.held)}; "
        f"the operator has undone it {'once' if one.streak == 1 else f'{one.streak} times'}. To end this: "
        f"{hint(one.manager, snapshot.switch.meta.ref, automatic=snapshot.switch.status.holds_automatically)}"
        for entry, one in contests
    )
    return Finding(True, Reason.CONTESTED, text)


def _outdated(snapshot: Snapshot, record: Record | None) -> Finding | None:
    if record is None:
        return None
    if (
        snapshot.runbook
        and snapshot.runbook.spec
        and acting_identity.declared(snapshot.runbook) != acting_identity.of_switch(snapshot.switch, None)
    ):
        now = acting_identity.declared(snapshot.runbook) or "no service account"
        account = acting_identity.of_switch(snapshot.switch, None)
        was = f"as {account}" if account else "with the operator's own rights"
        text = f"the Runbook now names {now}. This engagement holds and restores its fields {was}. To "
        return Finding(True, Reason.ACTIONS_CHANGED, f"{text}change that, release the switch and throw it again")
    if outdated(snapshot, record) is None:
        return None
    text = (
        f"the Runbook now declares: {does(snapshot)}. This engagement keeps its own actions until its release; "
        "reapplyOnChange: true applies an edit at once"
    )
    return Finding(True, Reason.ACTIONS_CHANGED, text)


def _last(snapshot: Snapshot, outcome: Reason | None) -> str:
    """Return the type of the condition about the last outcome: Acted for a momentary switch, else Restored."""
    if expired_momentary_throw(snapshot) is not None:
        return "Acted"
    if outcome is not None:
        return "Acted" if snapshot.record and snapshot.record.momentary else "Restored"
    return "Acted" if find(snapshot.switch.status.conditions, "Acted") else "Restored"


def _ended(status: SwitchStatus, last: str, outcome: Reason | None) -> Finding | None:
    if outcome is None:
        return None
    well = (Reason.DONE,) if last == "Acted" else (Reason.RESTORED, Reason.RELEASED)
    return Finding(outcome in well, outcome, status.history[0].outcome)
