"""A lever that moves, in the whole operator: what a person waits for goes before all that only has its time."""

import asyncio

import pytest

from runbook_operator import main
from runbook_operator.io.kube import Body
from runbook_operator.model.refs import API_VERSION, Ref, switch_ref
from runbook_operator.settings import Settings
from tests.builders import NAMESPACE, runbook_body, switch_body
from tests.component.test_resync import ListKube

STOP = switch_ref(NAMESPACE, "shop-stop")


@pytest.mark.parametrize(("before", "after"), [(None, True), (True, None)])
async def test_a_switch_that_is_thrown_or_released_goes_before_everything_that_waits(
    before: bool | None,  # noqa: FBT001 # as spec.engaged has it
    after: bool | None,  # noqa: FBT001
) -> None:
    operator = main.Operator(Settings(), ListKube(), ListKube(), ListKube())
    operator.see("ADDED", runbook_body())
    operator.see("ADDED", at("2", switch_body(engaged=before)))
    operator.wake(Ref(API_VERSION, "Runbook", NAMESPACE, f"r{number}") for number in range(9))

    operator.see("MODIFIED", at("3", switch_body(engaged=after)))
    operator.queue.resume()

    assert await first(operator) == STOP


def at(version: str, body: Body) -> Body:
    return {**body, "metadata": {**body["metadata"], "resourceVersion": version}}


async def first(operator: main.Operator) -> Ref:
    """Which is visited first."""
    visited: asyncio.Queue[Ref] = asyncio.Queue()
    worker = asyncio.create_task(operator.queue.work(visited.put))
    found = await visited.get()
    worker.cancel()
    return found
