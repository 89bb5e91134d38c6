"""Shards for replicas that share the work: each replica holds some, and only it acts on the objects in them.

There are three kinds of Leases. The layout Lease records how many shards there are (shard_layout_lease.py). Each
replica renews one Lease of its own; while it does, by its own clock and no longer, it keeps its shards. Each shard has
a Lease that names its holder and is written only when the holder changes, so that shards at rest cost nothing.

A replica counts as dead if another one has read no renewal of it for the duration of a lease. The other replica then
deletes its Lease, with its resourceVersion as precondition, and its shards are free. If it is alive, its next renewal
fails, and it has no shards any more.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import structlog

from runbook_operator.core.sharding import ShardChanges, next_changes, shard_of
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.leadership.lease_client import Lease, Leases, epoch_of, holder_of
from runbook_operator.leadership.lease_election import ElectionLoop, Terms
from runbook_operator.leadership.shard_layout_lease import Layout
from runbook_operator.runtime import clock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
HURRY = 10
"""While shards change hands, leases are read this many times as often as a Lease is renewed."""
AT_ONCE = 32
"""Maximum number of shards taken or released in one turn: the next renewal must not wait for long."""
EARLY = 0.9
"""A turn renews after this fraction of the renewal period: the next turn might be late."""
OnShards = Callable[[frozenset[int]], None]


@dataclass
class ShardElector(ElectionLoop):
    """Takes and releases shards. `started` and `stopped` get the shards that begin and end to be led.

    `paused` is called when a renewal is late, so that nothing may be written although no other replica has the shards.
    `resumed` is called when that is over, also if the shards are lost. `is_busy` is True if an object of a shard is
    being visited: such visits are finished before the shard is released, within `finish` seconds.
    """

    kube: Kube
    terms: Terms
    shards: int
    started: OnShards
    stopped: OnShards
    paused: Callable[[], None]
    resumed: Callable[[], None]
    is_busy: Callable[[int], bool]
    finish: float
    monotonic: Callable[[], float] = clock.monotonic
    contact: float = field(default=-math.inf)
    _fence: float = field(default=-math.inf)
    _due: float = field(default=-math.inf)
    """The time at which this replica must renew its Lease."""
    _held: set[int] = field(default_factory=set)
    """The shards of this replica: it has written itself into their Leases since it has a Lease of its own."""
    _epochs: dict[int, int] = field(default_factory=dict)
    """The epoch of each shard that this replica has ever held, as of when it last took it."""
    _leaving: dict[int, float] = field(default_factory=dict)
    """The shards that are being released, and the deadline for the visits in them."""
    _notified: frozenset[int] = frozenset()
    _lapsed: bool = False
    """True after `paused`, until `resumed`."""
    _unsettled: bool = False

    def __post_init__(self) -> None:
        self._leases = Leases(self.kube, self.terms.namespace, self.terms.lease, self.monotonic)
        self._layout = Layout(self._leases, self.terms, self.shards)
        digest = blake2b(self.terms.identity.encode(), digest_size=6).hexdigest()
        self._replicas = f"{self.terms.name}-replica-"
        self._name = f"{self._replicas}{self.shards}-{digest}"

    @property
    def held(self) -> frozenset[int]:
        """The shards in which this replica may write now."""
        return frozenset(self._held) if self._is_there else frozenset()

    @property
    def leading(self) -> bool:
        """True if this replica may write anywhere."""
        return bool(self.held)

    def leads(self, namespace: str) -> bool:
        """True if this replica may write in the namespace now. For cluster-scoped objects any shard is enough."""
        return self._is_there and (shard_of(namespace, self.shards) in self._held if namespace else bool(self._held))

    def is_at_work(self, namespace: str) -> bool:
        """True if work may begin in the namespace: `started` was called for its shard, which is not being released."""
        shard = shard_of(namespace, self.shards)
        return shard in self._notified and shard not in self._leaving

    def epoch_of(self, namespace: str) -> int:
        """Return the epoch of the namespace's shard as of when this replica last took it; 0 if it never did."""
        return self._epochs.get(shard_of(namespace, self.shards), 0)

    @property
    def _is_there(self) -> bool:
        return self.monotonic() < min(self._fence, self._layout.fence)

    async def release(self) -> None:
        """Release all shards at once, by deleting the Lease of this replica."""
        self._over = True
        async with self._rounds:
            self._drop(set(self._held))
            self._fence = -math.inf
            try:
                own = (await self._leases.all()).get(self._name)
                if own is not None:
                    await self._leases.remove(own)
            except errors.ApiError as error:
                log.warning(
                    "the shards were not released; other replicas take them once their leases expire",
                    error=str(error),
                )

    def _pause(self) -> float:
        """Return the seconds until the next read.

        It is half the renewal interval, less while shards change hands or if a Lease expires sooner.
        """
        if self._unsettled:
            return self.terms.retry / HURRY
        return min(self.terms.retry / 2, self._leases.soonest(self.terms.name))

    async def _round(self) -> None:
        asked, self._unsettled = self.monotonic(), False
        try:
            async with asyncio.timeout(self.terms.renew_deadline):
                leases = await self._leases.all()
                self.contact = self.monotonic()
                if await self._keeps_layout(leases, asked) and await self._renew(leases):
                    self._unsettled = not await self._bury(leases) or await self._settle(leases)
        except (errors.ApiError, TimeoutError) as error:
            log.warning("the leases could not be renewed or read", error=str(error) or type(error).__name__)

    async def _keeps_layout(self, leases: dict[str, Lease], asked: float) -> bool:
        """Keep the layout Lease. The first replica by name renews it; the others do if it is late."""
        first = min((name for name in leases if name.startswith(self._replicas)), default="") == self._name
        epoch, patience = self._layout.epoch, self.terms.retry * (EARLY if first else 1 + EARLY / 2)
        ours = await self._layout.is_kept_by(leases.get(self.terms.name), asked, patience)
        if not ours or self._layout.epoch != epoch:
            self._drop(set(self._held))
        return ours

    async def _renew(self, leases: dict[str, Lease]) -> bool:
        """Renew this replica's Lease if due. If it was deleted, others may be taking its shards: drop them."""
        own = leases.get(self._name)
        if own is None:
            self._drop(set(self._held))
        elif self.monotonic() < self._due:
            return True
        began = self.monotonic()
        if (renewed := await self._leases.put(self._name, own, self.terms.identity)) is None:
            self._drop(set(self._held))
            return False
        self._fence, self._due = began + self.terms.renew_deadline, began + EARLY * self.terms.retry
        leases[self._name] = renewed
        return True

    async def _bury(self, leases: dict[str, Lease]) -> bool:
        """Delete expired replica Leases; return False if another replica was first and all must be read again."""
        others = [name for name in leases if name.startswith(self._replicas) and name != self._name]
        dead = [leases.pop(name) for name in others if self._leases.seconds_left(name) < 0]
        return all(await _all(self._leases.remove(lease) for lease in dead))

    async def _settle(self, leases: dict[str, Lease]) -> bool:
        """Take and release shards to make the shares even; return True if more turns are needed."""
        now = {shard: leases.get(self._lease(shard)) for shard in range(self.shards)}
        own = {shard for shard, lease in now.items() if holder_of(lease) == self.terms.identity}
        self._drop(self._held - own)
        if self._stopping:
            return False
        same = (lease for name, lease in leases.items() if name.startswith(f"{self._replicas}{self.shards}-"))
        wish = next_changes(self.terms.identity, [*map(holder_of, now.values())], frozenset(map(holder_of, same)))
        self._prepare(wish, own)
        done = set([shard for shard in self._leaving if self._is_done(shard)][:AT_ONCE])
        self._drop(done)
        await _all(self._give(shard, now[shard]) for shard in sorted(done))
        missing = own - self._held - set(self._leaving)
        taken = await _all(self._take(shard, now[shard]) for shard in sorted({*wish.take, *missing})[:AT_ONCE])
        return bool(done or taken or self._leaving or wish.lacking)

    def _prepare(self, wish: ShardChanges, own: set[int]) -> None:
        """Begin no new visits in shards to be released; forget those that another replica has by now."""
        until = self.monotonic() + self.finish
        self._leaving = {shard: self._leaving.get(shard, until) for shard in {*self._leaving, *wish.give} & own}

    def _is_done(self, shard: int) -> bool:
        return shard not in self._held or not self.is_busy(shard) or self.monotonic() >= self._leaving[shard]

    async def _give(self, shard: int, lease: Lease | None) -> None:
        await self._leases.put(self._lease(shard), lease, "")
        self._leaving.pop(shard)

    async def _take(self, shard: int, lease: Lease | None) -> None:
        taken = await self._leases.put(self._lease(shard), lease, self.terms.identity)
        if taken is not None:
            self._held.add(shard)
            self._epochs[shard] = epoch_of(taken)

    def _lease(self, shard: int) -> str:
        return f"{self.terms.name}-shard-{shard}"

    def _drop(self, shards: set[int]) -> None:
        """Remove these shards and call the callbacks, before they can be taken again."""
        self._held -= shards
        if shards:
            self._notify()

    def _notify(self) -> None:
        # A replica with a late renewal keeps its shards until it counts as dead: a new start would visit every object.
        is_there, before = self._is_there, self._notified
        now = frozenset(self._held if is_there else self._held & before)
        self._notified = now
        news = (("not leading", before - now, self.stopped), ("leading", now - before, self.started))
        for what, shards, told in news:
            if shards:
                log.info(what, identity=self.terms.identity, shards=sorted(shards))
                told(shards)
        self._pause_or_resume(lapsed=bool(now) and not is_there)

    def _pause_or_resume(self, *, lapsed: bool) -> None:
        if lapsed == self._lapsed:
            return
        self._lapsed = lapsed
        what = "paused, because no lease was renewed in time" if lapsed else "resumed"
        log.info(what, identity=self.terms.identity, shards=sorted(self._notified))
        (self.paused if lapsed else self.resumed)()


async def _all(work: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Run all coroutines to their end at once; then raise the first error."""
    done = await asyncio.gather(*work, return_exceptions=True)
    if wrong := next((one for one in done if isinstance(one, BaseException)), None):
        raise wrong
    return done
