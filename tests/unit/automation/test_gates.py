"""What keeps automatic sources from engaging a switch, what does not, and how it is told."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.deployment_guard_spec import JudgedRevision, WatchedRevision
from runbook_operator.api.monitoring_spec import EntryStatus, Level
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.api.switch import (
    Declared,
    Engagement,
    FieldRecord,
    Holder,
    Named,
    PinnedTarget,
    Record,
)
from runbook_operator.automation.desired_state import (
    begins_automatically,
    closed_gate,
    current_override,
    is_over,
    should_be_engaged,
)
from runbook_operator.automation.gates import GATE_REASONS, GATES, closed, is_blocked_by_gate
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.signals import Signal, Source
from runbook_operator.reconcile.snapshot import Policy
from runbook_operator.switches.requeue import due
from tests.builders import NOW, WEB, Body, Simulation, condition, kill_switch, observed, scale, switch
from tests.stories import Story, deployment

RUNBOOK = Ref("runbooks.dev/v1alpha1", "Runbook", "shop", "shop")
METRIC: Body = {"name": "error-rate", "query": "errors", "critical": "> 10%"}
NIGHTLY: Body = {"name": "nightly", "schedule": "0 2 * * *", "duration": "2h"}
"""Open from 2:00 to 4:00; the simulation begins at 3:00."""
MODEL_API: Body = {
    "name": "model-api",
    "impactIfDown": "No AI responses",
    "check": {"tcp": {"service": {"name": "model", "port": 80}}},
    "suppress": ["stop"],
}
HOUR = timedelta(hours=1)
Close = Callable[[Simulation], object]


def ready(**spec: Any) -> Simulation:
    return Simulation().with_runbook(**{"metrics": [METRIC]} | spec).with_target(3).drive()


def declare(simulation: Simulation, **spec: Any) -> Simulation:
    """Another spec of the Runbook, whose status stays."""
    old = simulation.store.runbooks[RUNBOOK].status
    simulation.with_runbook(**{"metrics": [METRIC]} | spec)
    return with_status(simulation, old)


def with_status(simulation: Simulation, status: RunbookStatus) -> Simulation:
    runbook: RunbookObject = simulation.store.runbooks[RUNBOOK]
    simulation.store.runbooks[RUNBOOK] = replace(runbook, status=status)
    return simulation


def with_dependency(simulation: Simulation, level: Level, known: Level = "Unknown") -> Simulation:
    told = EntryStatus(name="model-api", level=level, known=known, since=timestamp(NOW))
    return with_status(simulation, RunbookStatus(dependencies=[told]))


def automated(**automation: Any) -> Close:
    return lambda simulation: declare(simulation, automation=automation)


def over(simulation: Simulation, ago: timedelta, source: Holder = "Metric", **more: Any) -> Engagement:
    """An engagement of a minute that ended so long ago."""
    ended = simulation.now - ago
    return Engagement(
        engagement_id=f"over-{ago}",
        engaged_at=timestamp(ended - timedelta(minutes=1)),
        engaged_by="Metric error-rate",
        source=source,
        released_at=timestamp(ended),
        **{"generation": simulation.switch().meta.generation, "helped": True} | more,
    )


def with_history(simulation: Simulation, *engagements: Engagement) -> Simulation:
    old = simulation.switch()
    return simulation._put(replace(old, status=old.status.replace(history=[*engagements])))


def with_others(simulation: Simulation, number: int, source: Holder = "Metric", namespace: str = "shop") -> Simulation:
    """So many other Runbooks have an engagement under way."""
    for index in range(number):
        other = switch(runbook=f"other-{index}")
        record = Record(engagement_id=f"o-{index}", engaged_at=timestamp(simulation.now - 2 * HOUR), source=source)
        meta = replace(other.meta, ref=replace(other.meta.ref, namespace=namespace))
        simulation._put(replace(other, meta=meta, status=other.status.replace(record=record)))
    return simulation


def rolling(simulation: Simulation, updated: int = 1, **status: Any) -> Simulation:
    """The Deployment says of its pods how many are updated."""
    counts = {"replicas": 3, "updatedReplicas": updated, "availableReplicas": 3} | status
    return with_pods(simulation, counts)


def with_pods(simulation: Simulation, status: Body, **metadata: Any) -> Simulation:
    """The Deployment with this status, whatever was read of it before."""
    found = observed(3)
    body = {**found.body, "metadata": {**found.body["metadata"], **metadata}, "status": status}
    simulation.store.put_target(replace(found, body=body))
    return simulation


def held_down(simulation: Simulation, field: str = "spec.selector[x]", **rest: Any) -> Simulation:
    """Another Runbook's switch has blocked the traffic of the Deployment for two hours."""
    other, place = switch(runbook="other"), {"api_version": "v1", "kind": "Service", "name": "web", "uid": "svc-1"}
    action = str(rest.get("action", "blockTraffic"))
    one = FieldRecord.model_validate({"action": action, "field": field, "result": "Applied", **place, **rest})
    declared = Declared(action=action, target=PinnedTarget(workload=Named.of(WEB)))
    began = timestamp(simulation.now - 2 * HOUR)
    record = Record(engagement_id="o", engaged_at=began, plan=[declared], actions=[one])
    return simulation._put(replace(other, status=other.status.replace(record=record)))


