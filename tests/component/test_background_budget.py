"""Requests that no person waits for, and a throw meanwhile."""

import asyncio
from contextlib import AsyncExitStack

from runbook_operator.runtime.background_budget import MOST
from tests.fakes.faulty_kube import DEPLOYMENT
from tests.fakes.rig import STOP, Rig


async def test_full_budget_does_not_delay_a_throw() -> None:
    rig, written = Rig(), asyncio.Event()

    def note(_method: str, path: str) -> None:
        if path == f"{DEPLOYMENT}/scale":
            written.set()

    rig.kube.after = note
    everything = rig.budget.share(MOST)
    async with AsyncExitStack() as held:
        for _ in range(MOST):
            await held.enter_async_context(everything)
        visit = asyncio.create_task(rig.reconciler.visit(STOP))
        await written.wait()

        assert rig.kube.replicas == 0
    await visit


async def test_close_look_waits_for_a_turn_of_the_budget() -> None:
    rig = Rig()
    rig.release()
    everything = rig.budget.share(MOST)
    async with AsyncExitStack() as held:
        for _ in range(MOST):
            await held.enter_async_context(everything)
        look = asyncio.create_task(rig.reconciler.visit(STOP))
        await asyncio.wait({look}, timeout=0.2)
        assert not look.done()
    await look
