"""A Runbook at every maximum of its schema: what a decision about it and about its switches costs.

Counted are calls of Python functions, which depend on no machine: 70,000 of them take about 50 ms.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from runbook_operator.api.parsing import RunbookObject, parse_runbook, parse_switch
from runbook_operator.cache.snapshot_builder import runbook_snapshot, switch_snapshot
from runbook_operator.core.queries import NeedsRead, Query
from runbook_operator.core.references import Ref, switch_ref
from runbook_operator.core.signals import Signal
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.runbooks import runbook_reconcile as runbooks
from runbook_operator.switches import engine as switches
from tests.builders import NAMESPACE, NOW, Body, Simulation, observed, runbook_body, switch_body

MOST_CALLS = 70_000
LONG = "x" * 1024
ENTRIES = range(32)
QUERY = "(" * 500 + "x > 1" + ")" * 500


def name(letter: str, number: int) -> str:
    return letter * 40 + f"-{number:03}"


def target(number: int) -> str:
    return name("t", number)


def actions(number: int) -> list[Body]:
    return [{"scale": {"target": target(number), "replicas": 0}}] * 8


def metric(number: int) -> Body:
    first = {"firstAction": {"engage": name("k", number % 32)}}
    return {"name": name("m", number), "query": QUERY + f" > {number}", "critical": "> 5%", "response": first}


def largest() -> RunbookObject:
    """As many entries of each list as the CRD lets in, with texts as long as it lets in."""
    check = {"tcp": {"service": {"name": "web"}}}
    window = {"schedule": "*/1 0-23 29 2 *", "duration": "1h", "timeZone": "Europe/Berlin"}
    return parse_runbook(
        runbook_body(
            description=LONG,
            targets=[
                {"name": target(n), "workload": {"name": target(n)}, "service": {"name": target(n)}} for n in ENTRIES
            ],
            killSwitches=[{"name": name("k", n), "description": LONG, "actions": actions(n)} for n in ENTRIES],
            scaling=[{"name": name("s", n), "target": target(n), "by": 1, "description": LONG} for n in ENTRIES],
            metrics=[metric(n) for n in range(64)],
            dependencies=[
                {"name": name("d", n), "purpose": LONG, "check": check, "fallback": {"engage": name("k", n)}}
                for n in ENTRIES
            ],
            healthEndpoints=[{"name": name("h", n), "target": target(n), "path": "/" + "p" * 200} for n in ENTRIES],
            contacts=[{"name": f"c{n}", "role": "x" * 256} for n in range(10)],
            automation={"maintenanceWindows": [window | {"name": f"w{n}"} for n in range(16)]},
        )
    )


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    """The Runbook, its targets and its switches, all of which are heard of by every metric."""
    made, book = Simulation(), largest()
    assert book.spec is not None, book.error
    made.store._runbooks.put(book)
    for number in ENTRIES:
        ref = Ref("apps/v1", "Deployment", NAMESPACE, target(number))
        made.store.put_target(observed(3, uid=f"uid-{number}", ref=ref))
    for entry in book.spec.switches():
        made.store._switches.put(parse_switch(switch_body(entry)))
    signals = tuple(Signal("Metric", name("m", number), "Engage", LONG) for number in range(64))
    for ref in made.store.switches:
        made.store.set_signals(ref, signals)
    return made


def calls(simulation: Simulation, decide: Callable[[dict[Query, Any]], object]) -> list[int]:
    """How many functions each look calls, until all that is asked for was answered."""
    answers: dict[Query, Any] = {}
    found: list[int] = []

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        found[-1] += event == "call"

    while True:
        found.append(0)
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            decide(answers)
        except NeedsRead as needed:
            sys.setprofile(before)
            answers |= {query: simulation.answer(query) for query in needed.queries}
        else:
            return found
        finally:
            sys.setprofile(before)


@pytest.mark.parametrize("thorough", [False, True])
def test_decision_about_the_largest_runbook_has_bounded_cost(simulation: Simulation, *, thorough: bool) -> None:
    (book,) = simulation.store.runbooks.values()

    def decide(answers: dict[Query, Any]) -> object:
        rest: Body = {"monitor_states": {}, "write_histories": {}, "policy": Policy()}
        return runbooks.next_step(
            runbook_snapshot(simulation.store, book, NOW, answers=answers, thorough=thorough, **rest)
        )

    assert max(calls(simulation, decide)) < MOST_CALLS


@pytest.mark.parametrize("engaged", [None, True])
def test_decision_about_a_switch_of_the_largest_runbook_has_bounded_cost(
    simulation: Simulation, *, engaged: bool | None
) -> None:
    entry = name("k", 0)
    thrown = parse_switch(switch_body(entry) | {"spec": {"runbook": "shop", "switch": entry, "engaged": engaged}})
    assert thrown.meta.ref == switch_ref(NAMESPACE, f"shop-{entry}")

    def decide(answers: dict[Query, Any]) -> object:
        rest: Body = {"latency": None, "write_histories": {}, "policy": Policy(), "thorough": True}
        return switches.decided(
            switch_snapshot(simulation.store, thrown, now=NOW, new_id="id", answers=answers, **rest)
        )

    assert max(calls(simulation, decide)) < MOST_CALLS