def also(simulation: Simulation, source: Source, name: str) -> Simulation:
    """Another source says that the switch is to be engaged."""
    ref = simulation.switch().meta.ref
    simulation.store.set_signals(ref, (*simulation.store.signals_of(ref), Signal(source, name, "Engage")))
    return simulation


def unconfirmed(simulation: Simulation) -> None:
    """It was noted, while a person had silenced it; and now nobody can tell."""
    if not simulation.status().holds:
        suspended = declare(simulation, suspend={}).drive()
        declare(suspended)
    if any(one.verdict == "Engage" for one in simulation.store.signals_of(simulation.switch().meta.ref)):
        simulation.monitor_state("Unknown")


CLOSE: Mapping[Reason, Close] = {
    Reason.SUSPENDED: lambda s: declare(s, suspend={}),
    Reason.MAINTENANCE_WINDOW: automated(maintenanceWindows=[NIGHTLY]),
    Reason.INVALID_SPEC: automated(maintenanceWindows=[NIGHTLY | {"timeZone": "Mars/Olympus"}]),
    Reason.UNCONFIRMED: unconfirmed,
    Reason.DEPENDENCY_SUPPRESSED: lambda s: with_dependency(declare(s, dependencies=[MODEL_API]), "Critical"),
    Reason.DEPLOYMENT_IN_PROGRESS: rolling,
    Reason.TARGET_HELD_DOWN: held_down,
    Reason.SETTLING: lambda s: with_history(
        declare(s, metrics=[METRIC | {"settle": "10m"}]), over(s, timedelta(minutes=1), "Person")
    ),
    Reason.COOL_DOWN: lambda s: with_history(s, over(s, timedelta(minutes=1))),
    Reason.INEFFECTIVE: lambda s: with_history(s, over(s, 8 * HOUR, helped=False), over(s, 9 * HOUR, helped=False)),
    Reason.BUDGET_EXHAUSTED: lambda s: with_history(
        declare(s, automation={"actsPerHour": 1}), over(s, timedelta(minutes=30))
    ),
    Reason.BLAST_RADIUS: lambda s: with_others(s, 5),
    Reason.MIN_READY_PODS: automated(minReadyPods=1),
}
"""Each closes one gate, and no other, in any world that `ready` begins."""
OPENED_BY_TIME = {
    Reason.MAINTENANCE_WINDOW: HOUR,
    Reason.SETTLING: timedelta(minutes=9),
    Reason.COOL_DOWN: timedelta(minutes=4),
    Reason.BUDGET_EXHAUSTED: timedelta(minutes=29),
}
"""After how long these open by themselves."""


def gate_of(simulation: Simulation) -> Reason | None:
    gate = closed_gate(simulation.snapshot())
    return gate.reason if gate else None


def message_of(simulation: Simulation) -> str:
    gate = closed_gate(simulation.snapshot())
    assert gate is not None
    return gate.message


def test_every_gate_has_a_test_world() -> None:
    assert set(CLOSE) == GATE_REASONS
    # A window is open, or cannot be read: one gate with two reasons.
    assert len(GATES) == len(GATE_REASONS) - 1


