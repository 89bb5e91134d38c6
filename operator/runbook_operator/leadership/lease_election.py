"""Leader election on a Lease. A lease is not a fence: `leading` expires by the local clock, whatever the API does.

A leader holds from the moment before its last renewal was sent until `renew_deadline` later; another replica may take
the lease only `lease_seconds` after it saw the last change. The gap between the two is what a slow request may cost.
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
    """How the lease is held; times in seconds."""

    namespace: str
    name: str
    identity: str
    lease: float
    renew_deadline: float
    retry: float


@dataclass
class Turns(ABC):
    """Takes part in something that is led by turns, until everything is given back; one turn at a time."""

    _left: bool = field(default=False, init=False)
    _over: bool = field(default=False, init=False)
    _turns: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self) -> None:
        """Take part until everything is given back."""
        while not self._over:
            async with self._turns:
                if not self._over:
                    await self._turn()
            self._tell()
            await asyncio.sleep(self._pause() * (1 - random.random() / 10))  # noqa: S311 # jitter, not a secret

    def leave(self) -> None:
        """Take nothing more, since everything is about to be given back."""
        self._left = True

    @abstractmethod
    async def _turn(self) -> None:
        """Look, and renew, take or give back what is to be."""

    @abstractmethod
    def _tell(self) -> None:
        """Tell what begins and what ends to be led."""

    @abstractmethod
    def _pause(self) -> float:
        """Seconds until the next turn."""


@dataclass
class Elector(Turns):
    """Takes, renews and gives back one Lease. `started` and `stopped` are called when leading begins and ends.

    Where it goes on after a lapse in which nobody else has led, `resumed` is called in place of `started`.
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
    """The epoch that was told to have begun, None where none was, or where it was told to have ended."""
    _led: tuple[str, int] | None = None
    """The Lease, by its uid, and the epoch in which this replica was told to lead last."""
    _written: Lease | None = None
    """The Lease as this replica has left it, None where it is not known to be so."""

    def __post_init__(self) -> None:
        self._leases = Leases(self.kube, self.terms.namespace, self.terms.lease, self.monotonic)

    @property
    def leading(self) -> bool:
        """Whether this replica may write now."""
        return self.monotonic() < self._fence

    @property
    def held(self) -> frozenset[int]:
        """The one shard there is, where this replica leads."""
        return frozenset({0}) if self.leading else frozenset()

    def leads(self, namespace: str) -> bool:
        """Whether this replica may write there now; whoever leads, leads everywhere."""
        del namespace
        return self.leading

    def epoch_of(self, namespace: str) -> int:
        """How many have led there, this one included."""
        del namespace
        return self.epoch

    async def release(self) -> None:
        """Give the lease back, so that the next leader need not wait; a renewal that is under way ends first."""
        self._over = True
        async with self._turns:
            if not self.leading:
                return
            self._fence = -math.inf
            self._tell()
            try:
                lease = await self._leases.one(self.terms.name)
                if holder_of(lease) == self.terms.identity and not await self._put(lease, holder=""):
                    log.warning("the lease was not given back; somebody else has written it meanwhile")
            except errors.ApiError as error:
                log.warning("the lease was not given back; it expires by itself", error=str(error))

    def _pause(self) -> float:
        """A standby looks twice as often as a leader renews, and at the moment in which the lease would expire."""
        if self.leading:
            return self.terms.retry
        return min(self.terms.retry / 2, self._leases.soonest(self.terms.name))

    async def _turn(self) -> None:
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
        # Whoever has written meanwhile makes a conflict of it: to look first would be one request more for each.
        if self._written is not None and await self._put(self._written, holder=self.terms.identity):
            return True
        try:
            lease = await self._leases.one(self.terms.name)
        except errors.NotFoundError:
            return await self._put(None, holder=self.terms.identity)
        is_free = not holder_of(lease) or self._leases.left(self.terms.name) < 0
        if holder_of(lease) != self.terms.identity and (self._left or not is_free):
            return False
        return await self._put(lease, holder=self.terms.identity)

    async def _put(self, lease: Lease | None, holder: str) -> bool:
        """Whether it was still as it was read, None where there was none, and is written now."""
        self._written = None
        self._written = await self._leases.put(self.terms.name, lease, holder)
        if self._written is not None:
            self.epoch = epoch_of(self._written)
        return self._written is not None

    def _tell(self) -> None:
        """Tell what has changed: also where it was lost and taken anew since the last look, as after a freeze."""
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
        """Nobody else has led since, where it is the same Lease and has not changed hands."""
        before, self._led = self._led, (uid_of(self._written), epoch)
        (self.resumed if self._led == before else self.started)()
