"""The store: what is newer, who is to look again, what is gone."""

from typing import Any

from runbook_operator.api.parsing import SwitchObject, parse_switch
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.cache.store import Store
from runbook_operator.core.observed_object import absent
from runbook_operator.core.references import API_VERSION, Ref, switch_ref
from tests.builders import NAMESPACE, WEB, observed, runbook_body, switch_body

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
STOP = switch_ref(NAMESPACE, "shop-stop")


def at(version: str, body: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": version, **meta}}


def filled() -> Store:
    store = Store()
    store.put(runbook_body())
    store.put(switch_body())
    store.put_target(observed())
    return store


def test_older_body_is_ignored_after_our_own_write() -> None:
    store = filled()
    store.put(at("5", switch_body(engaged=True)))

    assert store.put(at("4", switch_body())) == frozenset()
    assert store.switches[STOP].spec.engaged is True


def test_resource_versions_are_compared_as_numbers() -> None:
    store = filled()
    store.put(at("9", switch_body()))

    assert store.put(at("10", switch_body(engaged=True))) == {STOP, RUNBOOK}


def test_changed_target_wakes_runbook_and_switches() -> None:
    store = filled()

    assert store.put_target(observed(5, version="2")) == {RUNBOOK, STOP}
    assert store.put_target(observed(5, version="3")) == frozenset()
    assert store.put_target(absent(WEB)) == {RUNBOOK, STOP}
    assert store.put_target(absent(WEB)) == frozenset()


def test_new_runbook_generation_wakes_switches_and_a_status_change_does_not() -> None:
    store = filled()

    assert store.put(at("2", runbook_body())) == frozenset()
    assert store.put(at("3", runbook_body(), generation=2)) == {RUNBOOK, STOP}


def test_ended_hold_wakes_unprepared_switches_of_the_target() -> None:
    store, half = filled(), switch_ref(NAMESPACE, "shop-half")
    ready = {"engagementId": "a", "generation": 1, "fields": []}
    store.put(switch_body("half"))
    store.put(switch_body("up") | {"status": {"prepared": ready}})
    held = holding(("apps/v1", "Deployment", "web"))
    store.put(at("2", held))

    assert store.put(at("3", switch_body())) == {STOP, RUNBOOK, half}
    store.put(at("4", held))
    assert store.drop(STOP, "uid-stop") == {RUNBOOK, half}


def test_undeclared_target_wakes_no_object() -> None:
    store = filled()
    store.put(at("2", runbook_body(targets=[], killSwitches=[]), generation=2))
    store.drop(STOP, "uid-stop")

    assert store.put_target(observed(9, version="2")) == frozenset()


def test_drop_removes_only_the_object_of_that_uid() -> None:
    store = filled()

    assert store.drop(STOP, "another") == frozenset()
    assert store.drop(STOP, "uid-stop") == {RUNBOOK}
    assert store.forget(STOP) == frozenset()
    assert store.drop(WEB, "web-1") == {RUNBOOK}
    store.put(switch_body())
    assert store.forget(RUNBOOK) == {STOP}
    assert list(store.keys()) == [STOP]


def test_unreadable_object_is_ignored_and_others_are_stored() -> None:
    store = filled()
    strange = {**at("5", switch_body("other")), "status": {"phase": "Hovering"}}

    assert store.take(strange) == frozenset()
    assert store.take(at("5", switch_body(engaged=True))) == {STOP, RUNBOOK}


def test_stored_objects_are_listed_by_uid_and_namespace() -> None:
    store = filled()

    assert store.uids(API_VERSION, "Switch", "") == {"uid-stop": STOP}
    assert store.uids("apps/v1", "Deployment", "elsewhere") == {}


def holding(*names: tuple[str, str, str]) -> dict[str, Any]:
    """The switch with a record of these objects: apiVersion, kind and name."""
    actions = [
        {"action": "runJob", "apiVersion": api, "kind": kind, "name": name, "result": "Pending"}
        for api, kind, name in names
    ]
    record = {"engagementId": "id-1", "engagedAt": "2026-11-24T03:00:00Z", "actions": actions}
    return {**switch_body(), "status": {"record": record}}


def test_object_neither_held_nor_declared_is_unreferenced() -> None:
    store = filled()
    job = Ref("batch/v1", "Job", NAMESPACE, "job")
    declared = Ref("v1", "ConfigMap", NAMESPACE, "flags")
    targets = [{"name": "web", "workload": {"name": "web"}, "flags": {"configMap": "flags"}}]
    store.put(at("2", runbook_body(targets=targets), generation=2))
    store.put(at("2", holding(("batch/v1", "Job", "job"))))
    assert store.unreferenced([job, declared, WEB]) == []

    store.put(at("3", switch_body()))

    assert store.unreferenced([job, declared, WEB]) == [job]


def test_event_and_unplanned_action_are_not_held_kinds() -> None:
    store = filled()

    store.put(at("2", holding(("v1", "Event", "told"), ("", "runJob", ""), ("batch/v1", "Job", "job"))))

    assert store.held_kinds() == {("batch/v1", "Job", NAMESPACE)}


def test_older_read_does_not_replace_a_newer_event() -> None:
    store = Store()
    store.put_target(observed(3, version="9"))

    store.learn(observed(5, version="8"))
    assert store.targets[WEB] == observed(3, version="9")
    store.learn(observed(5, version="10"))
    assert store.targets[WEB] == observed(5, version="10")
    store.learn(observed(1, uid="another", version="2"))
    assert store.targets[WEB] == observed(1, uid="another", version="2")


def test_runbook_concerns_its_own_named_and_target_sharing_switches() -> None:
    store = filled()
    another = runbook_body(killSwitches=[])
    store.put(at("2", another, name="cart", uid="uid-cart"))
    store.put(at("3", runbook_body(targets=[], killSwitches=[]), name="far", uid="uid-far"))
    for name, runbook in (("cart-half", "cart"), ("far-off", "far"), ("shop-taken", "far")):
        body = switch_body()
        store.put({**at("4", body, name=name, uid=name), "spec": {"runbook": runbook, "switch": "x"}})

    found = store.concerned(store.runbooks[RUNBOOK], ["shop-stop", "shop-taken", "shop-missing"])

    assert sorted(found) == ["cart-half", "shop-stop", "shop-taken"]


def test_only_switches_with_a_record_are_engaged() -> None:
    store = filled()
    assert store.engaged(NAMESPACE) == {}

    store.put(at("2", holding(("apps/v1", "Deployment", "web"))))
    assert list(store.engaged(NAMESPACE)) == [STOP]
    store.put(at("3", switch_body()))

    assert store.engaged(NAMESPACE) == {}


def test_deferred_status_is_visible_until_another_write_arrives() -> None:
    store = filled()
    held = parse_switch(holding(("apps/v1", "Deployment", "web"))).status

    store.defer_status(STOP, held)
    assert (store.switches[STOP].status, store.switches[STOP].written) == (held, SwitchStatus())
    assert store.is_held(WEB)
    store.defer_status(STOP, held.replace(phase="Engaged"))
    assert store.switches[STOP].written == SwitchStatus()
    store.put(at("2", switch_body(), generation=2))
    assert (store.switches[STOP].status.phase, store.switches[STOP].written) == ("Engaged", SwitchStatus())
    assert store.is_held(WEB)

    store.put(at("3", switch_body() | {"status": {"phase": "Stalled"}}))

    assert store.switches[STOP].stored_status is None
    assert not store.is_held(WEB)


def test_recreated_switch_drops_the_deferred_status() -> None:
    store = filled()
    store.defer_status(STOP, parse_switch(holding(("apps/v1", "Deployment", "web"))).status)

    store.put(at("2", switch_body(), uid="another"))

    assert store.switches[STOP].status == SwitchStatus()


def test_prepared_switch_with_a_newer_generation_may_be_engaged() -> None:
    store = filled()
    prepared = {"engagementId": "a", "generation": 1, "fields": []}

    store.put(at("2", switch_body() | {"status": {"prepared": prepared}}))
    assert store.engaged(NAMESPACE) == {}
    store.put(at("3", switch_body() | {"status": {"prepared": prepared}}, generation=2))

    assert list(store.engaged(NAMESPACE)) == [STOP]


def test_trait_counts_update_on_change_and_not_on_read() -> None:
    store, asked = filled(), list[str]()

    def is_thrown(switch: SwitchObject) -> bool:
        asked.append(switch.meta.ref.name)
        return switch.spec.engaged is True

    thrown, found = store.count(is_thrown), []
    for body in (switch_body("up", engaged=True), at("2", switch_body(engaged=True)), at("3", switch_body())):
        found.append(thrown())
        store.put(body)
    found.append(thrown())
    store.drop(switch_ref(NAMESPACE, "shop-up"), "uid-up")

    assert (*found, thrown()) == (0, 1, 2, 1, 0)
    assert asked == ["shop-stop", "shop-up", "shop-stop", "shop-stop"]
