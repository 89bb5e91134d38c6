"""The elector, by a clock that the test moves."""

import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from runbook_operator.leadership.lease_election import Elector, Terms
from tests.fakes.leases import Clock, FakeLeases


@dataclass
class Replica:
    """An elector whose turns the test takes."""

    kube: FakeLeases
    clock: Clock
    name: str
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        terms = Terms("ns", "lease", self.name, lease=4, renew_deadline=3, retry=1)
        self.elector = Elector(
            self.kube,  # type: ignore[arg-type] # the fake has the calls that an elector makes
            terms,
            lambda: self.told.append("started"),
            lambda: self.told.append("stopped"),
            lambda: self.told.append("resumed"),
            self.clock,
        )

    async def turn(self) -> bool:
        await self.elector._round()
        self.elector._notify()
        return self.elector.leading

    def lapse(self) -> None:
        """Its renewal is late, and it notices."""
        self.clock.now += 3.5
        self.elector._notify()


@pytest.fixture
def replicas() -> tuple[Replica, Replica]:
    kube, clock = FakeLeases(), Clock()
    return Replica(kube, clock, "a"), Replica(kube, clock, "b")


async def test_first_replica_leads_and_second_stands_by(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas

    assert await first.turn()
    assert not await second.turn()
    assert (first.told, second.told) == (["started"], [])


async def test_leader_that_cannot_renew_stops_by_its_own_clock(replicas: tuple[Replica, Replica]) -> None:
    first, _ = replicas
    await first.turn()
    first.kube.broken |= {"GET", "PUT"}

    first.clock.now += 2.9
    assert await first.turn()
    first.clock.now += 0.2
    assert not await first.turn()
    assert first.told == ["started", "stopped"]


async def test_standby_takes_over_only_after_the_lease_expired_by_its_own_clock(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()
    assert not await second.turn()

    second.clock.now += 4.0
    assert not await second.turn()
    second.clock.now += 0.1
    assert await second.turn()
    assert second.elector.epoch == first.elector.epoch + 1
    assert not await first.turn()


async def test_lease_without_duration_lasts_for_our_duration(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()
    del first.kube.leases["lease"]["spec"]["leaseDurationSeconds"]
    assert not await second.turn()

    second.clock.now += 3.9
    assert not await second.turn()
    second.clock.now += 0.2
    assert await second.turn()


async def test_renewed_lease_never_expires(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    for _ in range(10):
        assert await first.turn()
        assert not await second.turn()
        first.clock.now += 1.0


async def test_leader_renews_without_reading_and_reads_again_after_a_failure(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()
    first.kube.broken.add("GET")
    assert await first.turn()
    first.kube.broken.add("PUT")
    first.clock.now += 1.0
    assert await first.turn(), "it holds until its deadline"
    first.kube.broken.clear()

    first.clock.now += 4.0
    assert not await second.turn()
    second.clock.now += 4.1
    assert await second.turn()

    assert not await first.turn()
    assert first.kube.holder("lease") == "b"


async def test_leader_recreates_its_deleted_lease(
    replicas: tuple[Replica, Replica],
) -> None:
    first, _ = replicas
    await first.turn()
    first.kube.leases.clear()

    assert await first.turn()

    assert first.kube.holder("lease") == "a"
    assert first.told == ["started"]


async def test_released_lease_is_taken_at_once(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    await first.turn()
    await second.turn()

    await first.elector.release()

    assert await second.turn()
    assert first.told == ["started", "stopped"]
    await first.elector.release()
    assert second.elector.leading


async def test_race_for_a_free_lease_has_one_winner(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    await first.turn()
    await first.elector.release()
    stale = dict(first.kube.leases["lease"])
    assert await first.turn()

    assert not await second.elector._put(stale, holder="b")


async def test_lease_written_by_another_during_release_is_left(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()

    async def written() -> None:
        await second.elector._put(first.kube.leases["lease"], holder="b")

    first.kube.before["PUT"] = written
    with capture_logs() as said:
        await first.elector.release()

    assert first.kube.holder("lease") == "b"
    assert [one["event"] for one in said if one["log_level"] == "warning"] == [
        "the lease was not released, because another client has written it; it expires"
    ]


async def test_lease_that_cannot_be_released_expires(replicas: tuple[Replica, Replica]) -> None:
    first, _ = replicas
    await first.turn()
    first.kube.broken |= {"GET", "PUT"}

    await first.elector.release()

    assert not first.elector.leading


async def test_released_lease_is_not_taken_again_at_shutdown(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()

    await first.elector.release()
    await first.elector.run()

    assert not first.elector.leading
    assert await second.turn()


async def test_renewal_in_progress_ends_before_the_release(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    await first.turn()

    async with first.elector._rounds:
        giving = asyncio.create_task(first.elector.release())
        await asyncio.sleep(0)
        assert first.elector.leading
    await giving

    assert await second.turn()


async def test_standby_checks_at_the_expiry_of_the_lease(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()
    assert first.elector._pause() == 1
    await second.turn()
    assert second.elector._pause() == 0.5

    second.clock.now += 3.8
    assert second.elector._pause() == pytest.approx(0.2)
    second.clock.now += 1
    assert second.elector._pause() == 0.5


async def test_leader_frozen_during_another_term_starts_again(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    await first.turn()
    await second.turn()
    second.clock.now += 4.1
    assert await second.turn()
    await second.elector.release()

    assert await first.turn()

    assert first.told == ["started", "stopped", "started"]


async def test_leader_with_a_short_lapse_resumes_an_untaken_lease(
    replicas: tuple[Replica, Replica],
) -> None:
    first, second = replicas
    await first.turn()
    await second.turn()
    first.lapse()

    assert await first.turn()

    assert first.told == ["started", "stopped", "resumed"]


async def test_leader_whose_lease_was_deleted_during_a_lapse_starts_again(
    replicas: tuple[Replica, Replica],
) -> None:
    first, _ = replicas
    await first.turn()
    first.lapse()
    first.kube.leases.clear()

    assert await first.turn()

    assert first.told == ["started", "stopped", "started"]


async def test_leaving_replica_renews_its_lease_and_takes_none(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    await first.turn()
    first.elector.leave()
    second.elector.leave()

    assert await first.turn()
    await second.turn()
    first.clock.now += 4.1

    assert not await second.turn()


async def test_leader_leads_every_namespace(replicas: tuple[Replica, Replica]) -> None:
    first, second = replicas
    await first.turn()
    await second.turn()

    assert first.elector.leads("any")
    assert first.elector.held == {0}
    assert first.elector.epoch_of("any") == 1
    assert not second.elector.leads("any")
    assert not second.elector.held
