"""Replicas that share the work, by a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.sharding import shard_of
from runbook_operator.leadership.lease_election import Elector, Terms
from tests.fakes.leases import Clock, FakeLeases, Replica

ALL = frozenset(range(8))
NAMESPACES = {shard_of(f"team-{number}", 8): f"team-{number}" for number in range(100)}
"""A namespace of each shard."""


@dataclass
class Group:
    """Some replicas that take their turns one after the other, half a second apart."""

    kube: FakeLeases = field(default_factory=FakeLeases)
    clock: Clock = field(default_factory=Clock)
    replicas: list[Replica] = field(default_factory=list)
    ever: list[Replica] = field(default_factory=list)
    """Those too that are gone or frozen: what they hold is over by their own clock."""

    def join(self, name: str, shards: int = 8) -> Replica:
        one = Replica(self.kube, self.clock, name, shards)
        self.replicas.append(one)
        self.ever.append(one)
        return one

    def leader(self) -> Elector:
        """One that leads everything; what it is told is nobody's business here."""
        told = [lambda: None] * 3
        terms = Terms("ns", "op", "single", lease=4, renew_deadline=3, retry=1)
        return Elector(self.kube, terms, told[0], told[1], told[2], self.clock)  # type: ignore[arg-type] # as above

    async def run(self, seconds: float) -> None:
        """Take turns for so long; no shard is ever held by two of one layout, nor are there two layouts."""
        for _ in range(round(seconds * 2)):
            for one in [*self.replicas]:
                await one.turn()
                assert one.is_told() == one.held
                self.check()
            self.clock.now += 0.5
            self.check()

    def check(self) -> None:
        held = [(one.shards, shard) for one in self.ever for shard in one.held]
        assert len(held) == len(set(held)), "a shard has one holder"
        assert len({shards for shards, _ in held}) <= 1, "all have the same shards"

    def sizes(self) -> list[int]:
        return sorted(len(one.held) for one in self.replicas)


async def test_single_replica_holds_all_shards() -> None:
    group = Group()
    first = group.join("a")

    assert await first.turn() == ALL

    assert first.told == [("started", ALL)]
    assert {first.shares.leads(name) for name in NAMESPACES.values()} == {True}
    assert first.shares.leading
    assert first.shares.leads("")


async def test_second_replica_gets_half_of_the_shards() -> None:
    group = Group()
    first = group.join("a")
    await group.run(1)
    second = group.join("b")

    await group.run(2)

    assert group.sizes() == [4, 4]
    assert [what for what, _ in first.told] == ["started", "stopped"]
    assert [what for what, _ in second.told] == ["started"]
    assert {second.shares.leads(NAMESPACES[shard]) for shard in first.held} == {False}


async def test_many_shards_are_taken_in_batches_between_renewals() -> None:
    group = Group()
    one = group.join("a", 100)

    assert [len(await one.turn()) for _ in range(4)] == [32, 64, 96, 100]
    assert one.shares._pause() == 0.1
    await one.turn()
    assert one.shares._pause() == 0.5


async def test_fourth_replica_gets_its_share_of_the_shards() -> None:
    group = Group()
    for name in "abc":
        group.join(name)
    await group.run(3)
    assert group.sizes() == [2, 3, 3]
    before = {one.name: one.held for one in group.replicas}

    fourth = group.join("d")
    await group.run(2)

    assert group.sizes() == [2, 2, 2, 2]
    assert all(one.held <= before[one.name] for one in group.replicas if one is not fourth)


async def test_shards_of_a_lost_replica_move_within_the_lease_duration() -> None:
    group = Group()
    lost, *others = [group.join(name) for name in "abc"]
    await group.run(3)
    told = [list(one.told) for one in others]

    group.replicas.remove(lost)
    await group.run(3.5)
    assert group.sizes() != [4, 4]
    await group.run(1.5)

    assert group.sizes() == [4, 4]
    for one, before in zip(others, told, strict=True):
        assert one.told[: len(before)] == before
        assert {what for what, _ in one.told[len(before) :]} == {"started"}


async def test_shards_of_a_released_replica_move_at_once() -> None:
    group = Group()
    going, staying = group.join("a"), group.join("b")
    await group.run(2)

    going.shares.leave()
    await going.shares.release()
    group.replicas.remove(going)

    assert await staying.turn() == ALL
    assert going.told[-1][0] == "stopped"
    assert not going.held
    await going.shares.run()
    assert await staying.turn() == ALL


