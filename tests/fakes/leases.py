"""Leases in memory, and replicas that share shards by them, on a clock that the test moves.

Left out: every other object, pages and watches.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.kube import errors
from runbook_operator.leadership.lease_election import Terms
from runbook_operator.leadership.shard_election import ShardElector

Body = dict[str, Any]


@dataclass
class FakeLeases:
    """As the API server keeps them: one version after the other for all. Left out: everything else, pages among it.

    `broken` are methods, and names of Leases, about which no answer comes. `before` are done once before the next
    request of that method, as by somebody who is sooner.
    """

    leases: dict[str, Body] = field(default_factory=dict)
    version: int = 0
    broken: set[str] = field(default_factory=set)
    before: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)

    async def items(self, path: str) -> AsyncIterator[Body]:
        await self._fail("LIST", _name(path))
        for lease in list(self.leases.values()):
            yield {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"} | lease

    async def get(self, path: str) -> Body:
        await self._fail("GET")
        if (name := _name(path)) not in self.leases:
            raise errors.NotFoundError(name)
        return self.leases[name]

    async def create(self, path: str, body: Body) -> Body:
        del path
        name = body["metadata"]["name"]
        await self._fail("POST", name)
        if name in self.leases:
            raise errors.AlreadyExistsError(name)
        return self._store(name, body | {"metadata": {**body["metadata"], "uid": f"{name}-{self.version}"}})

    async def replace(self, path: str, body: Body) -> Body:
        await self._fail("PUT", _name(path))
        self._check(_name(path), body["metadata"]["resourceVersion"])
        return self._store(_name(path), body)

    async def request(self, method: str, path: str, body: Body) -> Body:
        await self._fail(method, _name(path))
        known, name = body["preconditions"], _name(path)
        self._check(name, known["resourceVersion"])
        assert self.leases[name]["metadata"]["uid"] == known["uid"]
        self.writes.append(name)
        return self.leases.pop(name)

    def holder(self, name: str) -> str:
        found: str = self.leases[name]["spec"]["holderIdentity"]
        return found

    def _store(self, name: str, body: Body) -> Body:
        self.version += 1
        self.writes.append(name)
        self.leases[name] = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}
        return self.leases[name]

    def _check(self, name: str, version: str) -> None:
        if name not in self.leases:
            raise errors.NotFoundError(name)
        if self.leases[name]["metadata"]["resourceVersion"] != version:
            raise errors.ConflictError(name)

    async def _fail(self, method: str, name: str = "") -> None:
        if (sooner := self.before.pop(method, None)) is not None:
            await sooner()
        if {method, name} & self.broken:
            raise errors.UnavailableError("no answer")


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Replica:
    """One of several whose turns the test takes."""

    kube: FakeLeases
    clock: Clock
    name: str
    shards: int = 8
    told: list[tuple[str, frozenset[int]]] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)
    paused: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = ShardElector(
            self.kube,  # type: ignore[arg-type] # the fake has the calls that are made
            Terms("ns", "op", self.name, lease=4, renew_deadline=3, retry=1),
            self.shards,
            lambda shards: self.told.append(("started", shards)),
            lambda shards: self.told.append(("stopped", shards)),
            lambda: self.paused.append(True),
            lambda: self.paused.append(False),
            self.busy.__contains__,
            5.0,
            self.clock,
        )

    @property
    def held(self) -> frozenset[int]:
        return self.shares.held

    async def turn(self) -> frozenset[int]:
        async with self.shares._rounds:
            await self.shares._round()
        self.shares._notify()
        return self.held

    def is_told(self) -> frozenset[int]:
        """What it was told to lead and not yet told to stop leading; nothing while it was told to pause."""
        led: frozenset[int] = frozenset()
        for what, shards in self.told:
            assert not (led & shards if what == "started" else shards - led), "each is told once"
            led = led | shards if what == "started" else led - shards
        return frozenset() if self.paused[-1:] == [True] else led


def _name(path: str) -> str:
    return path.rpartition("/")[2]
