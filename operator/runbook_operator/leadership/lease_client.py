"""Reads all Leases of a namespace at once, writes one only if it has not changed since, and tracks their age."""

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
class LeaseVersion:
    """A version of a Lease, when this replica first read it by its own clock, and its duration in seconds.

    The clock of the holder is never compared with that of this replica.
    """

    version: str
    since: float
    seconds: float


@dataclass
class Leases:
    """The Leases. `seconds` is the duration of one that is written here. Raises ApiError if no answer comes."""

    kube: Kube
    namespace: str
    seconds: float
    monotonic: Callable[[], float]
    _observed: dict[str, LeaseVersion] = field(default_factory=dict)

    async def all(self) -> dict[str, Lease]:
        """Return all Leases by name, from one list."""
        found = {lease["metadata"]["name"]: lease async for lease in self.kube.items(self._path)}
        self._observed = {name: self._note_version(name, lease) for name, lease in found.items()}
        return found

    async def one(self, name: str) -> Lease:
        """Read one Lease."""
        found = await self.kube.get(f"{self._path}/{name}")
        self._observed[name] = self._note_version(name, found)
        return found

    def age(self, name: str) -> float:
        """Return the seconds since this replica first read the present version."""
        return self.monotonic() - self._observed[name].since

    def seconds_left(self, name: str) -> float:
        """Return the seconds until the Lease expires without a renewal; zero or less if it has expired."""
        return self._observed[name].seconds - self.age(name)

    def soonest(self, prefix: str) -> float:
        """Return the seconds until the next Lease with this prefix expires; infinite if there is none."""
        left = (self.seconds_left(name) for name in self._observed if name.startswith(prefix))
        return min((one for one in left if one > 0), default=math.inf)

    async def put(self, name: str, old: Lease | None, holder: str) -> Lease | None:
        """Write `holder` into the Lease and return it; an empty `holder` frees it, and `old` None creates it.

        Return None if the Lease is no longer as it was read.
        """
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
        self._observed[name] = self._note_version(name, written)
        return written

    async def remove(self, lease: Lease) -> bool:
        """Delete the Lease; return False if it is no longer as it was read."""
        meta = lease["metadata"]
        known = {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}
        try:
            await self.kube.request("DELETE", f"{self._path}/{meta['name']}", body={"preconditions": known})
        except (errors.ConflictError, errors.NotFoundError):
            return False
        return True

    def _note_version(self, name: str, lease: Lease) -> LeaseVersion:
        before, version = self._observed.get(name), version_of(lease)
        return (
            before
            if before and before.version == version
            else LeaseVersion(version, self.monotonic(), self._hold(lease))
        )

    def _hold(self, lease: Lease) -> float:
        """Return the duration of the Lease; one without a duration lasts as long as one that is written here."""
        return float((lease.get("spec") or {}).get("leaseDurationSeconds") or self.seconds)

    @property
    def _path(self) -> str:
        return f"/apis/{API}/namespaces/{self.namespace}/leases"


def holder_of(lease: Lease | None) -> str:
    """Return the holder, empty for none."""
    return str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")


def version_of(lease: Lease) -> str:
    """Return the resourceVersion."""
    return str(lease["metadata"]["resourceVersion"])


def uid_of(lease: Lease | None) -> str:
    """Return the uid, which differs between Leases that had the same name; empty for no Lease."""
    return str(lease["metadata"]["uid"]) if lease else ""


def epoch_of(lease: Lease | None) -> int:
    """Return how often the Lease has changed its holder."""
    return int(((lease or {}).get("spec") or {}).get("leaseTransitions") or 0)


def spec_of(old: dict[str, Any], holder: str, seconds: float) -> dict[str, Any]:
    """Return the spec that follows `old`: held by `holder` for `seconds` from now, free if `holder` is empty."""
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    taken = bool(holder) and old.get("holderIdentity") != holder
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": max(1, math.ceil(seconds)) if holder else 1,
        "acquireTime": now if taken else old.get("acquireTime", now),
        "renewTime": now,
        "leaseTransitions": old.get("leaseTransitions", 0) + taken,
    }