async def test_leaving_replica_keeps_its_shards_and_takes_none() -> None:
    group = Group()
    going, other = group.join("a"), group.join("b")
    await group.run(2)
    had = going.held
    await other.shares.release()
    group.replicas.remove(other)

    going.shares.leave()
    await group.run(3)

    assert going.held == had


async def test_replica_that_cannot_renew_holds_no_shard_by_its_own_clock() -> None:
    group = Group()
    one = group.join("a")
    await one.turn()
    group.kube.broken = {"LIST"}

    group.clock.now += 2.9
    assert await one.turn() == ALL
    group.clock.now += 0.2
    assert one.held == frozenset()
    assert not one.shares.leads(NAMESPACES[0])
    assert not one.shares.leads("")
    assert one.shares.is_at_work(NAMESPACES[0])
    await one.turn()
    assert one.shares._pause() == 0.5
    assert (one.told, one.paused) == ([("started", ALL)], [True])


async def test_replica_with_a_short_lapse_resumes_untaken_shards() -> None:
    group = Group()
    one = group.join("a")
    await one.turn()
    group.clock.now += 3.5
    one.shares._notify()
    one.shares._notify()
    assert one.shares.is_at_work(NAMESPACES[0]), "what comes meanwhile waits"

    assert await one.turn() == ALL

    assert (one.told, one.paused) == ([("started", ALL)], [True, False])
    assert one.shares.epoch_of(NAMESPACES[0]) == 1


async def test_replica_whose_shards_were_all_taken_starts_again() -> None:
    group = Group()
    one, other = group.join("a"), group.join("b")
    await group.run(2)
    mine = one.held
    group.replicas.remove(one)
    await group.run(4.5)
    one.shares._notify()
    assert (one.paused, other.held) == ([True], ALL)
    await other.shares.release()

    assert await one.turn() == ALL

    assert one.told[-2:] == [("stopped", mine), ("started", ALL)]
    assert one.paused == [True, False]


async def test_replica_declared_dead_holds_no_shard_until_it_takes_one() -> None:
    group = Group()
    frozen, other = group.join("a"), group.join("b")
    await group.run(2)
    group.replicas.remove(frozen)
    await group.run(6)
    assert other.held == ALL
    assert frozen.held == frozenset()

    group.replicas.append(frozen)
    await frozen.turn()

    assert not frozen.held
    assert not frozen.is_told()
    await group.run(2)
    assert group.sizes() == [4, 4]


async def test_replica_frozen_during_another_term_starts_all_shards_again() -> None:
    group = Group()
    frozen = group.join("a")
    await group.run(1)
    group.replicas.remove(frozen)
    other = group.join("b")
    await group.run(6)
    assert other.held == ALL
    await other.shares.release()

    assert await frozen.turn() == ALL

    assert [what for what, _ in frozen.told] == ["started", "stopped", "started"]
    assert frozen.shares.epoch_of(NAMESPACES[3]) == 3


async def test_released_shard_finishes_its_work_first() -> None:
    group = Group()
    first = group.join("a")
    await group.run(1)
    first.busy.update({6, 7})
    group.join("b")
    await group.run(2)

    assert group.sizes() == [2, 6]
    assert first.shares.leads(NAMESPACES[7])
    assert not first.shares.is_at_work(NAMESPACES[7])
    assert first.shares.is_at_work(NAMESPACES[0])
    assert first.shares._pause() == 0.1
    first.busy.clear()
    await group.run(1)
    assert group.sizes() == [4, 4]


async def test_shard_with_unfinished_work_is_released_after_the_time_limit() -> None:
    group = Group()
    group.join("a").busy.update(ALL)
    await group.run(1)
    group.join("b")

    await group.run(4.5)
    assert group.sizes() == [0, 8]
    await group.run(2)
    assert group.sizes() == [4, 4]


async def test_restarted_replica_of_the_same_name_resumes_at_once() -> None:
    group = Group()
    await group.join("a").turn()

    again = Replica(group.kube, group.clock, "a")

    assert await again.turn() == ALL
    assert again.shares.epoch_of(NAMESPACES[0]) == 1


async def test_idle_replicas_write_one_lease_each_and_one_shared() -> None:
    group = Group()
    for name in "abc":
        group.join(name)
    await group.run(4)
    group.kube.writes.clear()

    await group.run(10)

    written = group.kube.writes
    assert not [name for name in written if "shard" in name]
    assert 27 <= len([name for name in written if "replica" in name]) <= 33
    assert len([name for name in written if name == "op"]) <= 11
    assert {one.shares._pause() for one in group.replicas} == {0.5}


