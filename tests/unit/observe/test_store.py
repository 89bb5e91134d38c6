"""The store: what is newer, who is to look again, what is gone."""

from typing import Any

from runbook_operator.model.refs import API_VERSION, Ref, switch_ref
from runbook_operator.model.seen import absent
from runbook_operator.observe.store import Store
from tests.builders import NAMESPACE, WEB, runbook_body, seen, switch_body

RUNBOOK = Ref(API_VERSION, "Runbook", NAMESPACE, "shop")
STOP = switch_ref(NAMESPACE, "shop-stop")


def at(version: str, body: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": version, **meta}}


def filled() -> Store:
    store = Store()
    store.put(runbook_body())
    store.put(switch_body())
    store.put_target(seen())
    return store


def test_an_older_body_is_ignored_so_that_a_late_watch_cannot_undo_our_own_write() -> None:
    store = filled()
    store.put(at("5", switch_body(engaged=True)))

    assert store.put(at("4", switch_body())) == frozenset()
    assert store.switches[STOP].spec.engaged is True


def test_versions_compare_as_numbers() -> None:
    store = filled()
    store.put(at("9", switch_body()))

    assert store.put(at("10", switch_body(engaged=True))) == {STOP, RUNBOOK}


def test_a_change_of_a_target_wakes_the_runbook_and_its_switches() -> None:
    store = filled()

    assert store.put_target(seen(5, version="2")) == {RUNBOOK, STOP}
    assert store.put_target(seen(5, version="3")) == frozenset()
    assert store.put_target(absent(WEB)) == {RUNBOOK, STOP}
    assert store.put_target(absent(WEB)) == frozenset()


def test_a_new_generation_of_a_runbook_wakes_it_and_its_switches_and_a_status_does_not() -> None:
    store = filled()

    assert store.put(at("2", runbook_body())) == frozenset()
    assert store.put(at("3", runbook_body(), generation=2)) == {RUNBOOK, STOP}


def test_a_target_that_no_runbook_declares_any_more_wakes_nobody() -> None:
    store = filled()
    store.put(at("2", runbook_body(targets=[], killSwitches=[]), generation=2))
    store.drop(STOP, "uid-stop")

    assert store.put_target(seen(9, version="2")) == frozenset()


def test_only_the_object_of_that_uid_is_dropped() -> None:
    store = filled()

    assert store.drop(STOP, "another") == frozenset()
    assert store.drop(STOP, "uid-stop") == {RUNBOOK}
    assert store.forget(STOP) == frozenset()
    assert store.drop(WEB, "web-1") == {RUNBOOK}
    store.put(switch_body())
    assert store.forget(RUNBOOK) == {STOP}
    assert list(store.keys()) == [STOP]


def test_an_object_that_this_version_cannot_read_is_left_alone_and_the_others_are_not() -> None:
    store = filled()
    strange = {**at("5", switch_body("other")), "status": {"phase": "Hovering"}}

    assert store.take(strange) == frozenset()
    assert store.take(at("5", switch_body(engaged=True))) == {STOP, RUNBOOK}


def test_what_is_held_is_listed_by_uid_and_namespace() -> None:
    store = filled()

    assert store.uids(API_VERSION, "Switch", "") == {"uid-stop": STOP}
    assert store.uids("apps/v1", "Deployment", "elsewhere") == {}
