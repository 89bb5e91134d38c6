"""Of which switches a throw may have acted without this leader."""

from dataclasses import replace
from typing import Any

from runbook_operator.api.parsing import SwitchObject, parse_switch
from runbook_operator.api.switch import Record
from runbook_operator.cache.unconfirmed_throws import UnconfirmedThrows
from runbook_operator.core.references import switch_ref
from runbook_operator.core.sharding import all_objects
from tests.builders import NAMESPACE, switch_body

STOP = switch_ref(NAMESPACE, "shop-stop")


def switch(generation: int = 1, **status: Any) -> SwitchObject:
    body = switch_body() | {"status": {"prepared": {"engagementId": "a", "generation": 1, "fields": []}} | status}
    body["metadata"]["generation"] = generation
    return parse_switch(body)


def deferred_record() -> SwitchObject:
    """Thrown, and known to be engaged by nobody but this leader."""
    thrown = switch(2)
    record = Record(engagement_id="a", engaged_at="2026-11-24T03:00:00Z")
    return replace(thrown, status=thrown.status.replace(record=record), stored_status=thrown.status)


def test_unread_switch_may_have_acted() -> None:
    assert UnconfirmedThrows().may_have_acted(STOP)


def test_switch_read_at_rest_has_not_acted() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())

    assert not doubts.may_have_acted(STOP)


def test_switch_thrown_before_its_first_read_may_have_acted() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch(2))
    doubts.read(deferred_record())

    assert doubts.may_have_acted(STOP)


def test_own_throw_may_have_acted_until_the_api_server_confirms() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())
    doubts.note_early_write(STOP)
    doubts.note_stored(deferred_record())
    doubts.note_stored(switch(3))
    assert doubts.may_have_acted(STOP)

    doubts.note_stored(switch(3, prepared=None))

    assert not doubts.may_have_acted(STOP)


def test_new_leader_may_not_rely_on_earlier_reads() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())

    doubts.clear(lambda ref: ref != STOP)
    assert not doubts.may_have_acted(STOP)
    doubts.clear(all_objects)

    assert doubts.may_have_acted(STOP)


def test_recreated_switch_counts_as_unread() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())
    doubts.forget(STOP)

    assert doubts.may_have_acted(STOP)


def test_engagement_is_witnessed_after_a_visit_without_one() -> None:
    doubts = UnconfirmedThrows()
    assert not doubts.knows_all_writes(STOP)

    doubts.visited(STOP)
    assert doubts.knows_all_writes(STOP)

    doubts.clear(all_objects)
    assert not doubts.knows_all_writes(STOP)
    doubts.visited(STOP)
    doubts.forget(STOP)
    assert not doubts.knows_all_writes(STOP)
