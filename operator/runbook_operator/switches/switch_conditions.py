"""The conditions of a switch, in the form that kstatus, `kubectl wait` and Argo CD read.

Ready, Engaged and Automatic are always present. Restored follows the first release of a switch that holds, and Acted
the first act of a momentary one. Reconciling, Stalled, Contested and Outdated are present only while they are true.
"""

from contextlib import suppress

from runbook_operator.api.conditions import Condition, Finding, condition, find, seconds
from runbook_operator.api.override import Word
from runbook_operator.api.runbook import KillSwitch
from runbook_operator.api.switch import Record, SwitchStatus
from runbook_operator.automation import lasting_holds, momentary_throws
from runbook_operator.automation.desired_state import (
    automatic_holds,
    called,
    held_back,
    is_automatic,
    silenced,
    spent,
    wanted,
)
from runbook_operator.core.field_manager_advice import UNNAMED_CLIENT, author, clear, hint
from runbook_operator.core.observed_object import Missing
from runbook_operator.core.queries import Unread, together
from runbook_operator.core.reasons import Reason
from runbook_operator.permissions import allowed_actions, permission_checks
from runbook_operator.reconcile import acting_identity
from runbook_operator.reconcile.acting_identity import UNNAMED
from runbook_operator.reconcile.automation_pauses import suspension
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches import expired_throw, observe_mode, throw_dry_run
from runbook_operator.switches.action_progress import contest
from runbook_operator.switches.action_summary import does
from runbook_operator.switches.held_field import parts
from runbook_operator.switches.switch_messages import named, shown, summary, unrestored
from runbook_operator.switches.write_ahead_record import drafted, outdated

Trouble = tuple[Reason, str]
PHASES = {"Engaged": Reason.ENGAGED, "NothingToDo": Reason.NOTHING_TO_DO}
"""The reason of Engaged by phase while the switch is wanted; in every other phase it is Engaging."""
FORESEEN = frozenset({Reason.RESTART_NEEDED, Reason.NOTHING_TO_DO, Reason.MISSED_RUN})
"""The remarks that Ready shows before a throw, because the throw or its release has an unexpected effect."""


def conditions(
    world: World, status: SwitchStatus, trouble: Trouble | None, outcome: Reason | None = None
) -> list[Condition]:
    """Return every condition for `status`; `trouble` stalls it, `outcome` is that of a release that ends now."""
    trouble = trouble or ((Reason.UNSETTLED, world.unsettled) if world.unsettled else None)
    found = {
        "Ready": _ready(world, status, trouble),
        # With Reconciling, kstatus would report progress and never the failure.
        "Reconciling": None if trouble else _reconciling(status),
        "Stalled": Finding(True, *trouble) if trouble else None,
        "Engaged": _engaged(world, status, trouble),
        "Automatic": _automatic(world, status),
        "Contested": _contested(world, status.record),
        "Outdated": _outdated(world, status.record),
    }
    last = _last(world, outcome)
    found |= {last: expired_throw.finding(world, status) or _ended(status, last, outcome)}
    old, generation = world.switch.status.conditions, world.switch.meta.generation
    new = [condition(old, kind, one, generation, world.now) for kind, one in found.items() if one is not None]
    kept = find(old, last)
    return [*new, kept] if kept is not None and found[last] is None and status.record is None else new


def unnamed(world: World) -> Trouble | None:
    """Return the trouble of a switch whose Runbook must name a service account and names none."""
    return (Reason.NO_ACCOUNT, UNNAMED) if world.barred else None


def withheld(world: World) -> Trouble | None:
    """Return why no throw begins; an engagement under way goes on."""
    return unnamed(world) or _tracked(world)


def _tracked(world: World) -> Trouble | None:
    if not world.tracked:
        return None
    ref = world.switch.meta.ref
    text = (
        f"Switch {ref.name} is tracked by {world.switch.tracked_by}, whose next sync could throw it again. Until "
        "that ends, the operator acts on no throw of this momentary switch. Take the Switch out of Git: the operator "
        f"creates it from the Runbook. To remove the throw: {clear(ref)}"
    )
    return Reason.SWITCH_TRACKED, text


def would_engage(world: World) -> str:
    """Describe the automatic holds that would engage the switch, but for an override or a gate."""
    return f"{', '.join(called(one.source, one.name) for one in automatic_holds(world))} would engage it"


