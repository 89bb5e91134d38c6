"""The Leases of a namespace: read all at once, written where nobody has written meanwhile, and how old they are."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.runtime import clock

API = "coordination.k8s.io/v1"
Lease = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A version of a Lease, since when it has been seen by the local clock, and for how many seconds it holds.

    The clocks of those who renew are never compared with ours.
    """

    version: str
    since: float
    seconds: float


@dataclass
class Leases:
    """`seconds` is for how long one is held that is written here. Where no answer comes ApiError is raised."""

    kube: Kube
    namespace: str
    seconds: float
    monotonic: Callable[[], float]
    _seen: dict[str, Seen] = field(default_factory=dict)

    async def all(self) -> dict[str, Lease]:
        """By name, as they all were at one moment."""
        found = {lease["metadata"]["name"]: lease async for lease in self.kube.items(self._path)}
        self._seen = {name: self._see(name, lease) for name, lease in found.items()}
        return found

    async def one(self, name: str) -> Lease:
        """As it is now."""
        found = await self.kube.get(f"{self._path}/{name}")
        self._seen[name] = self._see(name, found)
        return found

    def age(self, name: str) -> float:
        """Seconds since it was first seen as it is."""
        return self.monotonic() - self._seen[name].since

    def left(self, name: str) -> float:
        """Seconds until it is over unless it is renewed, not positive where it is over."""
        return self._seen[name].seconds - self.age(name)

    def soonest(self, prefix: str) -> float:
        """Seconds until the next of these is over unless it is renewed."""
        left = (self.left(name) for name in self._seen if name.startswith(prefix))
        return min((one for one in left if one > 0), default=math.inf)

    async def put(self, name: str, old: Lease | None, holder: str) -> Lease | None:
        """Let `holder` have it, nobody where that is empty; None where it is no longer as it was read."""
        spec = spec_of((old or {}).get("spec") or {}, holder, self.seconds)
        try:
            if old is None:
                metadata = {"name": name, "namespace": self.namespace}
                body = {"apiVersion": API, "kind": "Lease", "metadata": metadata, "spec": spec}
                written = await self.kube.create(self._path, body)
            else:
                written = await self.kube.replace(f"{self._path}/{name}", old | {"spec": spec})
        except (errors.ConflictError, errors.AlreadyExistsError, errors.NotFoundError):
            return None
        self._seen[name] = self._see(name, written)
        return written

    async def remove(self, lease: Lease) -> bool:
        """Delete it as it was read; False where it is no longer so."""
        meta = lease["metadata"]
        known = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        try:
            await self.kube.request("DELETE", f"{self._path}/{meta['name']}", body={"preconditions": known})
        except (errors.ConflictError, errors.NotFoundError):
            return False
        return True

    def _see(self, name: str, lease: Lease) -> Seen:
        before, version = self._seen.get(name), version_of(lease)
        return before if before and before.version == version else Seen(version, self.monotonic(), self._hold(lease))

    def _hold(self, lease: Lease) -> float:
        """Where a Lease does not say for how long, it is held as long as one that is written here."""
        return float((lease.get("spec") or {}).get("leaseDurationSeconds") or self.seconds)

    @property
    def _path(self) -> str:
        return f"/apis/{API}/namespaces/{self.namespace}/leases"


def holder_of(lease: Lease | None) -> str:
    """Who has it, empty for nobody."""
    return str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")


def version_of(lease: Lease) -> str:
    """Its resourceVersion."""
    return str(lease["metadata"]["resourceVersion"])


def uid_of(lease: Lease | None) -> str:
    """Which one it is, of those that have had its name; empty where there is none."""
    return str(lease["metadata"]["uid"]) if lease else ""


def epoch_of(lease: Lease | None) -> int:
    """How often it has changed hands."""
    return int(((lease or {}).get("spec") or {}).get("leaseTransitions") or 0)


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
