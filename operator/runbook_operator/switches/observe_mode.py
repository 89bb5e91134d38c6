"""Report on a switch in mode Observe, and on a throw that was made in it."""

from runbook_operator.api.conditions import Finding, find, seconds
from runbook_operator.api.override import Word
from runbook_operator.automation.desired_state import rehearsed, wanted
from runbook_operator.core.notices import Notice
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_summary import does
from runbook_operator.switches.switch_messages import said


def finding(world: World) -> Finding | None:
    """Return the condition Engaged=False with its reason; None if mode Observe is not the cause."""
    if (thrown := rehearsed(world)) is not None:
        return Finding(False, Reason.OBSERVING if world.observing else Reason.REHEARSED, _rehearsal(world, thrown))
    if not world.observing:
        return None
    return Finding(False, Reason.OBSERVING, _would(world)) if wanted(world) else _rehearsed_before(world)


def notices(world: World) -> tuple[Notice, ...]:
    """Return one Event for each throw and each automatic hold that mode Observe keeps from acting."""
    identity = f"{world.switch.meta.uid}.{world.switch.meta.generation}"
    if (thrown := rehearsed(world)) is not None:
        return _on_rehearsal(world, thrown, identity)
    return said(world, Reason.OBSERVING, _would(world), identity) if wanted(world) and world.observing else ()


def _on_rehearsal(world: World, thrown: Word, identity: str) -> tuple[Notice, ...]:
    """Return the Event on the throw, or a warning when the mode is Enforce and the throw engages nothing."""
    old, text = world.switch.status.word, f"{world.switch.meta.ref.name}: {_rehearsal(world, thrown)}"
    if world.observing:
        is_known = old is not None and old.rehearsed and old.generation == thrown.generation
        return () if is_known else said(world, Reason.OBSERVING, text, identity)
    engaged = find(world.switch.status.conditions, "Engaged")
    is_reported = engaged is not None and engaged.reason == Reason.REHEARSED
    identity = f"{identity}.{Reason.REHEARSED}"
    return () if is_reported else said(world, Reason.REHEARSED, text, identity, warning=True)


def _would(world: World) -> str:
    doing = does(world)
    would = f". In mode Enforce it would {doing}" if doing else ""
    return f"mode is Observe: the operator did nothing{would}"


def _rehearsal(world: World, thrown: Word) -> str:
    by = f" by {thrown.by}" if thrown.by else ""
    would = f". In mode Enforce the operator would {does(world)}" if world.observing else ""
    begin = f"thrown in mode Observe at {seconds(thrown.since)}{by}: a rehearsal, which changed nothing{would}"
    if world.entry is not None and world.entry.momentary:
        return f"{begin}. Once the mode is Enforce, throw it again"
    return f"{begin}. This throw stays a rehearsal in mode Enforce: release it and throw it again to engage it"


def _rehearsed_before(world: World) -> Finding | None:
    """Return the finding on the rehearsal of a momentary switch that has sprung back since."""
    old = find(world.switch.status.conditions, "Engaged")
    if old is None or old.reason != Reason.OBSERVING or world.entry is None or not world.entry.momentary:
        return None
    return Finding(False, Reason.OBSERVING, old.message)