@pytest.mark.parametrize("reason", [None, *CLOSE])
@pytest.mark.parametrize(
    ("hold", "current_override", "engaged"), [*product((False, True), (None, True, False), (False, True))]
)
def test_engagement_follows_override_then_existing_hold_then_gates(
    reason: Reason | None, *, hold: bool, current_override: bool | None, engaged: bool
) -> None:
    simulation = ready()
    if engaged or (hold and reason is Reason.UNCONFIRMED):
        simulation.monitor_state("Engage")
    if engaged:
        simulation.drive()
    if reason is not None:
        CLOSE[reason](simulation)
    if not (hold and reason is Reason.UNCONFIRMED):
        simulation.monitor_state("Engage" if hold else "Release")
    if current_override is not None:
        simulation.say(engaged=current_override)
    simulation.drive()

    expected = current_override if current_override is not None else hold and (engaged or reason is None)
    assert (simulation.replicas == 0) is expected
    assert (simulation.status().record is not None) is expected
    assert is_blocked_by_gate(simulation.status()) is (
        current_override is None and hold and not engaged and reason is not None
    )


@pytest.mark.parametrize("reason", CLOSE)
def test_blocked_engagement_is_recorded_and_reported_once(reason: Reason) -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[reason](simulation)
    simulation.said.clear()

    simulation.drive().after(seconds=5).drive()

    assert [(hold.source, hold.name) for hold in simulation.status().holds] == [("Metric", "error-rate")]
    status, told, message = condition(simulation.status(), "Automatic")
    assert (status, told) == ("False", reason)
    if reason is not Reason.SUSPENDED:
        assert message == f"blocked: {message_of(simulation)}; Metric error-rate would engage it"
    about_switch = [one for one in simulation.said if one.about == simulation.switch().meta.ref]
    # What was not confirmed had been held back by the suspension already, for the same hold.
    assert [one.reason for one in about_switch] == ([] if reason is Reason.UNCONFIRMED else [Reason.ENGAGEMENT_BLOCKED])
    assert all(one.warning and message_of(simulation) in one.message for one in about_switch)


@pytest.mark.parametrize(
    ("field", "rest", "closes"),
    [
        ("spec.replicas", {"kind": "Deployment", "uid": "web-1", "held": 0, "action": "scale"}, True),
        ("spec.replicas", {"kind": "Deployment", "uid": "web-1", "held": 1, "action": "scale"}, False),
        ("spec.replicas", {"kind": "Deployment", "uid": "web-2", "held": 0, "action": "scale"}, False),
        ("spec.selector[x]", {"step": 1}, False),
        ("spec.selector[x]", {"action": "setFlag"}, False),
    ],
)
def test_switch_holding_the_target_down_blocks_its_metrics(field: str, rest: Body, *, closes: bool) -> None:
    simulation = held_down(ready().monitor_state("Engage"), field, **rest)

    assert gate_of(simulation) is (Reason.TARGET_HELD_DOWN if closes else None)


def test_switch_thrown_after_the_metric_was_bad_blocks_no_engagement() -> None:
    simulation = declare(ready().monitor_state("Engage"), suspend={}).drive()
    declare(simulation).now += 3 * HOUR

    assert gate_of(held_down(simulation)) is None


@pytest.mark.parametrize("reason", [one for one in CLOSE if one is not Reason.UNCONFIRMED])
def test_opened_gate_engages_a_lasting_hold_and_reports_why(reason: Reason) -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[reason](simulation)
    simulation.drive()
    assert simulation.replicas == 3

    declare(with_history(rolling(simulation, updated=3)))
    with_dependency(simulation, "Ok")
    for ref in [ref for ref in simulation.store.switches if "other" in ref.name]:
        simulation.store.forget(ref)
    simulation.drive()

    assert simulation.replicas == 0
    said = [one.message for one in simulation.said if one.reason is Reason.UNBLOCKED]
    assert said
    assert all(
        "shop-stop by Metric error-rate (12% > 10%): the gate that blocked it has opened, and the switch engages now"
        in one
        for one in said
    )
    assert condition(simulation.status(), "Automatic")[:2] == ("True", "Automatic")