async def test_replica_checks_at_the_expiry_of_another() -> None:
    group = Group()
    one, other = group.join("a"), group.join("b")
    await group.run(3)
    group.replicas.remove(other)
    await group.run(3)

    assert 0 < one.shares._pause() <= 0.5
    group.clock.now += 0.3
    await one.turn()
    assert 0 < one.shares._pause() < 0.5


@pytest.mark.parametrize(("before", "after"), [(8, 16), (16, 8)])
async def test_changed_shard_count_waits_for_the_last_old_replica(before: int, after: int) -> None:
    group = Group()
    old = [group.join(name, before) for name in "ab"]
    await group.run(2)
    new = [group.join(name, after) for name in "cd"]
    await group.run(6)
    assert [len(one.held) for one in new] == [0, 0]
    assert sum(len(one.held) for one in old) == before

    for one in old:
        await one.shares.release()
        group.replicas.remove(one)
        await group.run(1)
    await group.run(5)

    assert sum(len(one.held) for one in new) == after


async def test_single_leader_and_shared_replicas_never_hold_together() -> None:
    group = Group()
    single = group.leader()
    await single._round()
    shared = group.join("a")

    for _ in range(20):
        await single._round()
        await group.run(0.5)
    assert (single.leading, shared.held) == (True, frozenset())

    await single.release()
    await group.run(1)
    assert shared.held == ALL

    again = group.leader()
    for _ in range(20):
        await group.run(0.5)
        await again._round()
    assert (again.leading, shared.held) == (False, ALL)
    group.replicas.clear()
    for _ in range(5):
        group.clock.now += 1
        await again._round()
        assert not (again.leading and shared.held)
    assert again.leading


async def test_replica_frozen_during_a_single_leaders_term_starts_again() -> None:
    group = Group()
    frozen = group.join("a")
    await group.run(1)
    single = group.leader()
    await single._round()
    group.clock.now += 4.1
    await single._round()
    assert single.leading
    await single.release()

    assert await frozen.turn() == ALL

    assert [what for what, _ in frozen.told] == ["started", "stopped", "started"]


async def test_waking_replica_holds_none_of_the_shards_being_taken() -> None:
    group = Group()
    frozen, other = group.join("a"), group.join("b")
    await group.run(2)
    group.replicas.remove(frozen)
    await group.run(3.5)
    group.clock.now += 1

    async def wake() -> None:
        async def take() -> None:
            assert f"op-replica-8-{digest(frozen)}" not in group.kube.leases
            await frozen.turn()
            assert frozen.held

        group.kube.before["PUT"] = take

    group.kube.before["DELETE"] = wake
    await other.turn()

    group.check()
    group.replicas.append(frozen)
    await group.run(2)
    assert group.sizes() == [4, 4]


async def test_duration_of_a_slow_request_shortens_the_held_time() -> None:
    group = Group()
    one = group.join("a")
    await one.turn()

    async def whole() -> None:
        group.kube.before["PUT"] = own

    async def own() -> None:
        group.clock.now += 2

    group.clock.now += 1
    group.kube.before["PUT"] = whole
    assert await one.turn() == ALL
    assert one.shares._fence == 104
    group.clock.now += 1.1
    assert one.held == frozenset()


async def test_replica_that_cannot_renew_its_own_lease_holds_no_shard() -> None:
    group = Group()
    one, other = group.join("a"), group.join("b")
    await group.run(2)
    group.kube.broken = {f"op-replica-8-{digest(one)}"}

    await group.run(3)

    assert not one.held
    assert other.held == {4, 5, 6, 7}
    assert one.shares._layout.fence > group.clock.now
    group.kube.broken.clear()
    group.replicas.remove(one)
    await group.run(2)
    assert other.held == ALL


async def test_shard_reassigned_by_hand_is_no_longer_held() -> None:
    group = Group()
    one, other = group.join("a"), group.join("b")
    await group.run(2)
    group.kube.leases["op-shard-0"]["spec"]["holderIdentity"] = "b"

    await one.turn()

    assert one.held == {1, 2, 3}
    await group.run(3)
    assert one.held | other.held == ALL


