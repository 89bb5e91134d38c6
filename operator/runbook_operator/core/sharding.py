"""Which shard a namespace is of, and which shards each replica should have: pure, the same for everybody who asks."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from runbook_operator.core.references import Ref

MOST = 256
"""Shards there may be; beyond some per replica they spread nothing any better, and each is a Lease to read."""
Whose = Callable[[Ref], bool]
"""Whether an object is among those that something is about."""


def everybody(ref: Ref) -> bool:
    """Every object, as where one leader does all."""
    del ref
    return True


def among(shards: Collection[int], count: int) -> Whose:
    """The objects of these shards, of so many that there are."""
    return lambda ref: shard_of(ref.namespace, count) in shards


@lru_cache(maxsize=65_536)
def shard_of(namespace: str, count: int) -> int:
    """The shard of a namespace, from 0 on: a jump hash (Lamping and Veach, 2014) of its name.

    It spreads evenly, and of a change from n to m shards, n < m, only the namespaces move that the new shards get:
    (m - n) / m of them.
    """
    key = int.from_bytes(blake2b(namespace.encode(), digest_size=8).digest(), "big")
    shard, jump = 0, 0
    while jump < count:
        shard = jump
        key = (key * 2862933555777941757 + 1) % 2**64
        jump = int((shard + 1) * (2**31 / ((key >> 33) + 1)))
    return shard


@dataclass(frozen=True)
class Share:
    """What one replica should do about the shards: take these, give these back, and whether it then lacks some."""

    take: tuple[int, ...] = ()
    give: tuple[int, ...] = ()
    lacking: bool = False


def share(replica: str, holders: Sequence[str], replicas: Collection[str]) -> Share:
    """What `replica`, one of `replicas`, should do where each shard has that holder, "" for none.

    All who decide on the same world decide on parts of the same plan: no two take one shard, every replica ends with
    the floor or the ceiling of its even share, and no shard moves that need not. Who has most keeps most.
    """
    has = Counter(holder for holder in holders if holder in replicas)
    ranked = sorted(replicas, key=lambda one: (-has[one], one))
    floor, extra = divmod(len(holders), len(ranked))
    lacks = [floor + (rank < extra) - has[one] for rank, one in enumerate(ranked)]
    own = ranked.index(replica)
    if lacks[own] < 0:
        held = [shard for shard, holder in enumerate(holders) if holder == replica]
        return Share(give=tuple(held[lacks[own] :]))
    free = [shard for shard, holder in enumerate(holders) if holder not in replicas]
    first = sum(lack for lack in lacks[:own] if lack > 0)
    taken = tuple(free[first : first + lacks[own]])
    return Share(taken, lacking=len(taken) < lacks[own])
