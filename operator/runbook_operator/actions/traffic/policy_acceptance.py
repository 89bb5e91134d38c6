"""Read from conditions if a mechanism's controller has put the written objects in force.

This happens after all writes, so that no write waits for a controller. For a kind without conditions the switch is
Engaged with a remark that names a check to do by hand.
"""

from collections.abc import Iterable, Mapping

from runbook_operator.actions.action_base import DONE
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.core.desired_fields import DesiredField, Progress, Remark
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.reasons import Reason

STATUS: Mapping[str, tuple[str, str]] = {
    "BackendTrafficPolicy": ("ancestors", "Accepted"),
    "HTTPRoute": ("parents", "Accepted"),
    "KongPlugin": ("", "Programmed"),
}
"""By kind, the status field with its conditions (empty for status itself), and the condition for being in force."""
SILENT = frozenset({"KongPlugin"})
"""Kinds of which some versions have no conditions at all; their absence means nothing."""
SHARED = frozenset({"HTTPRoute"})
"""Kinds of objects that existed before the throw: a refusal by one gateway need not be about the written fields."""
PENDING = "Pending"


def by_hand(what: str, check: str) -> Remark:
    """Return a remark for objects without conditions; `check` is a command with its expected output."""
    return Remark(Reason.UNVERIFIABLE, f"no condition shows if {what} is in force; check by hand: {check}")


def is_by_hand(one: DesiredField | Remark) -> bool:
    return isinstance(one, Remark) and one.reason is Reason.UNVERIFIABLE


def answers(status: int) -> str:
    """Return the check through a gateway that must respond with this status."""
    return f"curl -s -o /dev/null -w '%{{http_code}}' URL prints {status} for a URL of the gateway"


def outcome(context: PlanContext, desired: DesiredField) -> Progress:
    """Return the controllers' verdict on all written objects; DONE for all but the action's last desired field."""
    if desired != context.desired_fields[-1]:
        return DONE
    found = [_reported(one, context) for one in context.desired_fields if one.ref.kind in STATUS]
    refused = next((far for far in found if far.failed), None)
    return refused or next((far for far in found if not far.done), DONE)


def _reported(desired: DesiredField, context: PlanContext) -> Progress:
    observed, (place, kind) = context.observed(desired.ref, True), STATUS[desired.ref.kind]
    if not isinstance(observed, ObservedObject):
        return DONE
    status = observed.body.get("status") or {}
    holders = status.get(place) or () if place else (status,)
    found = [
        (one, condition) for one in holders for condition in _current(observed.body, one.get("conditions") or (), kind)
    ]
    well = any(condition["status"] == "True" for _, condition in found)
    bad = [(one, condition) for one, condition in found if _is_refusal(condition)]
    if bad and not (well and desired.ref.kind in SHARED):
        return Progress(False, _refusal(desired, *bad[0]), Reason.NOT_ACCEPTED)
    if well or (desired.ref.kind in SILENT and not status.get("conditions")):
        return DONE
    name = f"{desired.ref.kind.lower()} {desired.ref.name} -n {desired.ref.namespace}"
    text = f"{desired.ref} was written, and its controller has not reported {kind} yet; see kubectl get {name} -o yaml"
    return Progress(False, text)


def _current(body: Body, conditions: Iterable[Body], kind: str) -> list[Body]:
    """Return the conditions of this type that are about the current generation."""
    generation = body["metadata"].get("generation", 0)
    return [
        one for one in conditions if one.get("type") == kind and one.get("observedGeneration", generation) >= generation
    ]


def _is_refusal(condition: Body) -> bool:
    return condition["status"] == "False" and condition.get("reason") != PENDING


def _refusal(desired: DesiredField, holder: Body, condition: Body) -> str:
    who = holder.get("controllerName") or "its controller"
    return (
        f"{desired.ref}: {who} reports {condition['type']}=False: {condition.get('reason')}: {condition.get('message')}"
    )