def _ready(world: World, status: SwitchStatus, trouble: Trouble | None) -> Finding:
    reason, message = trouble or _unready(world, status) or (Reason.READY, _known_before(world, status))
    return Finding(reason is Reason.READY, reason, message)


def _known_before(world: World, status: SwitchStatus) -> str:
    """Return the remarks known before a throw; between two close looks, the last reported ones."""
    if status.phase == "NothingToDo" and status.record is not None:
        return summary(status.record)
    if status.record is not None or world.record is not None or world.entry is None:
        return ""
    if not world.thorough:
        ready = find(world.switch.status.conditions, "Ready")
        return ready.message if ready and ready.status == "True" else ""
    remarks = [one.message for one in drafted(world, world.entry).remarks if one.reason in FORESEEN]
    return "; ".join(dict.fromkeys(filter(None, (*remarks, lasting_holds.remark(world, status)))))


def _unready(world: World, status: SwitchStatus) -> Trouble | None:
    record = status.record
    if record is None:
        return _undeclared(world) or withheld(world) or allowed_actions.of_switch(world) or _hindered(world)
    entries = (*record.actions, *record.dropped)
    failing = next((entry.failure for entry in entries if entry.failure), None)
    if failing is not None:
        return Reason(failing.reason), failing.message
    if wanted(world) and (barred := unnamed(world)) is not None:
        return barred
    if status.phase == "Engaging":
        return _missing_of(world, record) or (Reason.ENGAGING, summary(record))
    return (Reason.RELEASING, summary(record)) if status.phase == "Releasing" else _missing_of(world, record)


def _undeclared(world: World) -> Trouble | None:
    spec = world.switch.spec
    if world.runbook is None:
        return Reason.RUNBOOK_NOT_FOUND, f"spec.runbook: there is no Runbook {spec.runbook} in this namespace"
    if world.runbook.spec is None:
        return Reason.INVALID_SPEC, f"Runbook {spec.runbook}: {world.runbook.error}"
    if world.entry is None:
        return Reason.SWITCH_NOT_DECLARED, f"spec.switch: Runbook {spec.runbook} declares no switch {spec.switch}"
    return None


def _hindered(world: World) -> Trouble | None:
    """Return what would keep an idle switch from working if it were thrown now.

    Reads cost requests: except in a close look, the last report stays. The end of an engagement waits for no read, and
    the last report was about that engagement.
    """
    entry = world.entry
    assert entry  # noqa: S101 # it is declared
    try:
        return _checked(world, entry)
    except Unread as unread:
        known, said = _known(world, entry), _said(world)
        if world.record is not None:
            return known
        is_found_again = known is None and said is not None and said[0] is Reason.TARGET_NOT_FOUND
        if world.thorough or is_found_again:
            raise Unread(unread.queries, urgent=False) from None
        return known or said


def _checked(world: World, entry: KillSwitch) -> Trouble | None:
    """Return the first trouble; permissions come first (one command grants all), reviewed in close looks only."""
    if world.record is not None:
        return _failing(drafted(world, entry))
    if not world.thorough:
        said = world.switch.status.conditions
        return permission_checks.told(said) or _failing(drafted(world, entry)) or throw_dry_run.told(said)
    powerless, draft = together(lambda: permission_checks.of_switch(world, entry), lambda: drafted(world, entry))
    return powerless or _failing(draft) or throw_dry_run.refused(world, draft)


def _known(world: World, entry: KillSwitch) -> Trouble | None:
    """Return what would keep the switch from working, as far as that is known without a read."""
    for one in entry.actions:
        with suppress(Unread):
            if trouble := _failing(drafted(world, entry.replace(actions=[one]))):
                return trouble
    return None


def _failing(record: Record) -> Trouble | None:
    found = (one.failure for one in record.actions if one.failure)
    return next(((Reason(one.reason), one.message) for one in found), None)


def _said(world: World) -> Trouble | None:
    """Return the trouble that Ready reports already."""
    ready = find(world.switch.status.conditions, "Ready")
    return (Reason(ready.reason), ready.message) if ready and ready.status == "False" else None


def _missing_of(world: World, record: Record) -> Trouble | None:
    found = (part.target for part in parts(world, record) if not (part.unplanned or part.is_object))
    return next(((one.reason, one.message) for one in found if isinstance(one, Missing)), None)


