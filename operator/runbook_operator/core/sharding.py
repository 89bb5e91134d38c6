"""Assign namespaces to shards and shards to replicas. Pure, so that all replicas compute the same."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from runbook_operator.core.references import Ref

MOST = 256
"""Maximum number of shards. More than a few per replica do not spread better, and each one is a Lease to read."""
ObjectFilter = Callable[[Ref], bool]
"""A filter of objects, such as those of some shards."""


def all_objects(ref: Ref) -> bool:
    """Accept every object: the filter of a single leader."""
    del ref
    return True


def in_shards(shards: Collection[int], count: int) -> ObjectFilter:
    """Return the filter that accepts the objects of these shards, of `count` in total."""
    return lambda ref: shard_of(ref.namespace, count) in shards


@lru_cache(maxsize=65_536)
def shard_of(namespace: str, count: int) -> int:
    """Return the shard of a namespace, from 0 on: a jump hash (Lamping and Veach, 2014) of its name.

    It spreads evenly. A change from n to m shards, n < m, moves only the namespaces of the new shards: (m - n) / m of
    all.
    """
    key = int.from_bytes(blake2b(namespace.encode(), digest_size=8).digest(), "big")
    shard, jump = 0, 0
    while jump < count:
        shard = jump
        key = (key * 2862933555777941757 + 1) % 2**64
        jump = int((shard + 1) * (2**31 / ((key >> 33) + 1)))
    return shard


@dataclass(frozen=True)
class ShardChanges:
    """The next changes of one replica: shards to take, and to release; `lacking` if it needs more than it can take."""

    take: tuple[int, ...] = ()
    give: tuple[int, ...] = ()
    lacking: bool = False


def next_changes(replica: str, holders: Sequence[str], replicas: Collection[str]) -> ShardChanges:
    """Return the changes of `replica`, one of `replicas`, given the holder of each shard, "" for none.

    Replicas that read the same holders compute parts of the same plan: no two take one shard, every replica ends with
    the floor or the ceiling of its even share, and no shard moves without need. The replicas with most shards keep the
    larger shares.
    """
    has = Counter(holder for holder in holders if holder in replicas)
    ranked = sorted(replicas, key=lambda one: (-has[one], one))
    floor, extra = divmod(len(holders), len(ranked))
    lacks = [floor + (rank < extra) - has[one] for rank, one in enumerate(ranked)]
    own = ranked.index(replica)
    if lacks[own] < 0:
        held = [shard for shard, holder in enumerate(holders) if holder == replica]
        return ShardChanges(give=tuple(held[lacks[own] :]))
    free = [shard for shard, holder in enumerate(holders) if holder not in replicas]
    first = sum(lack for lack in lacks[:own] if lack > 0)
    taken = tuple(free[first : first + lacks[own]])
    return ShardChanges(taken, lacking=len(taken) < lacks[own])
