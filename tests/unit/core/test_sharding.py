"""Where namespaces belong, and who takes which shard."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.references import Ref
from runbook_operator.core.sharding import ShardChanges, all_objects, in_shards, next_changes, shard_of

NAMES = [f"team-{number}" for number in range(10_000)]


def test_single_shard_has_every_namespace() -> None:
    assert {shard_of(name, 1) for name in NAMES} == {0}


def test_namespace_shard_is_stable_across_versions() -> None:
    assert [shard_of(name, 8) for name in ("default", "ai", "team-1", "")] == [1, 6, 5, 5]


@pytest.mark.parametrize("count", [2, 8, 64])
def test_namespaces_are_spread_evenly(count: int) -> None:
    sizes = Counter(shard_of(name, count) for name in NAMES)

    mean = len(NAMES) / count
    deviation = mean**0.5
    assert set(sizes) == set(range(count))
    assert all(abs(size - mean) < 5 * deviation for size in sizes.values())


@pytest.mark.parametrize(("before", "after"), [(1, 2), (8, 9), (8, 16)])
def test_more_shards_move_only_namespaces_of_the_new_shards(before: int, after: int) -> None:
    moved = [name for name in NAMES if shard_of(name, before) != shard_of(name, after)]

    assert all(shard_of(name, after) >= before for name in moved)
    assert len(moved) / len(NAMES) == pytest.approx((after - before) / after, abs=0.02)


def test_object_belongs_to_the_shard_of_its_namespace() -> None:
    ref = Ref("v1", "Service", "default", "web")

    assert in_shards({1}, 8)(ref)
    assert not in_shards({0, 2, 3}, 8)(ref)
    assert all_objects(ref)


A, B, C, D = "abcd"


@pytest.mark.parametrize(
    ("replica", "holders", "replicas", "expected"),
    [
        pytest.param(A, ["", "", "", ""], "a", ShardChanges((0, 1, 2, 3)), id="single replica takes all"),
        pytest.param(A, ["", "", "", ""], "ab", ShardChanges((0, 1)), id="first of two takes half"),
        pytest.param(B, ["", "", "", ""], "ab", ShardChanges((2, 3)), id="second of two takes the other half"),
        pytest.param(B, [A, A, A, A], "ab", ShardChanges(lacking=True), id="new replica waits for its share"),
        pytest.param(
            A, [A, A, A, A], "ab", ShardChanges(give=(2, 3)), id="old replica releases the share of the new one"
        ),
        pytest.param(B, [A, A, "", ""], "ab", ShardChanges((2, 3)), id="new replica takes the released share"),
        pytest.param(A, [A, A, B, B], "ab", ShardChanges(), id="even shares stay"),
        pytest.param(A, [A, A, B], "ab", ShardChanges(), id="odd shard stays with its holder"),
        pytest.param(B, [A, A, B], "ab", ShardChanges(), id="odd shard is not taken by the other"),
        pytest.param(A, [A, A, C, C], "ab", ShardChanges(), id="largest holder takes no shard of a dead replica"),
        pytest.param(
            B, [A, A, C, C], "ab", ShardChanges((2, 3)), id="smallest holder takes all shards of a dead replica"
        ),
        pytest.param(A, [A, A, A, ""], "ab", ShardChanges(give=(2,)), id="excess is released although a shard is free"),
        pytest.param(
            B, [A, A, A, ""], "ab", ShardChanges((3,), lacking=True), id="free shard is taken and the excess awaited"
        ),
        pytest.param(C, [A, B], "abc", ShardChanges(), id="replica beyond the number of shards lacks none"),
        pytest.param(D, [A, A, A, B, B, B, C, C], "abcd", ShardChanges(lacking=True), id="fourth replica waits"),
        pytest.param(
            A,
            [A, A, A, B, B, B, C, C],
            "abcd",
            ShardChanges(give=(2,)),
            id="largest holder releases one for the fourth",
        ),
        pytest.param(C, [A, A, A, B, B, B, C, C], "abcd", ShardChanges(), id="holder of an even share releases none"),
    ],
)
def test_replica_takes_and_gives_shards_towards_its_share(
    replica: str, holders: list[str], replicas: str, expected: ShardChanges
) -> None:
    assert next_changes(replica, holders, frozenset(replicas)) == expected


@st.composite
def snapshots(draw: st.DrawFn) -> tuple[list[str], frozenset[str]]:
    replicas = draw(st.sets(st.sampled_from("abcdefghij"), min_size=1))
    holders = draw(st.lists(st.sampled_from(["", *"abcdefghij"]), min_size=1, max_size=40))
    return holders, frozenset(replicas)


def turn(holders: list[str], replicas: frozenset[str]) -> list[str]:
    """Everybody does what the same world tells, at the same time."""
    after = list(holders)
    for one in replicas:
        wish = next_changes(one, holders, replicas)
        for shard in wish.take:
            assert holders[shard] not in replicas, "nobody takes what another has"
            assert after[shard] not in replicas, "no two take the same"
            after[shard] = one
        for shard in wish.give:
            assert holders[shard] == one, "nobody gives what it has not"
            after[shard] = ""
    return after


@given(snapshots())
def test_two_elections_balance_the_shards_and_then_nothing_moves(snapshot: tuple[list[str], frozenset[str]]) -> None:
    holders, replicas = snapshot

    settled = turn(turn(holders, replicas), replicas)

    floor, extra = divmod(len(holders), len(replicas))
    sizes = Counter(settled)
    assert sorted(sizes[one] for one in replicas) == [floor] * (len(replicas) - extra) + [floor + 1] * extra
    assert turn(settled, replicas) == settled
    assert all(next_changes(one, settled, replicas) == ShardChanges() for one in replicas)


@given(snapshots(), st.sampled_from("abcdefghij"))
def test_lost_replica_moves_only_its_shards_and_new_one_only_its_share(
    snapshot: tuple[list[str], frozenset[str]], other: str
) -> None:
    holders, replicas = snapshot
    settled = turn(turn(holders, replicas), replicas)
    changed = replicas ^ {other}
    if not changed:
        return

    after = turn(turn(settled, changed), changed)

    moved = [(old, new) for old, new in zip(settled, after, strict=True) if old != new]
    assert {old if other in replicas else new for old, new in moved} <= {other}
