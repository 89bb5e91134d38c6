"""The chart's admission policies for Incidents, with people of few rights, on the real API server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e import installed
from tests.e2e.harness import Body, Cluster, eventually, fresh_namespace
from tests.e2e.people import Answer, Person, allowed, denied, policies, role, stamps

OURS = "runbooks.dev"
RESPOND = "get,create,patch"
BY = {field: f"{OURS}/{name}-by" for field, name in (("acknowledged", "acknowledged"), ("note", "noted"))}
BY |= {"resolved": f"{OURS}/resolved-by", "opened": f"{OURS}/opened-by"}
METRIC: Body = {"source": "Metric", "name": "error-rate"}


def incident(name: str, **spec: Any) -> Body:
    spec = {"runbook": "shop", "title": "Checkout fails"} | spec
    return {"apiVersion": f"{OURS}/v1alpha1", "kind": "Incident", "metadata": {"name": name}, "spec": spec}


def marked(field: str, value: str | None) -> Body:
    return {"metadata": {"annotations": {BY[field]: value}}}


@dataclass(frozen=True)
class Room:
    """A namespace with policies. Alice and Bob may patch Incidents; Erin may do everything to them."""

    cluster: Cluster

    def person(self, name: str) -> Person:
        return Person(name, self.cluster.namespace)

    @property
    def operator(self) -> Person:
        account = f"system:serviceaccount:{installed.NAMESPACE}:{installed.FULLNAME}"
        return Person(account, self.cluster.namespace, "system:masters")

    def opens(self, name: str, **spec: Any) -> Body:
        return allowed(self.person("alice").creates(incident(name, **spec)))

    def author(self, name: str, field: str) -> str:
        """The user in the annotation; "" if there is none."""
        marks = self.cluster.get("incident", name)["metadata"].get("annotations", {})
        at, _, user = marks.get(BY[field], " ").partition(" ")
        assert at.endswith("Z") == bool(user)
        return str(user)


def _roles(name: str) -> list[Body]:
    return [
        *role(name, "alice", (OURS, "incidents", RESPOND)),
        *role(name, "bob", (OURS, "incidents", RESPOND)),
        *role(name, "carol", (OURS, "incidents", f"{RESPOND},acknowledge")),
        *role(name, "dave", (OURS, "incidents", f"{RESPOND},resolve")),
        *role(name, "erin", (OURS, "*", "*")),
    ]


def _until_denied(attempt: Callable[[], Answer]) -> None:
    """A policy is in force some moments after it was created."""
    eventually("the policy is in force", lambda: denied(attempt()))


def _ready(room: Room) -> None:
    alice = room.person("alice")
    _until_denied(lambda: alice.creates(incident("a", cause=METRIC), dry_run=True))
    if stamps():
        eventually(
            "authors are recorded",
            lambda: BY["opened"] in allowed(alice.creates(incident("a"), dry_run=True))["metadata"]["annotations"],
        )


@pytest.fixture(scope="module")
def room(_crds: None) -> Iterator[Room]:
    """The policies as they are by default."""
    with fresh_namespace() as name, policies(name):
        found = Room(Cluster(name))
        found.cluster.apply(*_roles(name))
        _ready(found)
        yield found


@pytest.fixture(scope="module")
def strict(_crds: None) -> Iterator[Room]:
    """The policies with verbs, on an API server that records no author."""
    values = ("admission.stampEngagedBy=false", "admission.markEngaged=false", "admission.respondVerbs=true")
    with fresh_namespace() as name, policies(name, *values):
        found = Room(Cluster(name))
        found.cluster.apply(*_roles(name))
        for field in ("acknowledged", "resolved"):
            spec = {field: True}
            _until_denied(lambda spec=spec: found.person("alice").creates(incident("a", **spec), dry_run=True))  # type: ignore[misc] # mypy infers no type for a lambda with a default
        yield found


def _stamping() -> None:
    if not stamps():
        pytest.skip("this API server has no MutatingAdmissionPolicy, so that no author is recorded")


def test_author_of_each_field_is_the_user_of_the_write_that_changed_it(room: Room) -> None:
    _stamping()
    room.opens("authors", note="Looking.")
    bob = room.person("bob")

    allowed(bob.patch("incident", "authors", {"spec": {"acknowledged": True}}))
    allowed(room.person("erin").patch("incident", "authors", {"spec": {"resolved": True, "resolution": "Rolled back"}}))

    fields = ("opened", "note", "acknowledged", "resolved")
    assert [room.author("authors", one) for one in fields] == ["alice", "alice", "bob", "erin"]


def test_author_stays_while_the_value_stays_and_goes_with_the_field(room: Room) -> None:
    _stamping()
    room.opens("stays", acknowledged=True, note="Looking.")
    bob = room.person("bob")

    allowed(bob.patch("incident", "stays", {"spec": {"acknowledged": True, "commander": "bob"}}))
    assert [room.author("stays", one) for one in ("acknowledged", "note")] == ["alice", "alice"]

    allowed(bob.patch("incident", "stays", {"spec": {"acknowledged": None, "note": "Found it."}}))
    assert [room.author("stays", one) for one in ("acknowledged", "note", "opened")] == ["", "bob", "alice"]


def test_author_given_by_a_user_is_replaced_by_the_true_one(room: Room) -> None:
    _stamping()
    room.opens("lie", acknowledged=True)
    bob = room.person("bob")

    allowed(bob.patch("incident", "lie", marked("acknowledged", "2026-01-01T00:00:00Z mallory")))
    allowed(bob.patch("incident", "lie", marked("opened", None)))
    allowed(bob.patch("incident", "lie", {"spec": {"note": "x"}} | marked("note", "2026-01-01T00:00:00Z mallory")))

    assert [room.author("lie", one) for one in ("acknowledged", "opened", "note")] == ["alice", "alice", "bob"]


def test_automatic_incident_has_no_user_who_opened_it(room: Room) -> None:
    allowed(room.operator.creates(incident("automatic", cause=METRIC)))

    assert room.author("automatic", "opened") == ""


def test_only_the_operator_opens_an_incident_with_an_automatic_cause(room: Room) -> None:
    erin = room.person("erin")

    said = denied(erin.creates(incident("forged", cause=METRIC)))

    assert said.startswith("spec.cause.source: only the operator opens an Incident with the cause Metric; leave cause")
    allowed(erin.creates(incident("mine", cause={"source": "Person"}), dry_run=True))


def test_only_the_operator_writes_the_status_of_an_incident(room: Room) -> None:
    room.opens("status")
    forged: Body = {"status": {"phase": "Resolved"}}

    said = denied(room.person("erin").patch("incident", "status", forged, part="/status"))

    assert said.startswith("status: only the operator writes it")
    assert said.endswith("To answer an Incident, patch spec.acknowledged or spec.resolved")
    allowed(room.operator.patch("incident", "status", forged, part="/status"))


def test_owner_of_an_incident_takes_the_right_to_delete_it(room: Room) -> None:
    room.opens("owned")
    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "00000000-0000-0000-0000-000000000000"}
    owned: Body = {"metadata": {"ownerReferences": [gone]}}

    said = denied(room.person("bob").patch("incident", "owned", owned))

    assert said.startswith("metadata.ownerReferences: an owner would delete Incident owned with itself")
    allowed(room.person("erin").patch("incident", "owned", owned, dry_run=True))


def test_everybody_with_patch_answers_incidents_without_the_verb_policies(room: Room) -> None:
    room.opens("plain")

    for spec in ({"acknowledged": True}, {"resolved": True}, {"resolved": None}, {"acknowledged": None}):
        allowed(room.person("bob").patch("incident", "plain", {"spec": spec}))


def test_forged_author_is_denied_where_no_author_is_recorded(strict: Room) -> None:
    strict.opens("forged")
    bob = strict.person("bob")

    said = denied(bob.patch("incident", "forged", marked("opened", "2026-01-01T00:00:00Z mallory")))

    assert said.startswith(
        f"metadata.annotations[{BY['opened']}]: the API server writes it, with the user of the write"
    )
    noted = {"spec": {"note": "x"}} | marked("note", "2026-01-01T00:00:00Z mallory")
    denied(bob.patch("incident", "forged", noted))
    allowed(bob.patch("incident", "forged", {"spec": {"note": "x"}}))
    assert strict.author("forged", "note") == ""


def test_user_without_the_verb_acknowledges_and_resolves_nothing(strict: Room) -> None:
    strict.opens("verbs")
    bob, carol, dave = (strict.person(name) for name in ("bob", "carol", "dave"))

    said = denied(bob.patch("incident", "verbs", {"spec": {"acknowledged": True}}))
    assert said.startswith(
        "spec.acknowledged: bob may not acknowledge Incident verbs; it takes the verb acknowledge, or"
    )
    assert f"kubectl create role acknowledge-incidents -n {strict.cluster.namespace} --verb=get,list,patch,ack" in said
    allowed(carol.patch("incident", "verbs", {"spec": {"acknowledged": True}}))
    denied(bob.patch("incident", "verbs", {"spec": {"acknowledgedFor": "9d"}}))
    allowed(bob.patch("incident", "verbs", {"spec": {"acknowledged": None}}))
    allowed(dave.patch("incident", "verbs", {"spec": {"acknowledged": True}}))

    said = denied(carol.patch("incident", "verbs", {"spec": {"resolved": True}}))
    assert said.startswith(
        "spec.resolved: carol may not resolve Incident verbs; it takes the verb resolve beside patch"
    )
    allowed(dave.patch("incident", "verbs", {"spec": {"resolved": True}}))
    allowed(bob.patch("incident", "verbs", {"spec": {"resolved": None, "note": "It is back."}}))
