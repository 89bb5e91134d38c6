"""A thousand failovers: in lanes side by side, each throws a switch and loses its leader at any moment of it."""

import asyncio
import json
import os
import random
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest

from runbook_operator.runtime import gc_tuning
from runbook_operator.settings import Settings
from tests.e2e import account, api
from tests.e2e.harness import Body, deployment, fresh_namespace, runbook
from tests.faults.inprocess import Replica, Turn
from tests.patience import Patience, limit

FAILOVERS = int(os.environ.get("RUNBOOK_TEST_FAILOVERS", "1000"))
TURNS = 1
"""So many looks at the leases half of the takeovers need at most, from when the lost ones are known to have lapsed."""
LATEST = 60.0
"""Seconds after which something that was thrown counts as lost; twenty replicas share one loop here."""
LOOK = 0.1
"""Seconds between two looks at the API server, which has ten lanes to serve."""
NO_PODS: Body = {"kind": "ResourceQuota", "metadata": {"name": "no-pods"}, "spec": {"hard": {"pods": "0"}}}
"""Pods are nothing that this is about, and thousands of them would come and go."""
MOMENTS = 0.06
"""Seconds after the throw within which the leader is lost: what a throw takes, and a little more."""


@dataclass(frozen=True)
class Load:
    """How many failovers in how many lanes, and the leases.

    A lease must outlast a turn many times over. All replicas share one loop here, where a turn over four shards takes a
    second on a busy machine: then a lease of one second ends before its renewal is read, and nobody ever leads.
    """

    failovers: int
    lanes: int
    shards: int
    lease: float
    retry: float