def test_engagement_without_closed_gate_reports_no_gate() -> None:
    simulation = ready().monitor_state("Engage").drive().monitor_state("Release").drive()

    assert {Reason.ENGAGEMENT_BLOCKED, Reason.UNBLOCKED}.isdisjoint(one.reason for one in simulation.said)


def test_manual_throw_of_a_blocked_switch_reports_no_opened_gate() -> None:
    simulation = ready(suspend={}).monitor_state("Engage").drive().throw().drive()

    assert simulation.replicas == 0
    assert Reason.UNBLOCKED not in {one.reason for one in simulation.said}


def test_hold_ended_behind_a_gate_leaves_the_switch_released() -> None:
    simulation = ready(suspend={}).monitor_state("Engage").drive().monitor_state("Release").drive()
    declare(simulation).drive()

    assert (simulation.replicas, simulation.status().holds) == (3, [])
    assert condition(simulation.status(), "Automatic")[0] == "True"


@pytest.mark.parametrize(("reason", "wait"), OPENED_BY_TIME.items())
def test_time_limited_gate_is_rechecked_when_it_opens(reason: Reason, wait: timedelta) -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[reason](simulation)
    simulation.drive()

    moment = due(simulation.snapshot())
    assert moment is not None
    assert timedelta(0) <= NOW + wait - moment + timedelta(seconds=1) < timedelta(seconds=2)
    simulation.now = moment
    assert simulation.drive().replicas == 0


@pytest.mark.parametrize("reason", [one for one in CLOSE if one not in (*OPENED_BY_TIME, Reason.SUSPENDED)])
def test_other_gates_are_rechecked_every_ten_seconds(reason: Reason) -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[reason](simulation)

    snapshot = simulation.drive().snapshot()

    assert due(snapshot) == snapshot.now + timedelta(seconds=10)


def test_suspension_with_an_end_is_rechecked_at_its_end() -> None:
    simulation = ready(suspend={"until": "2026-11-24T04:00:00Z"}).monitor_state("Engage").drive()

    assert due(simulation.snapshot()) == NOW + HOUR


def test_first_of_several_closed_gates_is_reported() -> None:
    simulation = ready(suspend={}).monitor_state("Engage").drive().monitor_state("Unknown")
    held_down(rolling(with_others(simulation, 5)))
    with_dependency(simulation, "Critical")
    with_history(
        simulation, *(over(simulation, timedelta(minutes=number), helped=False, generation=1) for number in (1, 3))
    )
    automation = {"actsPerHour": 2, "minReadyPods": 1, "maintenanceWindows": [NIGHTLY | {"schedule": "5-1 * * * *"}]}
    spec: Body = {"suspend": {}, "automation": automation, "dependencies": [MODEL_API]}
    spec["metrics"] = [METRIC | {"settle": "10m"}]
    told = []
    changes: tuple[Body, ...] = (
        {},
        {"suspend": None},
        {"automation": automation | {"maintenanceWindows": [NIGHTLY]}},
        {"automation": automation | {"maintenanceWindows": []}},
    )
    for change in changes:
        spec |= change
        told.append(gate_of(declare(simulation, **spec)))
    told.append(gate_of(simulation.monitor_state("Engage")))
    told.append(gate_of(with_dependency(simulation, "Ok")))
    told.append(gate_of(rolling(simulation, updated=3)))
    told.append(gate_of(simulation._put(switch(runbook="other"))))
    opened: Body = {"maintenanceWindows": []}
    told.append(gate_of(declare(simulation, **spec | {"metrics": [METRIC]})))
    for part in ({"coolDown": "0s"}, {"ineffectiveAfter": 0}, {"actsPerHour": 9}):
        opened |= part
        told.append(gate_of(declare(simulation, automation=automation | opened)))
    for ref in [ref for ref in simulation.store.switches if "other" in ref.name]:
        simulation.store.forget(ref)
    told.append(gate_of(simulation))
    told.append(gate_of(declare(simulation, automation=opened)))

    order = list(CLOSE)
    order[1:3] = [Reason.INVALID_SPEC, Reason.MAINTENANCE_WINDOW]
    assert told == [*order, None]


