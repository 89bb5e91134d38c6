"""restart: restart a workload's pods one after the other."""

from runbook_operator.actions.action_base import Action, ActionSpec, Plan
from runbook_operator.actions.plan_context import Scene
from runbook_operator.actions.rolling_restart import (
    RIGHTS,
    left_alone,
    nothing_to_restart,
    restarted,
    restarted_once,
    rollable,
)
from runbook_operator.core.desired_fields import Aim, Progress
from runbook_operator.core.observed_object import Missing, Seen


class RestartSpec(ActionSpec):
    """The target to restart."""


class Restart(Action):
    """Restarts the target's pods once, one after the other, like `kubectl rollout restart`."""

    kind = "restart"
    Spec = RestartSpec
    reverts = "Nothing: a restart leaves nothing to restore."
    rights = RIGHTS

    @staticmethod
    def plan(spec: RestartSpec, scene: Scene) -> Plan:  # noqa: ARG004 # the scene has the target
        seen = rollable(scene)
        return (restarted_once(scene, seen), *left_alone(seen), *nothing_to_restart(seen))

    @staticmethod
    def progress(spec: RestartSpec, scene: Scene, aim: Aim, seen: Seen | Missing) -> Progress:  # noqa: ARG004 # the base signature
        return restarted(scene, seen)

    @staticmethod
    def describe(spec: RestartSpec) -> str:
        return f"restart {spec.target}"
