"""Describe the actions of a switch in a few words."""

from runbook_operator.api.switch import Record
from runbook_operator.reconcile.snapshot import Snapshot
from runbook_operator.switches.action_planning import action_of


def does(snapshot: Snapshot) -> str:
    """Describe the actions that the Runbook declares now; if it declares none, return the last description."""
    if snapshot.entry is None:
        return snapshot.switch.status.does
    return "; ".join(one.action.describe(one.spec) for one in snapshot.entry.actions)


def carries_out(snapshot: Snapshot, record: Record | None) -> str:
    """Describe the actions of the engagement, even if the Runbook has changed; without a record as `does`."""
    pinned = [action_of(one) for one in record.plan] if record else []
    return "; ".join(action.describe(spec) for action, spec in pinned) or does(snapshot)


def described(snapshot: Snapshot) -> tuple[str, str, list[str]]:
    """Return the title, the description and the contacts that the Runbook declares now, or declared last."""
    if snapshot.entry is None or snapshot.runbook is None or snapshot.runbook.spec is None:
        old = snapshot.switch.status
        return old.title, old.description, old.contacts
    spec = snapshot.runbook.spec
    return spec.title, snapshot.entry.description, [one.name for one in spec.contacts]
