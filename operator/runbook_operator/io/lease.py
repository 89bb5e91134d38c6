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
from typing import Any

import structlog

from runbook_operator import errors
from runbook_operator.io import clock
from runbook_operator.io.kube import Kube

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
API = "coordination.k8s.io/v1"


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
    """Takes, renews and gives back one Lease. `started` and `stopped` are called when leading begins and ends."""

    kube: Kube
    terms: Terms
    started: Callable[[], None]
    stopped: Callable[[], None]
    monotonic: Callable[[], float] = clock.monotonic
    contact: float = field(default=-math.inf)
    epoch: int = 0
    _fence: float = field(default=-math.inf)
    _announced: int | None = None
    """The epoch that was told to have begun, None where none was, or where it was told to have ended."""
    _observed: tuple[str, float] = ("", 0.0)

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
                lease = await self.kube.get(self._path)
                if lease["spec"].get("holderIdentity") == self.terms.identity:
                    await self._put(lease, holder="")
            except errors.ApiError as error:
                log.warning("the lease was not given back; it expires by itself", error=str(error))

    def _pause(self) -> float:
        """A standby looks twice as often as a leader renews, and at the moment in which the lease would expire."""
        if self.leading:
            return self.terms.retry
        left = self._observed[1] + self.terms.lease - self.monotonic()
        return min(self.terms.retry / 2, left) if left > 0 else self.terms.retry / 2

    @property
    def _path(self) -> str:
        return f"/apis/{API}/namespaces/{self.terms.namespace}/leases/{self.terms.name}"

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
        try:
            lease = await self.kube.get(self._path)
        except errors.NotFoundError:
            return await self._create()
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") != self.terms.identity and (self._left or not self._expired(lease)):
            return False
        try:
            await self._put(lease, holder=self.terms.identity)
        except errors.ConflictError:
            return False
        return True

    def _expired(self, lease: dict[str, Any]) -> bool:
        """By the local clock, from when the last change was seen: the holder's clock is never compared with ours."""
        spec = lease.get("spec") or {}
        if not spec.get("holderIdentity"):
            return True
        version = lease["metadata"]["resourceVersion"]
        if self._observed[0] != version:
            self._observed = (version, self.monotonic())
        return self.monotonic() - self._observed[1] > float(spec.get("leaseDurationSeconds", self.terms.lease))

    async def _create(self) -> bool:
        metadata = {"name": self.terms.name, "namespace": self.terms.namespace}
        body = {
            "apiVersion": API,
            "kind": "Lease",
            "metadata": metadata,
            "spec": self._spec({}, self.terms.identity),
        }
        try:
            await self.kube.create(self._path.rsplit("/", 1)[0], body)
        except errors.AlreadyExistsError:
            return False
        return True

    async def _put(self, lease: dict[str, Any], holder: str) -> None:
        await self.kube.replace(self._path, lease | {"spec": self._spec(lease.get("spec") or {}, holder)})

    def _spec(self, old: dict[str, Any], holder: str) -> dict[str, Any]:
        spec = spec_of(old, holder, self.terms.lease)
        self.epoch = spec["leaseTransitions"]
        return spec

    def _tell(self) -> None:
        """Tell what has changed: also where it was lost and taken anew since the last look, as after a freeze."""
        now, before = self.epoch if self.leading else None, self._announced
        if now == before:
            return
        self._announced = now
        for what, is_so, told in (
            ("not leading", before is not None, self.stopped),
            ("leading", now is not None, self.started),
        ):
            if is_so:
                log.info(what, identity=self.terms.identity, epoch=self.epoch)
                told()


def spec_of(old: dict[str, Any], holder: str, seconds: float) -> dict[str, Any]:
    """The spec of a Lease that was `old` and is held for so long from now on, or by nobody where `holder` is empty."""
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    taken = bool(holder) and old.get("holderIdentity") != holder
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(1, math.ceil(seconds)) if holder else 1,
        "acquireTime": now if taken else old.get("acquireTime", now),
        "renewTime": now,
        "leaseTransitions": old.get("leaseTransitions", 0) + taken,
    }