def test_cool_down_ends_with_a_later_override() -> None:
    simulation = ready().monitor_state("Engage").drive().silence().drive()
    assert simulation.status().history[0].source == "Metric"
    assert simulation.release().drive().replicas == 0

    simulation = ready().throw().drive().release().drive().monitor_state("Engage").drive()
    assert simulation.replicas == 0


def test_cool_down_counts_from_the_last_automatic_engagement() -> None:
    simulation = ready().monitor_state("Engage")
    with_history(simulation, over(simulation, timedelta(minutes=1)), over(simulation, 2 * HOUR, "Person"))

    assert message_of(simulation) == "cool-down after the last automatic engagement, until 2026-11-24T03:04:00Z"


def test_confirmed_reason_reopens_the_ineffective_gate() -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[Reason.INEFFECTIVE](simulation)
    told = condition(simulation.drive().status(), "Automatic")[2]
    assert '{"spec":{"reason":"checked over-8:00:00"}}' in told

    assert simulation.say(engaged=None, reason="checked over-8:00:00").drive().replicas == 0


def test_one_helpful_or_unjudged_engagement_resets_the_ineffective_count() -> None:
    for helped in (True, None):
        simulation = ready().monitor_state("Engage")
        with_history(
            simulation,
            over(simulation, HOUR, helped=False),
            over(simulation, 2 * HOUR, helped=helped),
            over(simulation, 3 * HOUR, helped=False),
        )
        assert gate_of(simulation) is None


def test_ineffective_gate_of_a_metric_does_not_block_a_dependency() -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[Reason.INEFFECTIVE](simulation)

    assert gate_of(also(simulation, "Dependency", "model-api")) is None


@pytest.mark.parametrize(
    ("level", "known", "expected"),
    [
        ("Critical", "Unknown", Reason.DEPENDENCY_SUPPRESSED),
        ("Stale", "Critical", Reason.DEPENDENCY_SUPPRESSED),
        ("Stale", "Ok", None),
        ("Unknown", "Unknown", None),
        ("Ok", "Unknown", None),
    ],
)
def test_dependency_down_as_last_known_suppresses_automation(
    level: Level, known: Level, expected: Reason | None
) -> None:
    simulation = ready(dependencies=[MODEL_API]).monitor_state("Engage")
    assert gate_of(simulation) is None

    assert gate_of(with_dependency(simulation, level, known)) is expected


def test_dependency_gate_message_has_the_impact_and_others_do_not_suppress() -> None:
    other = MODEL_API | {"name": "other", "suppress": []}
    simulation = with_dependency(ready(dependencies=[other, MODEL_API]).monitor_state("Engage"), "Critical")
    down = "dependency model-api is down (No AI responses)"
    assert message_of(simulation) == f"{down}, and the switch would not help against that"

    plain = {key: value for key, value in MODEL_API.items() if key != "impactIfDown"}
    simulation = declare(simulation, dependencies=[plain])
    assert message_of(simulation) == "dependency model-api is down, and the switch would not help against that"


@pytest.mark.parametrize(
    ("status", "rolls"),
    [
        ({}, False),
        ({"updatedReplicas": 1, "replicas": 4}, True),
        ({"updatedReplicas": 3, "replicas": 4}, True),
        ({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 0}, False),
        ({"updatedReplicas": 1, "replicas": 1, "observedGeneration": 1}, False),
        ({"updatedReplicas": 1, "replicas": 4, "conditions": [{"reason": "ProgressDeadlineExceeded"}]}, False),
    ],
)
def test_replaced_pods_close_the_rollout_gate_and_unready_pods_do_not(status: Body, *, rolls: bool) -> None:
    simulation = ready().monitor_state("Engage")
    with_pods(simulation, {"observedGeneration": 2} | status if status else {}, generation=2)

    assert gate_of(simulation) is (Reason.DEPLOYMENT_IN_PROGRESS if rolls else None)


def test_rollout_gate_opens_after_ten_minutes() -> None:
    simulation = rolling(ready().monitor_state("Engage")).drive()

    assert simulation.after(minutes=9).drive().replicas == 3
    assert simulation.after(minutes=1).drive().replicas == 0


