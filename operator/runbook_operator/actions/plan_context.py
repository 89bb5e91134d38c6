"""The context in which an action plans: the objects of its namespace, and the engagement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import DesiredField, Refused
from runbook_operator.core.observed_object import Missing, ObservedObject
from runbook_operator.core.pod_templates import Mark, digest
from runbook_operator.core.queries import Denied, Find, NeedsRead, Probe, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.target_kinds import TargetRefs

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Throw:
    """The engagement that the plan is for. `at` is RFC 3339; `uid` is that of the Switch."""

    switch: str
    uid: str
    engagement: str
    at: str
    reason: str = ""
    by: str = ""
    runbook: str = ""
    momentary: bool = False
    """True if the switch acts once per throw and holds nothing, so that a held field would be left behind."""
    written: bool = False
    """True if each due write was accepted or refused, so that a read delays none of them."""

    reachable: tuple[str, ...] = ()
    """The Runbook's contacts that have a channel."""

    @property
    def owner(self) -> Body:
        """The owner reference for created objects, which Kubernetes deletes with the Switch at the latest."""
        return {"apiVersion": API_VERSION, "kind": "Switch", "name": self.switch, "uid": self.uid}


@dataclass(frozen=True)
class PlanContext:
    """Access to the snapshot. A method raises NeedsRead if it needs a read; the plan is made again after that read."""

    namespace: str
    throw: Throw
    target: TargetRefs
    observed: Callable[[Ref, bool], ObservedObject | Missing]
    """Returns the object at a reference, complete if the second argument is true; raises NeedsRead."""
    peek: Callable[[Ref], ObservedObject | None] = lambda _: None
    """Returns a complete object if it is known or a read delays no write, else None; only for remarks."""
    duplicate_index: int = 0
    """The number of identical actions of the switch before this one."""
    answers: Mapping[Query, Any] = field(default_factory=dict)
    good: Mapping[Ref, tuple[Mark, ...]] = field(default_factory=dict)
    """Known good revisions of workloads, newest first."""
    bad: Mapping[Ref, tuple[Mark, ...]] = field(default_factory=dict)
    """Revisions of workloads that the deployment guard found bad."""
    rolled_back_templates: Callable[[ObservedObject], tuple[Body, ...]] = lambda _: ()
    """Returns the recorded templates that switches hold in a workload, or that this switch last wrote there."""
    version: Callable[[ObservedObject], str] = lambda workload: digest(workload.body["spec"]["template"])
    """Returns the digest of a workload's template without held fields: a flag set by a switch is no new revision."""
    holds: Callable[[str], Mapping[str, tuple[Any, Any]]] = lambda _: {}
    """Returns the held fields of the object with that uid: (saved value, value that another hold starts from)."""
    busy: bool = False
    """True if writes may be due; progress then makes no queries, since the writes would wait for them."""
    desired_fields: tuple[DesiredField, ...] = ()
    """The desired fields of this action in the order of the writes, for its progress."""

    def ref(self, api_version: str, kind: str, name: str) -> Ref:
        """Return a reference to an object of this namespace; an action cannot name one of another."""
        return Ref(api_version, kind, self.namespace, name)

    def require(self, ref: Ref, *, whole: bool = True) -> ObservedObject:
        """Return the object; raises Refused if it is missing."""
        found = self.observed(ref, whole)
        if isinstance(found, Missing):
            raise Refused(found.reason, found.message)
        return found

    def find(self, api_version: str, kind: str, labels: str = "") -> tuple[Body, ...]:
        """Return every object of the kind in this namespace; empty if the cluster does not serve the kind."""
        (found,) = self.find_all((api_version, kind, labels))
        return found

    def find_all(self, *kinds: tuple[str, str, str]) -> tuple[tuple[Body, ...], ...]:
        """Find several (apiVersion, kind, labels) with one round of reads; see `find`."""
        return tuple(self._answered([Find(one[0], one[1], self.namespace, one[2]) for one in kinds]))

    def events(self, about: ObservedObject) -> tuple[Body, ...]:
        """Return the Events about an object; empty before the writes are done, or if reading them is forbidden."""
        if self.busy or not self.throw.written:
            return ()
        try:
            (found,) = self._answered([Find("v1", "Event", self.namespace, fields=f"involvedObject.uid={about.uid}")])
        except Refused:
            return ()
        return tuple(found)

    def original(self, body: Body) -> Body:
        """Return the object as it would be if no switch held a field of it."""
        for field_held, (saved, _) in self.holds(body["metadata"]["uid"]).items():
            body = field_paths.with_value(body, field_held, saved)
        return body

    def base(self, body: Body, held: str) -> Any:
        """Return the field's value without this engagement: what another switch holds, even after drift, else live."""
        found = self.holds(body["metadata"]["uid"])
        return found[held][1] if held in found else field_paths.get(body, held)

    def probe(self, service: Ref, port: str, path: str) -> Any:
        """Return the ProbeResult of a GET to the Service."""
        (found,) = self._answered([Probe(service, port, path)])
        return found

    def _answered(self, queries: list[Query]) -> list[Any]:
        """Return the answers; raises NeedsRead if one is missing, and Refused if one is a Denied."""
        if needed := [query for query in queries if query not in self.answers]:
            raise NeedsRead(needed)
        found = [self.answers[query] for query in queries]
        denied = next((one for one in found if isinstance(one, Denied)), None)
        if denied is not None:
            raise Refused(denied.reason, denied.message)
        return found

    @property
    def workload(self) -> Ref:
        return self._require_ref(self.target.workload, "workload")

    @property
    def service(self) -> Ref:
        return self._require_ref(self.target.service, "service")

    @property
    def flags(self) -> Ref:
        return self._require_ref(self.target.flags, "flags")

    def _require_ref(self, ref: Ref | None, part: str) -> Ref:
        if ref is None:
            name = self.target.name
            raise Refused(Reason.INVALID_SPEC, f"spec.targets: target {name} has no {part}; declare {name}.{part}")
        return ref
