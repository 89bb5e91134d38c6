"""Of which switches a throw may have acted without this leader."""

from dataclasses import replace
from typing import Any

from runbook_operator.api.parsing import SwitchObject, parse_switch
from runbook_operator.api.switch import Record
from runbook_operator.cache.unconfirmed_throws import Doubts
from runbook_operator.core.references import switch_ref
from runbook_operator.core.sharding import everybody
from tests.builders import NAMESPACE, switch_body

STOP = switch_ref(NAMESPACE, "shop-stop")


def switch(generation: int = 1, **status: Any) -> SwitchObject:
    body = switch_body() | {"status": {"prepared": {"engagementId": "a", "generation": 1, "fields": []}} | status}
    body["metadata"]["generation"] = generation
    return parse_switch(body)


def foreseen() -> SwitchObject:
    """Thrown, and known to be engaged by nobody but this leader."""
    thrown = switch(2)
    record = Record(engagement_id="a", engaged_at="2026-11-24T03:00:00Z")
    return replace(thrown, status=thrown.status.replace(record=record), told=thrown.status)


def test_before_a_leader_has_read_a_switch_anything_may_have_been_done() -> None:
    assert Doubts().may_have_acted(STOP)


def test_what_it_has_read_at_rest_is_thrown_under_its_eyes() -> None:
    doubts = Doubts()
    doubts.read(switch())

    assert not doubts.may_have_acted(STOP)


def test_what_was_thrown_before_it_was_read_may_have_acted() -> None:
    doubts = Doubts()
    doubts.read(switch(2))
    doubts.read(foreseen())

    assert doubts.may_have_acted(STOP)


def test_what_it_has_begun_itself_may_have_acted_until_the_api_server_says_so() -> None:
    doubts = Doubts()
    doubts.read(switch())
    doubts.foresee(STOP)
    doubts.told(foreseen())
    doubts.told(switch(3))
    assert doubts.may_have_acted(STOP)

    doubts.told(switch(3, prepared=None))

    assert not doubts.may_have_acted(STOP)


def test_who_leads_anew_knows_nothing() -> None:
    doubts = Doubts()
    doubts.read(switch())

    doubts.clear(lambda ref: ref != STOP)
    assert not doubts.may_have_acted(STOP)
    doubts.clear(everybody)

    assert doubts.may_have_acted(STOP)


def test_one_of_the_name_that_is_made_anew_was_never_read() -> None:
    doubts = Doubts()
    doubts.read(switch())
    doubts.forget(STOP)

    assert doubts.may_have_acted(STOP)


def test_engagement_is_witnessed_by_who_has_visited_the_switch_without_one() -> None:
    doubts = Doubts()
    assert not doubts.witnessed(STOP)

    doubts.visited(STOP)
    assert doubts.witnessed(STOP)

    doubts.clear(everybody)
    assert not doubts.witnessed(STOP)
    doubts.visited(STOP)
    doubts.forget(STOP)
    assert not doubts.witnessed(STOP)
