"""Report on a switch in mode Observe, and on a throw that began in mode Observe."""

from runbook_operator.api.conditions import Finding, find, seconds
from runbook_operator.api.override import Override
from runbook_operator.automation.desired_state import rehearsed, should_be_engaged
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_summary import does
from runbook_operator.switches.switch_messages import notices_for


def finding(snapshot: Snapshot) -> Finding | None:
    """Return the condition Engaged=False with its reason; None if mode Observe is not the cause."""
    if (thrown := rehearsed(snapshot)) is not None:
        return Finding(
            False, Reason.OBSERVING if snapshot.observing else Reason.REHEARSED, _rehearsal(snapshot, thrown)
        )
    if not snapshot.observing:
        return None
    return (
        Finding(False, Reason.OBSERVING, _would(snapshot))
        if should_be_engaged(snapshot)
        else _rehearsed_before(snapshot)
    )


def notices(snapshot: Snapshot) -> tuple[Notice, ...]:
    """Return one Event for each throw and each automatic hold that mode Observe keeps from acting."""
    identity = f"{snapshot.switch.meta.uid}.{snapshot.switch.meta.generation}"
    if (thrown := rehearsed(snapshot)) is not None:
        return _on_rehearsal(snapshot, thrown, identity)
    return (
        notices_for(snapshot, Reason.OBSERVING, _would(snapshot), identity)
        if should_be_engaged(snapshot) and snapshot.observing
        else ()
    )


def _on_rehearsal(snapshot: Snapshot, thrown: Override, identity: str) -> tuple[Notice, ...]:
    """Return the Event on the throw, or a warning when the mode is Enforce and the throw engages nothing."""
    old, text = snapshot.switch.status.override, f"{snapshot.switch.meta.ref.name}: {_rehearsal(snapshot, thrown)}"
    if snapshot.observing:
        is_known = old is not None and old.rehearsed and old.generation == thrown.generation
        return () if is_known else notices_for(snapshot, Reason.OBSERVING, text, identity)
    engaged = find(snapshot.switch.status.conditions, "Engaged")
    is_reported = engaged is not None and engaged.reason == Reason.REHEARSED
    identity = f"{identity}.{Reason.REHEARSED}"
    return () if is_reported else notices_for(snapshot, Reason.REHEARSED, text, identity, warning=True)


def _would(snapshot: Snapshot) -> str:
    doing = does(snapshot)
    would = f". In mode Enforce it would {doing}" if doing else ""
    return f"mode is Observe: the operator did nothing{would}"


def _rehearsal(snapshot: Snapshot, thrown: Override) -> str:
    by = f" by {thrown.by}" if thrown.by else ""
    would = f". In mode Enforce the operator would {does(snapshot)}" if snapshot.observing else ""
    begin = f"thrown in mode Observe at {seconds(thrown.since)}{by}: a rehearsal, which changed nothing{would}"
    if snapshot.entry is not None and snapshot.entry.momentary:
        return f"{begin}. Once the mode is Enforce, throw it again"
    return f"{begin}. This throw stays a rehearsal in mode Enforce: release it and throw it again to engage it"


def _rehearsed_before(snapshot: Snapshot) -> Finding | None:
    """Return the reported finding on the last rehearsal of a momentary switch, whose override was cleared since."""
    old = find(snapshot.switch.status.conditions, "Engaged")
    if old is None or old.reason != Reason.OBSERVING or snapshot.entry is None or not snapshot.entry.momentary:
        return None
    return Finding(False, Reason.OBSERVING, old.message)
