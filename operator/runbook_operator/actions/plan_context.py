"""What an action may look at when it plans: the objects of its own namespace, and the throw that it is part of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.core import field_paths
from runbook_operator.core.desired_fields import Aim, Refused
from runbook_operator.core.observed_object import Missing, Seen
from runbook_operator.core.pod_templates import Mark, digest
from runbook_operator.core.queries import Denied, Find, Probe, Query, Unread
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.target_kinds import TargetRefs

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Throw:
    """The engagement that the plan is for: `at` is RFC 3339; `uid` is that of the Switch."""

    switch: str
    uid: str
    engagement: str
    at: str
    reason: str = ""
    by: str = ""
    runbook: str = ""
    momentary: bool = False
    """It acts once and springs back: what is held would be left behind."""
    written: bool = False
    """Each write that is due was accepted or refused: a look now delays none of them."""

    @property
    def owner(self) -> Body:
        """The owner reference of what is made for the engagement: it goes with the Switch at the latest."""
        return {"apiVersion": API_VERSION, "kind": "Switch", "name": self.switch, "uid": self.uid}


@dataclass(frozen=True)
class Scene:
    """Every method raises Unread where it must look first; the plan is then made again with what was found."""

    namespace: str
    throw: Throw
    target: TargetRefs
    seen: Callable[[Ref, bool], Seen | Missing]
    """What is at a reference, as a whole where the second argument is true; raises Unread."""
    glance: Callable[[Ref], Seen | None] = lambda _: None
    """An object as a whole where it is known, or may be read since nobody waits: for remarks, and for nothing else."""
    twin: int = 0
    """How many of the switch's actions before this one are the very same."""
    answers: Mapping[Query, Any] = field(default_factory=dict)
    good: Mapping[Ref, tuple[Mark, ...]] = field(default_factory=dict)
    """Revisions of workloads that are known good, newest first."""
    bad: Mapping[Ref, tuple[Mark, ...]] = field(default_factory=dict)
    """Revisions of workloads that have failed while they were watched."""
    brought: Callable[[Seen], tuple[Body, ...]] = lambda _: ()
    """The templates that switches hold in a workload, or that this switch last left there, as records have them."""
    version: Callable[[Seen], str] = lambda workload: digest(workload.body["spec"]["template"])
    """The digest of a workload's template, without what switches hold inside of it: a flag is no version."""
    holds: Callable[[str], Mapping[str, tuple[Any, Any]]] = lambda _: {}
    """The fields that switches hold in the object of that uid: what was saved, and what one more hold begins with."""
    busy: bool = False
    """Writes may be due: progress asks nothing then, since they would wait for the answer."""
    aims: tuple[Aim, ...] = ()
    """What this action was planned to do, in its order, for who asks how far it is."""

    def ref(self, api_version: str, kind: str, name: str) -> Ref:
        """An object of this namespace; there is no way to name one of another."""
        return Ref(api_version, kind, self.namespace, name)

    def look(self, ref: Ref, *, whole: bool = True) -> Seen:
        """What is there; raises Refused where it is not."""
        found = self.seen(ref, whole)
        if isinstance(found, Missing):
            raise Refused(found.reason, found.message)
        return found

    def find(self, api_version: str, kind: str, labels: str = "") -> tuple[Body, ...]:
        """Every object of the kind here, none where the cluster does not serve the kind."""
        (found,) = self.find_all((api_version, kind, labels))
        return found

    def find_all(self, *kinds: tuple[str, str, str]) -> tuple[tuple[Body, ...], ...]:
        """As find, for several (apiVersion, kind, labels) that are then asked for at once."""
        return tuple(self._answered([Find(one[0], one[1], self.namespace, one[2]) for one in kinds]))

    def events(self, about: Seen) -> tuple[Body, ...]:
        """The Events about an object; none before the writes are done, and none that may not be read."""
        if self.busy or not self.throw.written:
            return ()
        try:
            (found,) = self._answered([Find("v1", "Event", self.namespace, fields=f"involvedObject.uid={about.uid}")])
        except Refused:
            return ()
        return tuple(found)

    def original(self, body: Body) -> Body:
        """What was found, as it would be if no switch held any field of it."""
        for field_held, (saved, _) in self.holds(body["metadata"]["uid"]).items():
            body = field_paths.put(body, field_held, saved)
        return body

    def base(self, body: Body, held: str) -> Any:
        """What a field is without this engagement: what another switch holds there, even if it was just changed."""
        found = self.holds(body["metadata"]["uid"])
        return found[held][1] if held in found else field_paths.get(body, held)

    def probe(self, service: Ref, port: str, path: str) -> Any:
        """An Answering: whether the Service answers now."""
        (found,) = self._answered([Probe(service, port, path)])
        return found

    def _answered(self, queries: list[Query]) -> list[Any]:
        if unread := [query for query in queries if query not in self.answers]:
            raise Unread(unread)
        found = [self.answers[query] for query in queries]
        denied = next((one for one in found if isinstance(one, Denied)), None)
        if denied is not None:
            raise Refused(denied.reason, denied.message)
        return found

    @property
    def workload(self) -> Ref:
        return self._part(self.target.workload, "workload")

    @property
    def service(self) -> Ref:
        return self._part(self.target.service, "service")

    @property
    def flags(self) -> Ref:
        return self._part(self.target.flags, "flags")

    def _part(self, ref: Ref | None, part: str) -> Ref:
        if ref is None:
            name = self.target.name
            raise Refused(Reason.INVALID_SPEC, f"spec.targets: target {name} has no {part}; declare {name}.{part}")
        return ref
