"""The Lease of the whole, by a clock that the test moves."""

from runbook_operator.leadership.lease_client import Leases
from runbook_operator.leadership.lease_election import Terms
from runbook_operator.leadership.shard_layout_lease import Layout
from tests.fakes.leases import Clock, FakeLeases


class One:
    """One of those who share it."""

    def __init__(self, kube: FakeLeases, clock: Clock, shards: int = 8) -> None:
        terms = Terms("ns", "op", "any", lease=4, renew_deadline=3, retry=1)
        self.leases = Leases(kube, "ns", 4, clock)  # type: ignore[arg-type] # the fake has the calls that are made
        self.layout = Layout(self.leases, terms, shards)
        self.clock = clock

    async def look(self, patience: float = 0.9) -> bool:
        asked = self.clock()
        return await self.layout.is_kept_by((await self.leases.all()).get("op"), asked, patience)


async def test_shared_lease_is_renewed_by_one_replica() -> None:
    kube, clock = FakeLeases(), Clock()
    first, second = One(kube, clock), One(kube, clock)
    assert await first.look()
    assert await second.look()
    kube.writes.clear()

    for _ in range(10):
        clock.now += 0.5
        assert await first.look()
        assert await second.look(patience=1.5)

    assert len(kube.writes) == 4


async def test_renewal_by_another_counts_from_the_previous_read() -> None:
    kube, clock = FakeLeases(), Clock()
    first, second = One(kube, clock), One(kube, clock)
    await first.look()
    await second.look()
    clock.now += 1
    await first.look(patience=0)
    kube.broken = {"PUT"}

    clock.now += 1.5
    assert await second.look(patience=10)

    assert second.layout.fence == 103
    clock.now += 0.6
    assert clock() > second.layout.fence


async def test_first_read_of_the_shared_lease_counts_only_after_a_write() -> None:
    kube, clock = FakeLeases(), Clock()
    first, second = One(kube, clock), One(kube, clock)
    await first.look()
    clock.now += 3

    assert await second.look(patience=10)

    assert second.layout.fence == 106
    assert len(kube.writes) == 2


async def test_duration_of_a_slow_write_shortens_the_fence() -> None:
    kube, clock = FakeLeases(), Clock()
    one = One(kube, clock)

    async def slow() -> None:
        clock.now += 2

    kube.before["POST"] = slow
    assert await one.look()

    assert one.layout.fence == 103


async def test_replicas_with_more_shards_wait_until_the_old_layout_expires() -> None:
    kube, clock = FakeLeases(), Clock()
    old, new = One(kube, clock, 8), One(kube, clock, 16)
    assert await old.look()

    assert not await new.look()
    clock.now += 4
    assert not await new.look()
    clock.now += 0.1
    assert await new.look()
    assert not await old.look()
    assert kube.holder("op") == "16 shards"
    assert new.layout.epoch == old.layout.epoch + 1


async def test_lost_race_for_the_shared_lease_gives_no_layout() -> None:
    kube, clock = FakeLeases(), Clock()
    first, second = One(kube, clock, 8), One(kube, clock, 16)

    async def sooner() -> None:
        await second.look()

    kube.before["POST"] = sooner

    assert not await first.look()
    assert kube.holder("op") == "16 shards"