def test_rollback_and_guard_holds_pass_the_rollout_gate() -> None:
    back = kill_switch("stop", {"rollback": {"target": "web"}})
    assert gate_of(rolling(ready(killSwitches=[back]).monitor_state("Engage"))) is None

    times = {"since": timestamp(NOW), "until": timestamp(NOW + HOUR)}
    target = TargetStatus(
        name="web",
        found=True,
        uid="web-1",
        watch=WatchedRevision(revision=2, **times),
        verdicts=[JudgedRevision(revision=2, verdict="Bad", since=times["since"])],
    )
    simulation = rolling(ready(deployments={"firstAction": {"engage": "stop"}}))
    assert gate_of(also(simulation, "Dependency", "model-api")) is Reason.DEPLOYMENT_IN_PROGRESS
    assert gate_of(with_status(also(simulation, "Deployment", "web"), RunbookStatus(targets=[target]))) is None


def test_action_without_workload_passes_the_rollout_gate() -> None:
    cron = {"name": "web", "workload": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "web"}}
    asleep = kill_switch("stop", {"suspend": {"target": "web"}})
    assert gate_of(rolling(ready(targets=[cron], killSwitches=[asleep]).monitor_state("Engage"))) is None

    told = kill_switch("stop", {"notify": {"contact": "primary", "message": "Look"}})
    contacts = [{"name": "primary", "role": "On-Call"}]
    assert gate_of(rolling(ready(contacts=contacts, killSwitches=[told]).monitor_state("Engage"))) is None


def test_settle_gate_uses_the_earliest_metric_and_skips_dependencies() -> None:
    slow, quick = METRIC | {"settle": "10m"}, METRIC | {"name": "latency", "query": "rate(x[5m])"}
    simulation = ready(metrics=[slow, quick]).monitor_state("Engage").monitor_state("Engage", name="latency")
    with_history(simulation, over(simulation, timedelta(minutes=1), "Person"))
    assert message_of(simulation) == (
        "metric latency includes samples from before the last engagement of this switch, until 2026-11-24T03:04:00Z"
    )

    assert gate_of(also(simulation, "Dependency", "model-api")) is None


def test_last_closing_maintenance_window_is_reported() -> None:
    windows = [
        NIGHTLY,
        NIGHTLY | {"name": "long", "duration": "9h"},
        NIGHTLY | {"name": "noon", "schedule": "0 12 * * *"},
    ]
    simulation = ready(automation={"maintenanceWindows": windows}).monitor_state("Engage")

    assert message_of(simulation) == "maintenance window long is open until 2026-11-24T11:00:00Z"


def test_unreadable_maintenance_window_blocks_automation_and_names_its_field() -> None:
    simulation = ready().monitor_state("Engage")
    CLOSE[Reason.INVALID_SPEC](simulation)

    assert message_of(simulation).startswith(
        "spec.automation.maintenanceWindows[0] (nightly): there is no time zone Mars/Olympus"
    )
    assert simulation.throw().drive().replicas == 0


def test_unreadable_maintenance_window_is_reported_on_the_runbook() -> None:
    wrong = {"maintenanceWindows": [NIGHTLY, NIGHTLY | {"name": "noon", "schedule": "0 0 31 2 *"}]}
    ready_condition = Story(spec={"automation": wrong}).is_at(deployment(1)).runbook.status.conditions[0]

    assert (ready_condition.type, ready_condition.status, ready_condition.reason) == ("Ready", "False", "InvalidSpec")
    assert ready_condition.message.startswith(
        "spec.automation.maintenanceWindows[1] (noon): cron schedule: the day-of-month never comes; write five fields"
    )


def test_runbook_budget_counts_all_its_switches_and_no_manual_throws() -> None:
    both = [kill_switch(), kill_switch("other", scale(replicas=1))]
    simulation = (
        ready(killSwitches=both, automation={"actsPerHour": 1}).monitor_state("Engage", "other").drive("other", "stop")
    )
    assert gate_of(simulation.monitor_state("Engage")) is Reason.BUDGET_EXHAUSTED
    assert message_of(simulation).startswith("the Runbook's 1 automatic engagements per hour are used up until")

    simulation = ready(killSwitches=both, automation={"actsPerHour": 1}).throw("other").drive("other", "stop")
    assert gate_of(simulation.monitor_state("Engage")) is None