def _reconciling(status: SwitchStatus) -> Finding | None:
    """Return Reconciling=True while work is under way; kstatus then reports InProgress."""
    reasons = {"Engaging": Reason.ENGAGING, "Releasing": Reason.RELEASING}
    if status.record is None or status.phase not in reasons:
        return None
    return Finding(True, reasons[status.phase], summary(status.record))


def _engaged(world: World, status: SwitchStatus, trouble: Trouble | None) -> Finding:
    if status.record:
        if not wanted(world) and not status.record.momentary:
            is_stalled = "the release is stalled: " if trouble else ""
            return Finding(False, Reason.RELEASING, f"{is_stalled}{unrestored(status.record)}")
        return Finding(status.phase == "Engaged", PHASES.get(status.phase, Reason.ENGAGING), summary(status.record))
    if (observed := observe_mode.finding(world)) is not None:
        return observed
    if wanted(world) and (barred := withheld(world)) is not None:
        return Finding(False, *barred)
    return Finding(False, Reason.RELEASED, status.history[0].outcome if status.history else "")


def silence(world: World, said: Word) -> str:
    """Describe who holds the switch released, until when and why, and what would engage it."""
    until = f"until {seconds(said.expires_at)}" if said.expires_at else "until engaged is removed"
    because = f" ({said.reason})" if said.reason else ""
    would_hold = f"; {would_engage(world)}" if automatic_holds(world) else ""
    return f"{said.by or UNNAMED_CLIENT} holds it released {until}{because}{would_hold}"


def _automatic(world: World, status: SwitchStatus) -> Finding:
    if momentary_throws.is_momentary(world):
        text = momentary_throws.without_meaning(world) or "a momentary switch acts for people only"
        return Finding(False, Reason.MANUAL, text)
    if not is_automatic(world):
        return Finding(False, Reason.MANUAL, "automatic: false leaves it to people")
    if (said := silenced(world)) is not None:
        return Finding(False, Reason.SILENCED, silence(world, said))
    if world.runbook and (suspended := suspension(world.runbook, world.now)) is not None:
        return Finding(False, suspended.reason, suspended.message)
    if (gate := held_back(world)) is not None:
        return Finding(False, gate.reason, f"held back: {gate.message}; {would_engage(world)}")
    return lasting_holds.finding(world, status) or Finding(True, Reason.AUTOMATIC, "")


def _contested(world: World, record: Record | None) -> Finding | None:
    fights = [(part.entry, contest(part)) for part in parts(world, record)] if record else []
    contests = [(entry, one) for entry, one in fights if one is not None]
    if not contests:
        return None
    text = "; ".join(
        f"{author(one.manager, entry.field)} changes {named(entry)}, which the switch holds at {shown(entry.held)}; "
        f"the operator has undone it {'once' if one.streak == 1 else f'{one.streak} times'}. To end this: "
        f"{hint(one.manager, world.switch.meta.ref, automatic=world.switch.status.holds_automatically)}"
        for entry, one in contests
    )
    return Finding(True, Reason.CONTESTED, text)


def _outdated(world: World, record: Record | None) -> Finding | None:
    if record is None:
        return None
    if (
        world.runbook
        and world.runbook.spec
        and acting_identity.declared(world.runbook) != acting_identity.of_switch(world.switch, None)
    ):
        now = acting_identity.declared(world.runbook) or "no service account"
        was = acting_identity.of_switch(world.switch, None) or "the operator's own rights"
        text = f"the Runbook now names {now}. This engagement holds and restores its fields in the name of {was}. To "
        return Finding(True, Reason.ACTIONS_CHANGED, f"{text}change that, release the switch and throw it again")
    if outdated(world, record) is None:
        return None
    text = (
        f"the Runbook now declares: {does(world)}. This engagement goes on as it was thrown until its release; "
        "reapplyOnChange: true applies an edit at once"
    )
    return Finding(True, Reason.ACTIONS_CHANGED, text)


def _last(world: World, outcome: Reason | None) -> str:
    """Return the type of the condition on the last end: Acted for a momentary switch, which restores nothing."""
    if spent(world) is not None:
        return "Acted"
    if outcome is not None:
        return "Acted" if world.record and world.record.momentary else "Restored"
    return "Acted" if find(world.switch.status.conditions, "Acted") else "Restored"


def _ended(status: SwitchStatus, last: str, outcome: Reason | None) -> Finding | None:
    if outcome is None:
        return None
    well = (Reason.DONE,) if last == "Acted" else (Reason.RESTORED, Reason.RELEASED)
    return Finding(outcome in well, outcome, status.history[0].outcome)