ALONE = Load(FAILOVERS, lanes=10, shards=1, lease=2.0, retry=0.2)
SHARED = Load(FAILOVERS // 5, lanes=5, shards=4, lease=4.0, retry=0.4)


@dataclass
class Lane:
    """A namespace with two replicas, of which the one that leads there is lost again and again.

    With shards the one that follows has half of them taken away by the one that comes anew, at any moment too.
    """

    namespace: str
    session: aiohttp.ClientSession
    seed: int
    load: Load
    replicas: list[Replica] = field(default_factory=list)
    takeovers: dict[str, list[float]] = field(default_factory=lambda: {"crash": [], "stop": []})
    turns: dict[str, list[int]] = field(default_factory=lambda: {"crash": [], "stop": []})

    async def prepare(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 # a sequence that can be repeated
        await self.post("resourcequota", NO_PODS)
        await self.post("deployment", deployment("web", 0))
        await self.post("deployment", deployment("api", 3))
        self.replicas = [await self.replica(), await self.replica()]
        spec: Body = {
            "targets": [{"name": name, "workload": {"name": name}} for name in ("web", "api")],
            "killSwitches": [{"name": "stop", "actions": [{"scale": {"target": "api", "replicas": 0}}]}],
            "scaling": [{"name": "up", "target": "web", "by": 1}],
        }
        await self.post("runbook", runbook(**spec))
        for name in ("shop-stop", "shop-up"):
            await self.until(f"{name} is Ready", lambda name=name: self.is_ready(name))

    async def replica(self) -> Replica:
        settings = Settings(
            namespaces=(self.namespace,),
            lease_namespace=self.namespace,
            lease_seconds=self.load.lease,
            renew_deadline_seconds=self.load.lease * 0.8,
            retry_seconds=self.load.retry,
            http_port=0,
            shards=self.load.shards,
        )
        one = Replica(settings, str(self.session._base_url))
        await one.start()
        return one

    async def lose_the_leader(self, number: int) -> None:
        """One throw of each switch, and the leader gone in the middle of it."""
        leader = await self.until("somebody leads", self.leader, 0.02)
        await self.patch("shop-up", {"engaged": True, "reason": f"throw {number}"})
        await self.patch("shop-stop", {"engaged": True if number % 2 else None})
        await asyncio.sleep(self.random.uniform(0, MOMENTS))
        self.replicas.remove(leader)
        how = "crash" if number % 3 else "stop"
        await (leader.crash() if how == "crash" else leader.stop())
        lost = time.monotonic()
        taker = await self.until(f"somebody leads after failover {number}", self.leader, 0.02)
        self.takeovers[how].append(time.monotonic() - lost)
        self.turns[how].append(turns_until_led(taker.turns, lost, self.load.lease if how == "crash" else 0))
        self.replicas.append(await self.replica())
        await self.until(f"failover {number} is done", lambda: self.is_done(number))

    async def leader(self) -> Replica | None:
        return next((one for one in self.replicas if one.leading), None)

    async def is_done(self, number: int) -> bool:
        """Both switches are where the person wants them, and so are their targets."""
        up = await self.get("switch", "shop-up")
        if "engaged" in up["spec"] or "record" in up["status"]:
            return False
        stop = await self.get("switch", "shop-stop")
        if stop["status"]["phase"] != ("Engaged" if number % 2 else "Released"):
            return False
        web, held = await self.get("deployment", "web"), await self.get("deployment", "api")
        assert web["spec"]["replicas"] == number, "every throw adds one, and none adds two"
        assert held["spec"]["replicas"] == (0 if number % 2 else 3)
        assert {over["outcome"] for over in stop["status"].get("history", [])} <= {"Deployment/api back to 3"}
        return True

    async def is_ready(self, name: str) -> bool:
        async with self.session.get(api.path("switch", self.namespace, name)) as answer:
            found = await answer.json() if answer.status == HTTPStatus.OK else {}
        return any(one["reason"] == "Ready" for one in found.get("status", {}).get("conditions", []))

    async def release(self) -> None:
        await self.patch("shop-stop", {"engaged": None})
        await self.until("the switch is released", self.is_released)

    async def is_released(self) -> bool:
        return bool((await self.get("switch", "shop-stop"))["status"]["phase"] == "Released")

    async def until(self, what: str, check: Any, look: float = LOOK) -> Any:
        patience = Patience(LATEST)
        while not patience.is_over:
            if found := await check():
                limit.restart()
                return found
            await asyncio.sleep(look)
        pytest.fail(
            f"{self.namespace}: {what} not within {LATEST:.0f} s of a machine that keeps up\n{await self.state()}"
        )

    async def state(self) -> str:
        """Everything that a reader needs to find out who waits for whom."""
        kinds = ("switch", "deployment", "runbook", "lease")
        found = {kind: await self.get(kind) for kind in kinds}
        turns = [(one.leading, one.turns[-3:]) for one in self.replicas]
        return json.dumps({"now": time.monotonic(), "turns": turns, "objects": found}, indent=1, default=str)

    async def get(self, kind: str, name: str = "") -> Body:
        async with self.session.get(api.path(kind, self.namespace, name)) as answer:
            found: Body = await answer.json()
            return found

    async def post(self, kind: str, body: Body) -> None:
        async with self.session.post(api.path(kind, self.namespace), json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def patch(self, name: str, spec: Body) -> None:
        headers = {"Content-Type": "application/merge-patch+json"}
        where = api.path("switch", self.namespace, name)
        async with self.session.patch(where, json={"spec": spec}, headers=headers) as answer:
            assert answer.status < 300, await answer.text()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("load", [ALONE, SHARED], ids=["one-shard", "four-shards"])
@pytest.mark.usefixtures("_crds")
async def test_thousand_failovers_repeat_and_lose_no_write(
    record_property: Any, monkeypatch: pytest.MonkeyPatch, load: Load
) -> None:
    # The client reads the environment when it is imported.
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(account.KUBECONFIG))
    # An operator takes what it has at its start out of the collector's looks for ever, being the only one in its
    # process. Here a thousand and more start in one, and each that crashed would stay with all that it knew.
    monkeypatch.setattr(gc_tuning, "settle", lambda: None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{api.proxy()}") as session:
        lanes = await read_together(run(session, seed, load) for seed in range(load.lanes))

    crashes = sorted(took for lane in lanes for took in lane.takeovers["crash"])
    stops = sorted(took for lane in lanes for took in lane.takeovers["stop"])
    turns = {how: sorted(took for lane in lanes for took in lane.turns[how]) for how in ("crash", "stop")}
    record_property("failovers", {"crash": crashes, "stop": stops, "turns": turns})
    assert len(crashes) + len(stops) >= load.failovers
    # In turns and not in seconds: one loop has all the lanes, and shares the machine with other tests. The seconds that
    # users are promised are those of test_failover, with processes of their own.
    for how, took in turns.items():
        assert took[len(took) // 2] <= TURNS, how


def turns_until_led(turns: list[Turn], lost: float, lapse: float) -> int:
    """Those of a replica that leads by now, from when it knew that nobody had led for `lapse` seconds."""
    first = next((number for number in range(len(turns), 0, -1) if not turns[number - 1].leads), 0)
    waited = [turn for turn in turns[: first + 1] if turn.began >= lost]
    known = waited[0].ended + lapse if waited and lapse else lost
    return sum(turn.began >= known for turn in waited)


async def run(session: aiohttp.ClientSession, seed: int, load: Load) -> Lane:
    with fresh_namespace() as namespace:
        lane = Lane(namespace, session, seed, load)
        try:
            await lane.prepare()
            for number in range(1, -(-load.failovers // load.lanes) + 1):
                await lane.lose_the_leader(number)
            await lane.release()
        finally:
            for one in lane.replicas:
                await one.crash()
        return lane


async def read_together(lanes: Iterable[Coroutine[Any, Any, Lane]]) -> list[Lane]:
    """Run the lanes side by side. When one fails, end the others before the test reports it."""
    tasks = [asyncio.create_task(lane) for lane in lanes]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
