"""Describe the actions of a switch in a few words."""

from runbook_operator.api.switch import Record
from runbook_operator.reconcile.snapshot import World
from runbook_operator.switches.action_planning import action_of


def does(world: World) -> str:
    """Describe the actions that the Runbook declares now; if it declares none, return the last description."""
    if world.entry is None:
        return world.switch.status.does
    return "; ".join(one.action.describe(one.spec) for one in world.entry.actions)


def carries_out(world: World, record: Record | None) -> str:
    """Describe the actions of the engagement, even if the Runbook has changed; without a record as `does`."""
    pinned = [action_of(one) for one in record.plan] if record else []
    return "; ".join(action.describe(spec) for action, spec in pinned) or does(world)


def described(world: World) -> tuple[str, str, list[str]]:
    """Return the title, the description and the contacts that the Runbook declares now, or declared last."""
    if world.entry is None or world.runbook is None or world.runbook.spec is None:
        old = world.switch.status
        return old.title, old.description, old.contacts
    spec = world.runbook.spec
    return spec.title, world.entry.description, [one.name for one in spec.contacts]