async def test_lost_answer_to_a_renewal_moves_no_shard() -> None:
    group = Group()
    one = group.join("a")
    await group.run(2)
    group.clock.now += 1
    await touch(group)()

    assert await one.turn() == ALL

    assert [what for what, _ in one.told] == ["started"]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_write_conflict_is_followed_by_a_new_read(method: str) -> None:
    group = Group()
    one, other = group.join("a"), group.join("b")
    await group.run(1)
    group.replicas.remove(one)
    await group.run(4.5)
    group.kube.before[method] = touch(group)

    await group.run(3)

    assert other.held == ALL


async def test_slow_replica_that_renews_in_time_keeps_its_shards() -> None:
    group = Group()
    slow, other = group.join("a"), group.join("b")
    await group.run(2)
    group.clock.now += 4.1
    had = {name for name in group.kube.leases if group.kube.holder(name) == "a"}
    group.kube.before["DELETE"] = touch(group)

    await other.turn()

    assert {name for name in group.kube.leases if group.kube.holder(name) == "a"} == had
    assert other.shares._pause() == 0.1
    assert not slow.held


async def test_shard_that_cannot_be_released_expires() -> None:
    group = Group()
    one = group.join("a")
    await one.turn()
    group.kube.broken = {"LIST"}

    await one.shares.release()

    assert not one.held
    assert not one.is_told()


async def test_replica_without_shards_writes_nothing_at_release() -> None:
    group = Group()
    one = group.join("a")

    await one.shares.release()

    assert group.kube.writes == []


async def test_election_runs_until_released(monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group()
    one = group.join("a")
    turns = 0
    sleep = asyncio.sleep

    async def passing(seconds: float) -> None:
        nonlocal turns
        turns += 1
        group.clock.now += seconds
        if turns == 5:
            await one.shares.release()
        await sleep(0)

    monkeypatch.setattr(
        "runbook_operator.leadership.lease_election.asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": passing})
    )
    await one.shares.run()

    assert turns == 5
    assert [what for what, _ in one.told] == ["started", "stopped"]


@given(st.integers(0, 2**32))
async def test_random_failures_never_give_a_namespace_two_leaders_and_end_balanced(seed: int) -> None:
    """Replicas come, go, die, freeze and wake, with three numbers of shards, and any request may get lost."""
    random = Random(seed)  # noqa: S311 # a sequence that can be repeated
    group, frozen, made = Group(), list[Replica](), 0
    for _ in range(60):
        what = random.random()
        group.kube.broken = {random.choice(["LIST", "PUT", "POST", "DELETE"])} if random.random() < 0.1 else set()
        if what < 0.1 and len(group.replicas) < 4:
            made += 1
            group.join(f"r{made}", random.choice([2, 3, 8]))
        elif what < 0.14 and group.replicas:
            group.replicas.pop(random.randrange(len(group.replicas)))
        elif what < 0.2 and group.replicas:
            await group.replicas.pop(random.randrange(len(group.replicas))).shares.release()
        elif what < 0.26 and group.replicas:
            frozen.append(group.replicas.pop(random.randrange(len(group.replicas))))
        elif what < 0.32 and frozen:
            group.replicas.append(frozen.pop(random.randrange(len(frozen))))
        elif what < 0.4:
            group.kube.before[random.choice(["LIST", "PUT", "POST", "DELETE"])] = freeze(
                group, random.choice([1, 5, 9])
            )
        random.shuffle(group.replicas)
        await group.run(random.choice([0.5, 1, 5]))
    group.kube.broken = set()
    group.replicas = [one for one in group.replicas if one.shards == 8] or [group.join("last")]

    await group.run(12)

    assert frozenset().union(*(one.held for one in group.replicas)) == ALL
    assert max(group.sizes()) - min(group.sizes()) <= 1


def digest(replica: Replica) -> str:
    return replica.shares._name.rpartition("-")[2]


def touch(group: Group) -> Callable[[], Awaitable[None]]:
    """Every Lease is at a newer version, as if each had just been renewed."""

    async def touched() -> None:
        group.kube.version += 1
        for name, lease in group.kube.leases.items():
            metadata = lease["metadata"] | {"resourceVersion": str(group.kube.version)}
            group.kube.leases[name] = {**lease, "metadata": metadata}

    return touched


def freeze(group: Group, seconds: float) -> Callable[[], Awaitable[None]]:
    """Whoever asks is frozen for so long before that is sent, while all others go on."""

    async def frozen() -> None:
        asking = [one for one in group.replicas if one.shares._rounds.locked()]
        group.replicas = [one for one in group.replicas if one not in asking]
        await group.run(seconds)
        group.replicas += asking

    return frozen