def gate_under(simulation: Simulation, **policy: Any) -> tuple[Reason, str] | None:
    gate = closed_gate(simulation.snapshot(policy=Policy(**policy)))
    return (gate.reason, gate.message) if gate else None


def test_cluster_budget_counts_all_runbooks_and_zero_disables_automation() -> None:
    simulation = ready().monitor_state("Engage")
    assert gate_under(simulation, acts_per_hour=0) == (
        Reason.BUDGET_EXHAUSTED,
        "the cluster's 0 automatic engagements per hour (RUNBOOK_ACTS_PER_HOUR) are used up",
    )

    for name in ("a", "b"):
        body = switch(runbook=name)
        status = body.status.replace(history=[over(simulation, timedelta(minutes=9))])
        simulation._put(replace(body, status=status))
    assert gate_under(simulation, acts_per_hour=2) == (
        Reason.BUDGET_EXHAUSTED,
        "the cluster's 2 automatic engagements per hour (RUNBOOK_ACTS_PER_HOUR) are used up until 2026-11-24T03:50:00Z",
    )
    assert gate_under(simulation, acts_per_hour=3) is None


def test_blast_radius_counts_runbooks_of_namespace_and_cluster() -> None:
    simulation = with_others(ready().monitor_state("Engage"), 3)
    assert gate_under(simulation) is None
    assert gate_under(simulation, acting_per_namespace=3) == (
        Reason.BLAST_RADIUS,
        "at most 3 Runbooks of a namespace may have automatic engagements at once (RUNBOOK_ACTING_PER_NAMESPACE)",
    )

    simulation = with_others(ready().monitor_state("Engage"), 3, namespace="elsewhere")
    assert gate_under(simulation, acting_per_namespace=3) is None
    assert gate_under(simulation, acting_in_cluster=3) == (
        Reason.BLAST_RADIUS,
        "at most 3 Runbooks of a cluster may have automatic engagements at once (RUNBOOK_ACTING_IN_CLUSTER)",
    )


def test_blast_radius_ignores_manual_throws_and_the_acting_runbook() -> None:
    assert gate_of(with_others(ready().monitor_state("Engage"), 9, "Person")) is None

    both = [kill_switch(), kill_switch("other", scale(replicas=1))]
    simulation = ready(killSwitches=both).monitor_state("Engage", "other").drive("other")
    assert gate_of(with_others(simulation, 9).monitor_state("Engage")) is None


@pytest.mark.parametrize(
    ("action", "status", "is_open"),
    [
        ({"restart": {"target": "web"}}, {"readyReplicas": 1}, False),
        ({"restart": {"target": "web"}}, {"readyReplicas": 2}, True),
        ({"restart": {"target": "web"}}, {}, False),
        (scale(replicas=2), {"readyReplicas": 3}, True),
        (scale(replicas=1), {"readyReplicas": 3}, False),
        (scale(by=-1), {"readyReplicas": 1}, False),
        (scale(by=2), {"readyReplicas": 0}, True),
        ({"rollback": {"target": "web"}}, {"readyReplicas": 0}, True),
    ],
)
def test_min_ready_pods_gate_passes_actions_that_restore_pods(action: Body, status: Body, *, is_open: bool) -> None:
    simulation = ready(killSwitches=[kill_switch("stop", action)], automation={"minReadyPods": 2}).monitor_state(
        "Engage"
    )
    rolling(simulation, updated=3, **status)

    assert gate_of(simulation) is (None if is_open else Reason.MIN_READY_PODS)


def test_missing_workload_has_no_ready_pods() -> None:
    simulation = ready(automation={"minReadyPods": 1}).without_target().monitor_state("Engage")

    assert message_of(simulation) == (
        "scale needs at least 1 ready pods of Deployment/web before and after it, and there would be fewer "
        "(spec.automation.minReadyPods)"
    )


