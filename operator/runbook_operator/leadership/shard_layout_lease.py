"""The layout Lease, which only replicas with the same number of shards share."""

import math
from dataclasses import dataclass, field

from runbook_operator.leadership.lease_client import Lease, Leases, epoch_of, holder_of, version_of
from runbook_operator.leadership.lease_election import Terms


@dataclass
class Layout:
    """Excludes a single leader, and replicas with another number of shards: a namespace might have two leaders.

    It is the Lease by which any version of the operator elects a single leader. All replicas that share it write the
    same holder into it. A replica that sees a renewal by another need not renew it too.
    """

    leases: Leases
    terms: Terms
    shards: int
    fence: float = field(default=-math.inf)
    """The time, by the local clock, until which no other holder can have taken the Lease."""
    epoch: int = 0
    """The number of holder changes; if two reads have the same epoch, no other holder had it between them."""
    _version: str = ""
    _asked: float = field(default=-math.inf)
    """The time at which the last read that returned this version was sent: a newer version was written later."""

    @property
    def holder(self) -> str:
        """The holder that all replicas with this number of shards write."""
        return f"{self.shards} shards"

    async def is_kept_by(self, lease: Lease | None, asked: float, patience: float) -> bool:
        """Return True if the replicas of this layout hold the Lease, which was read at `asked`.

        Renew it if no replica has within `patience` seconds.
        """
        name, holder = self.terms.name, holder_of(lease)
        if lease is not None and holder == self.holder:
            self._learn(lease, asked)
            if self.leases.age(name) < patience and self.leases.monotonic() < self.fence:
                return True
        elif holder and self.leases.seconds_left(name) >= 0:
            return False
        began = self.leases.monotonic()
        if (renewed := await self.leases.put(name, lease, self.holder)) is not None:
            self._note(renewed, began)
            self.fence = began + self.terms.renew_deadline
        return self.leases.monotonic() < self.fence

    def _learn(self, lease: Lease, asked: float) -> None:
        """Record what was read: a version that the last read did not return was written since then."""
        if version_of(lease) != self._version:
            self.fence = max(self.fence, self._asked + self.terms.renew_deadline)
        self._note(lease, asked)

    def _note(self, lease: Lease, asked: float) -> None:
        self._version, self._asked = version_of(lease), asked
        self.epoch = epoch_of(lease)
