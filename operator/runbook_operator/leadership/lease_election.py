"""Leader election on a Lease. A lease does not fence writes, so `leading` expires by the local clock on its own.

A leader leads from the moment before it sent its last renewal until `renew_deadline` later. Another replica may take
the lease only `lease_seconds` after it saw the last change. The gap between the two is the time that a slow request may
take.
"""

import asyncio
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.leadership.lease_client import Lease, Leases, epoch_of, holder_of, uid_of
from runbook_operator.runtime import clock

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Terms:
    """Configuration of the lease; times in seconds."""

    namespace: str
    name: str
    identity: str
    lease: float
    renew_deadline: float
    retry: float


@dataclass
class ElectionLoop(ABC):
    """Base of an election loop that runs until `release`; one turn at a time."""

    _stopping: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _rounds: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self) -> None:
        """Run turns until `release`."""
        while not self._over:
            async with self._rounds:
                if not self._over:
                    await self._round()
            self._notify()
            await asyncio.sleep(self._pause() * (1 - random.random() / 10))  # noqa: S311 # jitter, not a secret

    def leave(self) -> None:
        """Acquire nothing more, since `release` follows."""
        self._stopping = True

    @abstractmethod
    async def _round(self) -> None:
        """Read the leases, then renew, take or release those that are due."""

    @abstractmethod
    def _notify(self) -> None:
        """Call the callbacks for shards that this replica has begun or stopped to lead."""

    @abstractmethod
    def _pause(self) -> float:
        """Return the seconds until the next turn."""


@dataclass
class Elector(ElectionLoop):
    """Takes, renews and releases one Lease. `started` and `stopped` are called when leading begins and ends.

    After a lapse in which no other replica has led, `resumed` is called instead of `started`.
    """

    kube: Kube
    terms: Terms
    started: Callable[[], None]
    stopped: Callable[[], None]
    resumed: Callable[[], None]
    monotonic: Callable[[], float] = clock.monotonic
    contact: float = field(default=-math.inf)
    epoch: int = 0
    _fence: float = field(default=-math.inf)
    _announced: int | None = None
    """The epoch of the last call of `started` or `resumed`; None before the first, and after `stopped`."""
    _was_leading: tuple[str, int] | None = None
    """The uid of the Lease and the epoch in which this replica began to lead last."""
    _written: Lease | None = None
    """The Lease as this replica wrote it last; None if that write failed or there was none."""

    def __post_init__(self) -> None:
        self._leases = Leases(self.kube, self.terms.namespace, self.terms.lease, self.monotonic)

    @property
    def leading(self) -> bool:
        """True if this replica may write now."""
        return self.monotonic() < self._fence

    @property
    def held(self) -> frozenset[int]:
        """The one shard that exists if this replica leads, else none."""
        return frozenset({0}) if self.leading else frozenset()

    def leads(self, namespace: str) -> bool:
        """True if this replica may write in the namespace now; a leader leads all namespaces."""
        del namespace
        return self.leading

    def epoch_of(self, namespace: str) -> int:
        """Return how many times the lease has changed its holder, up to this leader."""
        del namespace
        return self.epoch

    async def release(self) -> None:
        """Release the lease, so that the next leader need not wait; a running renewal ends first."""
        self._over = True
        async with self._rounds:
            if not self.leading:
                return
            self._fence = -math.inf
            self._notify()
            try:
                lease = await self._leases.one(self.terms.name)
                if holder_of(lease) == self.terms.identity and not await self._put(lease, holder=""):
                    log.warning("the lease was not released, because another client has written it; it expires")
            except errors.ApiError as error:
                log.warning("the lease was not released; it expires", error=str(error))

    def _pause(self) -> float:
        """A standby reads twice as often as a leader renews, and at the moment when the lease would expire."""
        if self.leading:
            return self.terms.retry
        return min(self.terms.retry / 2, self._leases.soonest(self.terms.name))

    async def _round(self) -> None:
        asked = self.monotonic()
        try:
            async with asyncio.timeout(self.terms.renew_deadline):
                held = await self._take_or_renew()
        except (errors.ApiError, TimeoutError) as error:
            log.warning("the lease could not be renewed or read", error=str(error) or type(error).__name__)
            return
        self.contact = self.monotonic()
        self._fence = asked + self.terms.renew_deadline if held else -math.inf

    async def _take_or_renew(self) -> bool:
        # If another replica has written meanwhile, this is a conflict. Reading first would cost a request per turn.
        if self._written is not None and await self._put(self._written, holder=self.terms.identity):
            return True
        try:
            lease = await self._leases.one(self.terms.name)
        except errors.NotFoundError:
            return await self._put(None, holder=self.terms.identity)
        is_free = not holder_of(lease) or self._leases.seconds_left(self.terms.name) < 0
        if holder_of(lease) != self.terms.identity and (self._stopping or not is_free):
            return False
        return await self._put(lease, holder=self.terms.identity)

    async def _put(self, lease: Lease | None, holder: str) -> bool:
        """Write the lease; return False if it has changed since it was read. `lease` None creates it."""
        self._written = None
        self._written = await self._leases.put(self.terms.name, lease, holder)
        if self._written is not None:
            self.epoch = epoch_of(self._written)
        return self._written is not None

    def _notify(self) -> None:
        """Call the callbacks for a change, also if the lease was lost and taken again since, as after a freeze."""
        now, before = self.epoch if self.leading else None, self._announced
        if now == before:
            return
        self._announced = now
        if before is not None:
            log.info("not leading", identity=self.terms.identity, epoch=self.epoch)
            self.stopped()
        if now is not None:
            log.info("leading", identity=self.terms.identity, epoch=self.epoch)
            self._begin(now)

    def _begin(self, epoch: int) -> None:
        """Call `resumed` if it is the same Lease and it has not changed its holder since, else `started`."""
        before, self._was_leading = self._was_leading, (uid_of(self._written), epoch)
        (self.resumed if self._was_leading == before else self.started)()