@pytest.mark.parametrize(
    ("api_version", "kind", "status", "is_open"),
    [
        ("apps/v1", "DaemonSet", {"numberReady": 1}, True),
        ("apps/v1", "DaemonSet", {"numberReady": 0}, False),
        ("example.org/v1", "Fleet", {}, True),
        ("example.org/v1", "Fleet", {"readyReplicas": 0}, False),
    ],
)
def test_ready_pods_are_counted_by_kind_and_unknown_kinds_pass(
    api_version: str, kind: str, status: Body, *, is_open: bool
) -> None:
    target = {"name": "web", "workload": {"apiVersion": api_version, "kind": kind, "name": "web"}}
    simulation = Simulation().with_object(
        {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": {}, "status": status}
    )
    simulation.with_runbook(
        targets=[target],
        killSwitches=[kill_switch("stop", {"restart": {"target": "web"}})],
        automation={"minReadyPods": 1},
    ).monitor_state("Engage")

    gate = closed_gate(simulation.looked())

    assert gate is None if is_open else gate is not None


def test_observe_mode_reports_closed_gates() -> None:
    simulation = ready(mode="Observe").monitor_state("Engage").drive()
    assert condition(simulation.status(), "Engaged")[1] == "Observing"

    simulation = ready(mode="Observe", automation={"maintenanceWindows": [NIGHTLY]}).monitor_state("Engage").drive()
    assert condition(simulation.status(), "Engaged")[1] == "Released"
    assert condition(simulation.status(), "Automatic")[1] == "MaintenanceWindow"


def test_automatic_start_excludes_throws_running_engagements_and_observe_mode() -> None:
    simulation = ready()
    assert not begins_automatically(simulation.snapshot())
    assert begins_automatically(simulation.monitor_state("Engage").snapshot())
    assert not begins_automatically(declare(simulation, mode="Observe").snapshot())
    assert not begins_automatically(declare(simulation, killSwitches=[]).snapshot())
    assert not begins_automatically(declare(simulation).throw().snapshot())
    assert not begins_automatically(simulation.release().drive().snapshot())


def test_engaged_by_names_the_currently_active_source() -> None:
    simulation = (
        ready(suspend={})
        .monitor_state("Engage")
        .drive()
        .monitor_state("Unknown")
        .monitor_state("Engage", name="latency")
    )

    assert declare(simulation).drive().status().engaged_by == "Metric latency"


def test_missing_runbook_closes_no_gate() -> None:
    simulation = ready(suspend={}).monitor_state("Engage").drive()
    simulation.store.runbooks.clear()

    assert closed(simulation.snapshot(), simulation.status().holds) is None


def test_switch_without_signals_is_not_blocked() -> None:
    assert not is_blocked_by_gate(Simulation().with_runbook().status())


def lose_sight(simulation: Simulation) -> None:
    """There is no data any more, before anything is engaged; under way, that is no matter of a gate."""
    if simulation.status().record is None:
        simulation.monitor_state("Unknown")


CLOSERS = st.lists(
    st.sampled_from([lose_sight, *(CLOSE[one] for one in CLOSE if one is not Reason.UNCONFIRMED)]), max_size=4
)
MOVES = st.lists(
    st.sampled_from(
        [
            lambda s: s.monitor_state("Engage"),
            lambda s: s.monitor_state("Engage", name="latency"),
            lambda s: s.monitor_state("Release"),
            lambda s: s.monitor_state("Unknown"),
            lambda s: s.throw(),
            lambda s: s.silence(expires_after="30m"),
            lambda s: s.release(),
            lambda s: s.after(minutes=20),
            lambda s: s.after(hours=2),
            lambda s: s.drive(),
            lambda s: s.drive(at_most=1),
            lambda s: declare(s, mode="Observe"),
        ]
    ),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(moves=MOVES, closers=CLOSERS)
def test_closed_gates_never_engage_or_release(moves: list[Close], closers: list[Close]) -> None:
    simulation = ready()
    for move in moves:
        move(simulation)
    before = simulation.snapshot()
    # What closes a gate declares the Runbook in Enforce, which engages a throw that nobody has seen in Observe.
    assume(not before.observing)
    for close in closers:
        close(simulation)
    after = simulation.snapshot()

    said = current_override(before)
    if before.record is not None or (said is not None and not is_over(before)):
        assert should_be_engaged(after) is should_be_engaged(before)
    else:
        assert should_be_engaged(before) or not should_be_engaged(after)
