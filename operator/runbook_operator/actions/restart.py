"""restart: restart a workload's pods one after the other."""

from runbook_operator.actions.action_base import Action, ActionSpec, Plan
from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.rolling_restart import (
    RIGHTS,
    nothing_to_restart,
    restarted,
    restarted_once,
    rollable,
    unreplaced_pods,
)
from runbook_operator.core.desired_fields import DesiredField, Progress
from runbook_operator.core.observed_object import Missing, ObservedObject


class RestartSpec(ActionSpec):
    """The target to restart."""


class Restart(Action):
    """Restarts the target's pods once, one after the other, like `kubectl rollout restart`."""

    kind = "restart"
    Spec = RestartSpec
    reverts = "Nothing: a restart leaves nothing to restore."
    rights = RIGHTS

    @staticmethod
    def plan(spec: RestartSpec, context: PlanContext) -> Plan:  # the context has the target
        observed = rollable(context)
        return (restarted_once(context, observed), *unreplaced_pods(observed), *nothing_to_restart(observed))

    @staticmethod
    def progress(
        spec: RestartSpec, context: PlanContext, desired: DesiredField, observed: ObservedObject | Missing
    ) -> Progress:
        return restarted(context, observed)

    @staticmethod
    def describe(spec: RestartSpec) -> str:
        return f"restart {spec.target}"
