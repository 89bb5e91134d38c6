"""Who keeps a target from answering, and why that is no evidence against its revision."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import (
    Prepared,
    PreparedField,
    SwitchStatus,
)
from runbook_operator.core.level_tracker import Run
from runbook_operator.core.observed_object import observed_from
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.monitoring import intended_downtime
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NAMESPACE, NOW, WEB, Body, kill_switch, switch
from tests.revisions import ARGO, DS, STS, workload
from tests.stories import UP, Story, deployment
from tests.unit.deployments.guarded import ENGAGE, READY, deployed, guarded, is_told, sees, verdicts
from tests.unit.monitoring.downtime import SERVICE, TARGET, held, zero

OTHER = TargetRefs("web", replace(WEB, name="other"), replace(SERVICE, name="other"))
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(minutes=1)
Part = dict[str, Any]
NOTHING: Part = {}


def in_doubt(number: int, *, spoken_to: bool = True) -> SwitchObject:
    """A switch whose throw acts before it writes its record."""
    place = {"api_version": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.replicas"}
    field = PreparedField.model_validate({"action": "scale", "uid": "u", "held": number, **place})
    prepared = Prepared(engagement_id="id", generation=0 if spoken_to else 1, fields=[field])
    return replace(switch("stop"), status=SwitchStatus(prepared=prepared))


def why(*switches: SwitchObject, ref: Ref = WEB, **spec: Any) -> str:
    """The reason why a revision that came at NOW is not judged by what is seen; empty where it is."""
    story = Story(ref=ref)
    story.others = {f"shop-{number}": one for number, one in enumerate(switches)}
    found = intended_downtime.excuse(
        story.snapshot, TARGET, observed_from(workload(1, ref=ref, **spec), whole=True), NOW
    )
    return found.text if found else ""


HOLDS = "switch shop-stop {} target web".format


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (zero(), "switch shop-stop holds Deployment/web at 0"),
        (zero(at=EARLIER), "switch shop-stop holds Deployment/web at 0"),
        (zero(result="Pending", phase="Engaging"), "switch shop-stop holds Deployment/web at 0"),
        (zero(result="Restored", phase="Releasing"), "switch shop-stop holds Deployment/web at 0"),
        (zero(result="Waiting", phase="Stalled"), ""),
        (zero(held=2), ""),
        (zero(name="other"), ""),
        (in_doubt(0), "switch shop-stop scales Deployment/web to 0"),
        (in_doubt(0, spoken_to=False), ""),
        (in_doubt(2), ""),
        (switch("stop"), ""),
        (held("blockTraffic"), HOLDS("blocks the traffic of")),
        (held("blockTraffic", at=EARLIER), HOLDS("blocks the traffic of")),
        (held("blockTraffic", result="Waiting"), ""),
        (held("blockTraffic", target=OTHER), ""),
        (held("rateLimit"), HOLDS("limits the traffic of")),
        (held("rateLimit", at=EARLIER), ""),
        (held("setFlag"), HOLDS("holds a flag of")),
        (held("setFlag", at=EARLIER), ""),
        (held("setFlag", at=EARLIER, phase="Releasing"), HOLDS("holds a flag of")),
        (held("suspend"), HOLDS("suspends")),
        (held("rollback"), ""),
        (held("restart"), ""),
    ],
)
def test_switch_that_stops_the_target_excuses_its_revision(one: SwitchObject, expected: str) -> None:
    assert why(one) == expected


@pytest.mark.parametrize(
    ("ref", "spec", "expected"),
    [
        (WEB, {"replicas": 0}, "Deployment/web is at 0 replicas"),
        (WEB, {"replicas": 1}, ""),
        (STS, {"replicas": 0}, "StatefulSet/web is at 0 replicas"),
        (ARGO, {"replicas": 0}, "Rollout/web is at 0 replicas"),
        (DS, {}, "DaemonSet/web is at 0 replicas"),
        (DS, {"status": {"desiredNumberScheduled": 1}}, ""),
        (Ref("example.dev/v1", "Shop", NAMESPACE, "web"), {"replicas": 0}, ""),
    ],
)
def test_workload_at_zero_excuses_its_revision(ref: Ref, spec: Body, expected: str) -> None:
    assert why(ref=ref, **spec) == expected


@pytest.mark.parametrize(
    ("blocked", "flagged", "stopped", "at_zero"),
    [*product([None, EARLIER, LATER], [None, EARLIER, LATER], [False, True], [False, True])],
)
def test_excuse_without_time_goes_first_and_then_the_oldest(
    blocked: Any, flagged: Any, *, stopped: bool, at_zero: bool
) -> None:
    switches = [
        *([held("blockTraffic", at=blocked)] if blocked else []),
        *([held("setFlag", at=flagged)] if flagged else []),
        *([in_doubt(0)] if stopped else []),
    ]

    found = why(*switches, replicas=0 if at_zero else 3)

    if stopped or at_zero:
        assert found == (
            "switch shop-stop scales Deployment/web to 0" if stopped else "Deployment/web is at 0 replicas"
        )
    elif blocked and (blocked == EARLIER or flagged != LATER):
        assert found == HOLDS("blocks the traffic of")
    else:
        assert bool(found) == bool(blocked or flagged == LATER)


def watched(**rest: Any) -> Story:
    """Revision 2 is available and well, in its window."""
    names = ("rollback", "stop", "block")
    switches = [kill_switch(name, {"rollback": {"target": "web"}}) for name in names]
    spec = {"healthEndpoints": [READY], "metrics": [], "killSwitches": switches} | rest
    story = sees(guarded(**spec), "Ok", "ready", "HealthEndpoint")
    deployed(story.is_at(deployment(1)), 2)
    return is_told(story.is_at(deployment(2)).after(minutes=1), "Ok", "ready", "HealthEndpoint")


def fails(story: Story) -> Story:
    return is_told(story.after(seconds=4), "Critical", "ready", "HealthEndpoint")


def recovers(story: Story) -> Story:
    return is_told(story.after(seconds=4), "Ok", "ready", "HealthEndpoint")


def stopped(story: Story) -> Story:
    """A person throws `stop`, which holds the workload at 0."""
    story.others = {"shop-stop": zero(at=story.now)}
    return story.is_at(deployment(2, {}, replicas=0))


def released(story: Story) -> Story:
    story.others = {}
    return story.is_at(deployment(2, {"replicas": 2, "updatedReplicas": 2}))


def test_critical_endpoint_of_a_stopped_workload_is_no_evidence() -> None:
    story = fails(stopped(watched()))

    (live, *_), watch = story.target.verdicts, story.target.watch
    assert (live.revision, live.verdict) == (2, "Watching")
    assert live.reason.endswith(
        "switch shop-stop holds Deployment/web at 0, so what becomes Critical meanwhile does not count against it"
    )
    assert watch
    assert (watch.before, watch.judged_by) == (["health endpoint ready"], [])


def test_pods_starting_after_the_release_are_no_evidence() -> None:
    story = released(fails(stopped(watched())).after(minutes=1))
    assert verdicts(story.after(seconds=30))[0] == (2, "Watching")

    recovers(story.is_at(deployment(2)))
    story.after(minutes=30)

    assert verdicts(story)[0] == (2, "Good")


def test_endpoint_failing_right_after_the_release_is_no_evidence() -> None:
    story = released(stopped(watched()))

    assert verdicts(fails(story))[0] == (2, "Watching")


def test_endpoint_failing_again_after_recovery_is_evidence() -> None:
    story = recovers(released(fails(stopped(watched()))).is_at(deployment(2)))

    assert verdicts(fails(story.after(minutes=5)))[0] == (2, "Bad")


def test_window_ended_while_the_target_is_stopped_is_unproven() -> None:
    story = fails(stopped(watched())).after(minutes=30)

    assert verdicts(story)[0] == (2, "Unproven")
    assert story.target.verdicts[0].reason == "its window ended while switch shop-stop holds Deployment/web at 0"


def test_endpoint_not_recovered_after_the_release_is_unproven() -> None:
    story = released(fails(stopped(watched()))).after(minutes=30)

    assert verdicts(story)[0] == (2, "Unproven")
    assert "while the target was down on purpose, and has not been Ok since" in story.target.verdicts[0].reason


def test_revision_failed_before_the_stop_is_bad() -> None:
    story = watched()
    sees(story, "Critical", "ready", "HealthEndpoint", since=story.now - timedelta(seconds=5))
    story.others = {"shop-block": held("blockTraffic", at=story.now)}

    assert verdicts(story.look())[0] == (2, "Bad")


def test_failure_pending_while_stopped_is_no_evidence_after_the_release() -> None:
    story = stopped(watched())
    sees(story, "Ok", "ready", "HealthEndpoint")
    key, monitor_state = next(iter(story.monitor_states.items()))
    track = replace(monitor_state.track, runs=(Run("Critical", story.now + timedelta(seconds=1)),))
    story.monitor_states[key] = replace(monitor_state, track=track)
    story.look()

    assert verdicts(fails(released(story.after(minutes=5))))[0] == (2, "Watching")


def test_idle_visit_of_a_stopped_target_writes_no_status() -> None:
    story = fails(stopped(watched()))
    before = story.writes

    story.after(minutes=1).after(minutes=1)

    assert story.writes == before


RECREATE = {"strategy": {"type": "Recreate"}}


def recreated(story: Story, status: Body) -> Story:
    return story.is_at(deployment(2, status, **RECREATE))


def test_recreate_rollout_is_no_evidence_until_it_is_overdue() -> None:
    story = sees(guarded(healthEndpoints=[READY], metrics=[]), "Ok", "ready", "HealthEndpoint")
    story.is_at(deployment(1, **RECREATE))
    story.now += timedelta(seconds=1)
    story.keepers = deployed(watched(), 2).keepers
    recreated(story, {"replicas": 3, "updatedReplicas": 3})
    began = story.now

    fails(story)
    assert verdicts(story)[0] == (2, "Watching")
    assert runbook_due(story.snapshot) == began + timedelta(minutes=10)

    assert verdicts(story.after(minutes=10))[0] == (2, "Bad")


def test_crash_after_a_recreate_rollout_is_evidence() -> None:
    story = sees(guarded(healthEndpoints=[READY], metrics=[]), "Ok", "ready", "HealthEndpoint")
    story.is_at(deployment(1, **RECREATE))
    story.now += timedelta(seconds=1)
    story.keepers = deployed(watched(), 2).keepers
    recreated(recreated(story, {"replicas": 3, "updatedReplicas": 3}), UP)

    assert verdicts(fails(recreated(story, {"replicas": 3, "updatedReplicas": 3})))[0] == (2, "Bad")


def test_revision_with_pods_never_all_available_is_unproven() -> None:
    story = sees(guarded(healthEndpoints=[READY], metrics=[], deployments=ENGAGE), "Ok", "ready", "HealthEndpoint")
    deployed(story.is_at(deployment(1)), 2)
    story.is_at(deployment(2, {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 2}, replicas=2))
    is_told(story.after(minutes=1), "Ok", "ready", "HealthEndpoint")

    story.after(minutes=30)

    assert verdicts(story)[0] == (2, "Unproven")
    said = "its pods were never all available in its window: 0 of 2 pods have it and are available"
    assert story.target.verdicts[0].reason == said


def test_pods_briefly_unavailable_at_the_end_keep_the_verdict() -> None:
    story = watched().is_at(deployment(2, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}))

    assert verdicts(story.after(minutes=30))[0] == (2, "Good")
