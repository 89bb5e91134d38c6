"""The Lease of the whole, which all replicas share that have the same number of shards, and nobody else beside them."""

import math
from dataclasses import dataclass, field

from runbook_operator.leadership.lease_client import Lease, Leases, epoch_of, holder_of, version_of
from runbook_operator.leadership.lease_election import Terms


@dataclass
class Layout:
    """Keeps away who leads everything, and who has more shards or fewer: with them a namespace might be led twice.

    Its Lease is the very one by which a single leader is elected, of any version of the operator. All who share it
    write the same holder into it; whoever sees that somebody has renewed it need not do so too.
    """

    leases: Leases
    terms: Terms
    shards: int
    fence: float = field(default=-math.inf)
    """Until when nobody else can have taken it, by the local clock."""
    epoch: int = 0
    """How often it changed hands; between two looks at which this is the same, nobody else had it."""
    _version: str = ""
    _asked: float = field(default=-math.inf)
    """When the API server was last asked that answered with that version: a newer one was written later."""

    @property
    def holder(self) -> str:
        """What all who share it are called in it."""
        return f"{self.shards} shards"

    async def keep(self, lease: Lease | None, asked: float, patience: float) -> bool:
        """Whether it is ours, as it was read when `asked`; renewed where nobody has within `patience` seconds."""
        name, holder = self.terms.name, holder_of(lease)
        if lease is not None and holder == self.holder:
            self._learn(lease, asked)
            if self.leases.age(name) < patience and self.leases.monotonic() < self.fence:
                return True
        elif holder and self.leases.left(name) >= 0:
            return False
        began = self.leases.monotonic()
        if (renewed := await self.leases.put(name, lease, self.holder)) is not None:
            self._note(renewed, began)
            self.fence = began + self.terms.renew_deadline
        return self.leases.monotonic() < self.fence

    def _learn(self, lease: Lease, asked: float) -> None:
        """Take in what was read: a version that was not there at the last look was written since then."""
        if version_of(lease) != self._version:
            self.fence = max(self.fence, self._asked + self.terms.renew_deadline)
        self._note(lease, asked)

    def _note(self, lease: Lease, asked: float) -> None:
        self._version, self._asked = version_of(lease), asked
        self.epoch = epoch_of(lease)
