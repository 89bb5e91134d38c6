"""The stored Incidents: which objects a change requeues, and the snapshot of one."""

from runbook_operator.cache.snapshot_builder import incident_snapshot
from runbook_operator.cache.store import Store
from runbook_operator.core.references import API_VERSION, Ref, incident_ref, switch_ref
from runbook_operator.incidents.incident_snapshot import Outcome
from tests.builders import NAMESPACE, NOW, Body, runbook_body, switch_body
from tests.incident_bodies import incident_body

RUNBOOK, STOP = Ref(API_VERSION, "Runbook", NAMESPACE, "shop"), switch_ref(NAMESPACE, "shop-stop")
OPEN, OLD = incident_ref(NAMESPACE, "shop-1"), incident_ref(NAMESPACE, "shop-0")
RESOLVED: Body = {"phase": "Resolved", "severity": "SEV1"}


def at(version: str, body: Body, **rest: object) -> Body:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": version}, **rest}


def filled() -> Store:
    """A Runbook with a Switch, an open Incident and a resolved one."""
    store = Store()
    for body in (runbook_body(), switch_body(), incident_body(), incident_body("shop-0", status=RESOLVED)):
        store.put(body)
    return store


def test_changed_status_of_a_runbook_requeues_its_open_incident_only() -> None:
    assert filled().put(at("2", runbook_body(), status={"observedGeneration": 1})) == {OPEN}


def test_new_generation_of_a_runbook_requeues_all_its_incidents() -> None:
    changed = runbook_body()
    changed["metadata"] |= {"resourceVersion": "2", "generation": 2}

    assert filled().put(changed) == {RUNBOOK, STOP, OPEN, OLD}


def test_deleted_runbook_requeues_all_its_incidents() -> None:
    assert filled().drop(RUNBOOK, "rb-1") == {STOP, OPEN, OLD}


def test_changed_switch_requeues_the_open_incident_of_its_runbook() -> None:
    store = filled()

    assert store.put(at("2", switch_body(engaged=True))) == {STOP, RUNBOOK, OPEN}
    assert store.drop(STOP, "uid-stop") == {RUNBOOK, OPEN}


def test_changed_incident_requeues_its_runbook() -> None:
    assert filled().put(at("2", incident_body(acknowledged=True))) == {OPEN, RUNBOOK}


def test_resolved_incident_requeues_the_others_for_their_retention_and_is_not_requeued_by_its_runbook() -> None:
    store = filled()

    assert store.put(at("2", incident_body(status=RESOLVED))) == {OPEN, RUNBOOK, OLD}
    assert store.put(at("3", incident_body(status=RESOLVED, note="late"))) == {OPEN, RUNBOOK}
    assert store.put(at("2", runbook_body(), status={"observedGeneration": 1})) == frozenset()


def test_reopened_incident_is_requeued_by_its_runbook_again() -> None:
    store = filled()
    store.put(at("2", incident_body("shop-0", status={"phase": "Open"})))

    assert store.put(at("2", switch_body(engaged=True))) == {STOP, RUNBOOK, OPEN, OLD}


def test_deleted_incident_requeues_its_runbook_and_leaves_no_trace() -> None:
    store = filled()

    assert store.drop(OPEN, "uid-shop-1") == {RUNBOOK}
    assert store.put(at("2", switch_body(engaged=True))) == {STOP, RUNBOOK}
    assert [one.meta.ref for one in store.incidents_of(RUNBOOK)] == [OLD]


def test_incidents_and_owed_messages_are_counted_by_their_statuses() -> None:
    store = filled()
    delivery = {"id": "a", "event": "opened", "contact": "primary", "channel": "chat", "dueAt": "2026-11-24T03:00:00Z"}
    owed = {"phase": "Open", "deliveries": [delivery, delivery | {"id": "b", "state": "Sent"}]}

    store.put(at("2", incident_body(status=owed)))
    assert +store.incidents.numbers == {("SEV2", "Open"): 1, ("SEV1", "Resolved"): 1}
    assert store.incidents.owed == 1

    store.forget(OPEN)
    assert +store.incidents.numbers == {("SEV1", "Resolved"): 1}
    assert store.incidents.owed == 0


def test_snapshot_has_the_runbook_its_switches_by_entry_and_its_other_incidents() -> None:
    store, outcomes = filled(), {"a": Outcome("Sent", "", "chat")}

    found = incident_snapshot(store, store.incidents.objects[OPEN], NOW, outcomes, "repeats")

    assert found.runbook == store.runbooks[RUNBOOK]
    assert found.switches == {"stop": store.switches[STOP]}
    assert [one.meta.ref for one in found.others] == [OLD]
    assert (found.outcomes, found.unsettled) == (outcomes, "repeats")


def test_snapshot_of_an_incident_without_its_runbook_has_none() -> None:
    store = filled()
    store.forget(RUNBOOK)

    assert incident_snapshot(store, store.incidents.objects[OPEN], NOW, {}, "").runbook is None
