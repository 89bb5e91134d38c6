"""The actions of a switch in a few words."""

from runbook_operator.api.switch import Record
from runbook_operator.decide.planning import action_of
from runbook_operator.plan.world import World


def does(world: World) -> str:
    """The actions that the Runbook declares now; those reported last where it declares none."""
    if world.entry is None:
        return world.switch.status.does
    return "; ".join(one.action.describe(one.spec) for one in world.entry.actions)


def carries_out(world: World, record: Record | None) -> str:
    """The actions that the engagement carries out, whatever the Runbook declares by now; without one as `does`."""
    pinned = [action_of(one) for one in record.plan] if record else []
    return "; ".join(action.describe(spec) for action, spec in pinned) or does(world)
