"""The Service whose traffic is blocked or limited, and the choice of the mechanism."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runbook_operator.actions.action_base import Plan
from runbook_operator.actions.plan_context import Body, PlanContext
from runbook_operator.core import service_addresses
from runbook_operator.core.desired_fields import OBJECT, DesiredField, Refused
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, Ref

BLOCKED = "runbooks.dev/blocked"
"""A label that no pod has: a Service whose selector requires it has no endpoints."""


def not_applicable(message: str) -> Refused:
    """Return the refusal of a mechanism that is not applicable; the next one is tried."""
    return Refused(Reason.NO_TRAFFIC_MECHANISM, message)


def traffic_target(context: PlanContext) -> "TrafficTarget":
    """Return the live Service of the context's target; raises Refused for a momentary switch, which holds nothing."""
    if context.throw.momentary:
        text = (
            "momentary: a momentary switch would leave the block or the limit behind; remove momentary, and "
            "throw with expiresAfter instead"
        )
        raise Refused(Reason.INVALID_SPEC, text)
    return TrafficTarget(context, context.require(context.service))


@dataclass(frozen=True)
class TrafficTarget:
    """The live Service. Methods raise Refused if a mechanism is not applicable, and NeedsRead as a PlanContext's do."""

    context: PlanContext
    service: ObservedObject

    @property
    def ref(self) -> Ref:
        return self.service.ref

    @property
    def spec(self) -> Body:
        spec: Body = self.service.body["spec"]
        return spec

    @property
    def annotations(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.service.body["metadata"].get("annotations") or {}
        return found

    def pods(self) -> dict[str, str]:
        """Return the labels in the Service's selector, without that of a block."""
        if self.spec.get("type") == "ExternalName":
            raise not_applicable(f"{self.ref} is of type ExternalName: it has no pods")
        labels = {key: value for key, value in (self.spec.get("selector") or {}).items() if key != BLOCKED}
        if not labels:
            raise not_applicable(
                f"{self.ref} has no spec.selector: another client writes its endpoints and decides where it leads"
            )
        return labels

    def found_pods(self) -> tuple[Body, ...]:
        return self.context.find("v1", "Pod", ",".join(f"{key}={value}" for key, value in sorted(self.pods().items())))

    def pod_port(self) -> int | None:
        """Return the pods' port number for the target's port; None without a port, or for one that pods name."""
        port = service_addresses.port(self.spec, self.context.target.port) if self.context.target.port else None
        number = (port or {}).get("targetPort", (port or {}).get("port"))
        return number if isinstance(number, int) else None

    def made(self, api_version: str, kind: str, what: str, **content: Any) -> DesiredField:
        """Plan an object that exists while the switch is engaged; `content` is everything but its metadata."""
        name = f"{self.context.throw.switch}-{self.context.target.name}-{what}"
        ref = self.context.ref(api_version, kind, name)
        found = self.context.observed(ref, True)
        if isinstance(found, Missing) and found.reason is not Reason.TARGET_NOT_FOUND:
            raise Refused(found.reason, found.message)
        meta = {"name": name, "namespace": ref.namespace, "ownerReferences": [self.context.throw.owner]}
        return DesiredField(ref, OBJECT, {"apiVersion": api_version, "kind": kind, "metadata": meta, **content})


MechanismPlan = Callable[[TrafficTarget], Plan]
"""A mechanism: returns the fields to write, in order; raises Refused if it is not applicable."""


def first(names: Iterable[str], ways: Mapping[str, MechanismPlan], traffic_target: TrafficTarget) -> Plan:
    """Return the plan of the first applicable mechanism; raises Refused with what each mechanism lacks.

    Raises NeedsRead for the queries of all mechanisms up to that one together, so that they need one round of reads.
    """
    needed: set[Query] = set()
    lacking: list[str] = []
    for name in names:
        try:
            plan = ways[name](traffic_target)
        except NeedsRead as more:
            needed |= more.queries
        except Refused as refused:
            lacking.append(f"{name}: {refused.message}")
        else:
            if needed:
                break
            return plan
    if needed:
        raise NeedsRead(needed)
    raise not_applicable(f"no mechanism can be used for {traffic_target.ref}. " + "; ".join(lacking))


def is_switchs(body: Body) -> bool:
    """True if a switch made the object."""
    owners = body["metadata"].get("ownerReferences", ())
    return any((owner.get("apiVersion"), owner.get("kind")) == (API_VERSION, "Switch") for owner in owners)


def is_own(body: Body, context: PlanContext) -> bool:
    """True if this switch made the object."""
    return any(owner.get("uid") == context.throw.uid for owner in body["metadata"].get("ownerReferences", ()))


def selects(selector: Body, labels: Mapping[str, str], *, whole: bool = True) -> bool:
    """True if a label selector matches, or if it may match more labels when `labels` is not the `whole` set."""
    wanted = [{"key": k, "operator": "In", "values": [v]} for k, v in (selector.get("matchLabels") or {}).items()]
    rules = (*wanted, *(selector.get("matchExpressions") or ()))
    return all(_fits(rule, labels) or (not whole and rule["key"] not in labels) for rule in rules)


def _fits(rule: Body, labels: Mapping[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or ()
    match rule["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
