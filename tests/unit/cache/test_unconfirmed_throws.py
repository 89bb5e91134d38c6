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


def test_before_a_leader_has_read_a_switch_anything_may_have_been_done() -> None:
    assert UnconfirmedThrows().may_have_acted(STOP)


def test_what_it_has_read_at_rest_is_thrown_under_its_eyes() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())

    assert not doubts.may_have_acted(STOP)


def test_what_was_thrown_before_it_was_read_may_have_acted() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch(2))
    doubts.read(deferred_record())

    assert doubts.may_have_acted(STOP)


def test_what_it_has_begun_itself_may_have_acted_until_the_api_server_says_so() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())
    doubts.note_early_write(STOP)
    doubts.note_stored(deferred_record())
    doubts.note_stored(switch(3))
    assert doubts.may_have_acted(STOP)

    doubts.note_stored(switch(3, prepared=None))

    assert not doubts.may_have_acted(STOP)


def test_who_leads_anew_knows_nothing() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())

    doubts.clear(lambda ref: ref != STOP)
    assert not doubts.may_have_acted(STOP)
    doubts.clear(all_objects)

    assert doubts.may_have_acted(STOP)


def test_one_of_the_name_that_is_made_anew_was_never_read() -> None:
    doubts = UnconfirmedThrows()
    doubts.read(switch())
    doubts.forget(STOP)

    assert doubts.may_have_acted(STOP)


def test_engagement_is_witnessed_by_who_has_visited_the_switch_without_one() -> None:
    doubts = UnconfirmedThrows()
    assert not doubts.knows_all_writes(STOP)

    doubts.visited(STOP)
    assert doubts.knows_all_writes(STOP)

    doubts.clear(all_objects)
    assert not doubts.knows_all_writes(STOP)
    doubts.visited(STOP)
    doubts.forget(STOP)
    assert not doubts.knows_all_writes(STOP)
