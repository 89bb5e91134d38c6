"""What holds for every decision, whatever the world looks like."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.switch import FINALIZER
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.engine import next_step
from runbook_operator.switches.requeue import due
from tests.builders import NAMESPACE, WEB, Body, Simulation, kill_switch, kinds, scale


class Guarded(Simulation):
    """Refuses a write to what neither the record nor what was prepared has, as the API server has them."""

    def _act(self, entry: str, step: WriteTarget) -> None:
        status = self.switch(entry).written
        prepared = status.prepared.fields if status.prepared else ()
        known = (*status.record.actions, *status.record.dropped) if status.record else prepared
        assert {change.field_key for change in step.changes} <= {(one.ref(NAMESPACE), one.field) for one in known}
        super()._act(entry, step)


AMOUNTS = st.one_of(
    st.builds(lambda n: scale(replicas=n), st.integers(0, 5)), st.builds(lambda n: scale(by=n), st.integers(-3, 3))
)
ENTRIES = st.builds(
    lambda actions, **rest: kill_switch("stop", *actions, **rest),
    st.lists(AMOUNTS, min_size=1, max_size=3),
    momentary=st.booleans(),
    automatic=st.booleans(),
    continueOnFailure=st.booleans(),
    onDelete=st.sampled_from(["Restore", "Keep"]),
    reapplyOnChange=st.booleans(),
)
EXPIRY = st.sampled_from([None, "1s", "30m", "4h"])
FAULTS = st.sampled_from(
    [None, errors.UnavailableError("500"), errors.ForbiddenError("403"), errors.RefusedError("422")]
)
Move = tuple[str, Callable[[Simulation], object]]
"""One thing that people, time or the cluster may do to a switch, with what to call it in a failure."""


def word(engaged: bool | None, expires: str | None) -> Move:  # noqa: FBT001 # drawn by hypothesis
    expires = expires if engaged is not None else None
    return f"say {engaged} {expires}", lambda s: s.say(engaged=engaged, reason="r", expires_after=expires)


def replicas(number: int) -> Move:
    """Somebody scales the target, or makes it anew where it is gone."""
    return (
        f"set {number}",
        lambda s: s.someone_sets(number) if s.is_there else s.with_target(number, uid=f"web-{s.ids}"),
    )


def crash(steps: int) -> Move:
    return f"crash after {steps}", lambda s: s.drive(at_most=steps).restart()


def edit(entry: Body) -> Move:
    return f"edit {entry}", lambda s: s.with_runbook(killSwitches=[entry])


def gone(simulation: Simulation) -> Simulation:
    return simulation.without_target()


UNTIL = st.integers(0, 4)
"""So many steps are taken before the operator ends."""
HARMLESS = st.one_of(
    st.builds(word, st.sampled_from([True, False, None]), EXPIRY),
    st.builds(replicas, st.integers(0, 6)),
    st.builds(
        lambda v: (f"sense {v}", lambda s: s.monitor_state(v)), st.sampled_from(["Engage", "Release", "Unknown"])
    ),
    st.builds(lambda f: (f"fault {f}", lambda s: s.refuse(f)), FAULTS),
    st.builds(lambda n: (f"wait {n}", lambda s: s.after(seconds=n)), st.integers(0, 20_000)),
    st.builds(crash, st.integers(0, 4)),
    st.just(("gone", gone)),
)
MOVES = st.lists(HARMLESS, max_size=12)
ALL_MOVES = st.lists(
    st.one_of(
        HARMLESS,
        st.builds(edit, ENTRIES),
        st.just(("delete", lambda s: s.delete())),
        st.just(("observe", lambda s: s.with_runbook(mode="Observe"))),
        st.just(("target deleted", lambda s: s.remove(WEB))),
        st.just(("runbook deleting", lambda s: s.deleting_runbook())),
        st.just(("runbook deleted", lambda s: s.without_runbook())),
        st.just(("namespace deleted", lambda s: s.without_runbook().remove(WEB).delete())),
        st.just(("marked by admission", lambda s: s.mark())),
        st.builds(lambda n: (f"thrown, down after {n}", lambda s: s.throw().mark().drive(at_most=n).restart()), UNTIL),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(entry=ENTRIES, moves=ALL_MOVES)
def test_every_snapshot_has_one_deterministic_step(entry: Body, moves: list[Move]) -> None:
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(3)
    for _, move in moves:
        move(simulation)
        snapshot = simulation.looked()
        assert next_step(snapshot) == next_step(replace(snapshot))
        assert due(snapshot) is None or due(snapshot) > snapshot.now  # type: ignore[operator] # as asked
        simulation.drive(at_most=3)


@settings(max_examples=400, deadline=None)
@given(entry=ENTRIES, moves=ALL_MOVES)
def test_decisions_terminate_and_settle(entry: Body, moves: list[Move]) -> None:
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(3)
    for _, move in moves:
        move(simulation)
        simulation.steps.clear()
        simulation.drive(at_most=60)
        assert len(simulation.steps) < 60, kinds(simulation.steps)

        frozen = replace(simulation.looked(), now=simulation.now)
        assert next_step(frozen) is None


@settings(max_examples=300, deadline=None)
@given(moves=MOVES, actions=st.lists(AMOUNTS, min_size=1, max_size=3))
def test_release_from_every_state_restores_unless_changed_by_others(moves: list[Move], actions: list[Body]) -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("stop", *actions)]).with_target(3).drive()
    for _, move in moves:
        move(simulation)
        simulation.drive()
    record = simulation.status().record
    before = simulation.replicas if simulation.is_there else None

    simulation.monitor_state("Release").refuse(None).say(engaged=False).after(minutes=1).drive(at_most=60)

    assert simulation.status().record is None
    assert simulation.status().phase == "Released"
    if record and before is not None and record.actions[-1].uid == simulation.target.uid:
        # Whoever sets the very number that an action holds is not told apart from it.
        held, saved = {one.held for one in record.actions}, record.actions[-1].saved
        assert simulation.replicas == (saved if before in held else before)


@settings(max_examples=300, deadline=None)
@given(entry=ENTRIES, moves=ALL_MOVES)
def test_target_is_written_only_after_its_saved_value_is_stored(entry: Body, moves: list[Move]) -> None:
    simulation = Guarded().with_runbook(killSwitches=[entry]).with_target(3)
    for _, move in moves:
        move(simulation)
        simulation.drive(at_most=60)


@settings(max_examples=400, deadline=None)
@given(entry=ENTRIES, moves=ALL_MOVES, up=st.lists(st.integers(0, 5), max_size=12), fault=FAULTS)
def test_deletion_from_every_state_removes_the_finalizer(
    entry: Body, moves: list[Move], up: list[int], fault: errors.ApiError | None
) -> None:
    """`up` is how many steps the operator takes after each move, 0 while it is down; then it stays up."""
    simulation = Simulation().with_runbook(killSwitches=[entry]).with_target(3).drive()
    for (_, move), steps in zip(moves, up, strict=False):
        move(simulation)
        simulation.drive(at_most=steps)
    simulation.refuse(fault).restart().delete().drive(at_most=60)

    simulation.after(minutes=2).drive(at_most=60)

    assert FINALIZER not in simulation.switch().meta.finalizers
    assert simulation.next_step() is None
