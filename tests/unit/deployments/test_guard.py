"""The deployment guard: what opens a window, what makes a revision bad in it, and when that is over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from runbook_operator.api.admission_changes import Admitted
from runbook_operator.api.conditions import find, timestamp
from runbook_operator.api.probe_status import ProbeStatus
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.api.switch import Engagement, Swapped, SwitchStatus
from runbook_operator.core import probe_fields
from runbook_operator.core.level_tracker import Level, Run
from runbook_operator.core.monitors import MonitorState
from runbook_operator.core.observed_object import Missing, ObservedObject, observed_from
from runbook_operator.core.pod_templates import digest
from runbook_operator.core.queries import Denied, Find, NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.signals import Signal
from runbook_operator.deployments import guard
from runbook_operator.monitoring.entry_status import tracks_of
from runbook_operator.runbooks.runbook_reconcile import next_step
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NOW, WEB, Body, kill_switch, runbook, switch
from tests.revisions import ARGO, DS, STS, UID, kept, template, workload
from tests.stories import UP, Story, daemon_set, deployment, engaged, entry, stateful_set
from tests.unit.deployments.guarded import COMES_UP, ENGAGE, ERRORS, READY, deployed, guarded, is_told, sees, verdicts

SAID = {Reason.NEW_REVISION, Reason.GOOD_REVISION, Reason.BAD_REVISION, Reason.UNPROVEN_REVISION}


def started(**rest: Any) -> Story:
    """Revision 1 is live, was seen, and all is well."""
    return sees(guarded(**rest), "Ok").is_at(deployment(1, COMES_UP))


def signal(story: Story) -> Signal:
    (found,) = guard.signals(story.snapshot)["rollback"]
    return found


def said(story: Story) -> list[str]:
    return [one.reason.value for one in story.said if one.reason in SAID and one.about.kind == "Runbook"]


# What opens a window, and what makes a revision bad in it.


def nothing_happens(story: Story) -> Story:
    return story


def a_new_version_comes(story: Story) -> Story:
    return deployed(story, 2)


def it_is_restarted(story: Story) -> Story:
    again = template(1)
    again["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-11-24T03:00:00Z"}
    return deployed(story, 2, 1, again)


def it_is_scaled(story: Story) -> Story:
    return story.is_at(deployment(1, COMES_UP, replicas=9))


def a_flag_is_set(story: Story) -> Story:
    place = "spec.template.spec.containers[name=app].env[name=FLAG]"
    flag = {"name": "FLAG", "value": "off"}
    story.switch = engaged(entry({}, {}, field=place, saved=None, held=flag, mode="Hold", action="setFlag"))
    flagged = template(1)
    flagged["spec"]["containers"][0]["env"] = [*flagged["spec"]["containers"][0]["env"], flag]
    return deployed(story, 2, 1, flagged)


def a_switch_rolls_back(story: Story) -> Story:
    before, after = ({"digest": digest(template(one)), "revision": one} for one in (1, 0))
    story.switch = engaged(entry(before, after))
    return deployed(story, 2, 1, 0)


OWN = (nothing_happens, it_is_restarted, it_is_scaled, a_flag_is_set, a_switch_rolls_back)
LEVELS: tuple[Level, ...] = ("Ok", "Warning", "Critical", "Unknown", "Stale")


@pytest.mark.parametrize("before", ["well", "critical"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("window", ["open", "over"])
@pytest.mark.parametrize("happens", [*OWN, a_new_version_comes])
def test_only_a_level_critical_within_its_window_makes_a_revision_bad(
    happens: Callable[[Story], Story], window: str, level: Level, before: str
) -> None:
    story = started()
    if before == "critical":
        is_told(story.after(minutes=1), "Critical")
    happens(story.after(minutes=1))
    story.after(minutes=1 if window == "open" else 31)

    if (before, level) != ("critical", "Critical"):  # it went on
        is_told(story, level)

    is_bad = (happens, window, level, before) == (a_new_version_comes, "open", "Critical", "well")
    assert (story.target.verdicts[0].verdict == "Bad") == is_bad
    assert signal(story).verdict == ("Engage" if is_bad else "Release")
    assert ("BadRevision" in said(story)) == is_bad
    assert ("NewRevision" in said(story)) == (happens is a_new_version_comes)


def test_window_starts_when_the_revision_is_first_observed() -> None:
    story = started()
    story.now += timedelta(minutes=7)

    deployed(story, 2)

    watch = story.target.watch
    assert watch is not None
    assert (watch.revision, watch.since, watch.until) == (
        2,
        timestamp(story.now),
        timestamp(story.now + timedelta(minutes=30)),
    )
    assert runbook_due(story.snapshot) == story.now + timedelta(minutes=30)


def test_revision_live_before_the_guard_is_unproven_and_costs_no_read() -> None:
    story = is_told(started(), "Critical")

    assert verdicts(story) == [(1, "Unproven")]
    assert story.target.verdicts[0].reason == guard.FIRST
    assert (story.asked, said(story)) == ([], [])


def test_new_revision_costs_one_read() -> None:
    story = deployed(started(), 2).after(minutes=1)

    assert story.asked == [Find("apps/v1", "ReplicaSet", "shop")]


def test_change_not_yet_observed_by_its_controller_is_no_revision() -> None:
    story = started()
    body = deployment(2)
    body["metadata"]["generation"], body["status"]["observedGeneration"] = 3, 2

    assert verdicts(story.is_at(body)) == [(1, "Unproven")]


def test_revision_missing_in_the_first_list_is_read_again() -> None:
    story = started()
    story.keepers = (kept(1, 1),)
    story.is_at(deployment(2, COMES_UP))
    assert verdicts(story) == [(1, "Unproven")]
    assert runbook_due(story.snapshot) == NOW + guard.LOOKED_AT_EVERY

    story.keepers = (kept(1, 1), kept(2, 2))

    assert verdicts(story.after(seconds=10))[0] == (2, "Watching")


def test_workload_without_revision_is_not_judged() -> None:
    assert verdicts(guarded().is_at(workload(1, status=UP))) == []
    assert verdicts(guarded(STS).is_at(stateful_set(""))) == []


def test_recreated_workload_has_no_new_revision() -> None:
    story = deployed(started(), 2)

    story.is_at(deployment(1), uid="web-2")

    assert (verdicts(story), story.target.watch) == ([(1, "Unproven")], None)


# How a window ends.


def test_revision_ok_until_its_window_ends_is_good() -> None:
    story = deployed(started(), 2).is_at(deployment(2))
    is_told(story.after(minutes=1), "Ok")
    story.after(minutes=28, seconds=59)
    assert verdicts(story) == [(2, "Watching"), (1, "Unproven")]

    story.after(seconds=1)

    assert verdicts(story) == [(2, "Good"), (1, "Unproven")]
    assert story.target.verdicts[0].reason == "nothing became Critical within 30m"
    assert story.target.watch is None
    assert said(story) == ["NewRevision", "GoodRevision"]


@pytest.mark.parametrize("level", ["Unknown", "Stale"])
def test_revision_without_data_at_the_end_is_unproven(level: Level) -> None:
    story = deployed(started(), 2)
    is_told(story.after(minutes=1), level)

    story.after(minutes=29)

    assert verdicts(story)[0] == (2, "Unproven")
    assert story.target.verdicts[0].reason == "its window ended without data of metric error-rate"
    assert said(story) == ["NewRevision", "UnprovenRevision"]


def test_revision_with_only_older_data_is_unproven() -> None:
    story = deployed(started().after(minutes=1), 2)

    assert verdicts(story.after(minutes=30))[0] == (2, "Unproven")


def test_revision_with_a_metric_critical_before_and_after_is_unproven() -> None:
    story = is_told(started(), "Critical")
    deployed(story.after(seconds=1), 2)
    is_told(story.after(minutes=29), "Critical", since=NOW)

    story.after(minutes=1)

    assert verdicts(story)[0] == (2, "Unproven")
    assert "metric error-rate was Critical before this revision came" in story.target.verdicts[0].reason


def test_metric_critical_again_after_recovery_makes_the_revision_bad() -> None:
    story = is_told(started(), "Critical")
    deployed(story.after(seconds=1), 2)

    is_told(story.after(minutes=1), "Ok")
    is_told(story.after(minutes=1), "Critical")

    assert verdicts(story)[0] == (2, "Bad")


def test_earlier_breach_that_only_improves_is_not_over() -> None:
    story = is_told(started(), "Critical")
    deployed(story.after(seconds=1), 2)

    is_told(story.after(minutes=1), "Warning")
    is_told(story.after(minutes=1), "Critical")

    assert verdicts(story)[0] == (2, "Watching")


def coming(since: datetime) -> dict[str, Any]:
    return {"runs": (Run("Critical", since),)}


def test_level_pending_before_the_revision_is_no_evidence_until_over() -> None:
    story = is_told(started().after(minutes=1), "Ok", **coming(NOW))
    deployed(story.after(seconds=1), 2)

    is_told(story.after(seconds=30), "Ok", **coming(NOW))
    is_told(story.after(seconds=30), "Critical")

    assert verdicts(story)[0] == (2, "Watching")


def test_level_critical_before_and_stale_since_is_no_evidence() -> None:
    """The first data ends Stale, and the level from before is then told as if it were new."""
    story = is_told(started(), "Stale", known="Critical")
    deployed(story.after(seconds=1), 2)

    is_told(story.after(minutes=1), "Critical")

    assert verdicts(story)[0] == (2, "Watching")


def test_metric_critical_without_earlier_data_makes_the_revision_bad() -> None:
    story = is_told(started(), "Unknown")

    is_told(deployed(story, 2).after(minutes=1), "Critical")

    assert verdicts(story)[0] == (2, "Bad")


def test_breach_within_the_window_counts_when_visited_after_its_end() -> None:
    story = deployed(started(), 2)
    story.now += timedelta(minutes=31)

    is_told(story, "Critical", since=NOW + timedelta(minutes=29))
    assert verdicts(story)[0] == (2, "Bad")
    late = deployed(started(), 2).is_at(deployment(2))
    late.now += timedelta(minutes=31)
    assert verdicts(is_told(late, "Critical"))[0] == (2, "Good")


def test_next_revision_ends_the_window_of_the_previous_one() -> None:
    story = deployed(deployed(started(), 2).after(minutes=1), 3)

    assert verdicts(story) == [(3, "Watching"), (2, "Unproven"), (1, "Unproven")]
    assert story.target.verdicts[1].reason == "revision 3 was deployed before its window ended"
    assert said(story) == ["NewRevision", "NewRevision", "UnprovenRevision"]


def test_last_five_verdicts_are_kept() -> None:
    story = started()
    for number in range(2, 9):
        deployed(story, number)

    assert [number for number, _ in verdicts(story)] == [8, 7, 6, 5, 4]


# What judges it.


def test_health_endpoint_of_the_target_counts_and_of_another_does_not() -> None:
    other = {"name": "other", "target": "db"}
    targets = [
        {"name": "web", "workload": {"name": "web"}},
        {"name": "db", "workload": {"name": "db"}},
    ]
    story = deployed(sees(guarded(targets=targets, healthEndpoints=[READY, other]), "Ok"), 1)
    deployed(story, 2)

    is_told(story.after(minutes=1), "Critical", "other", "HealthEndpoint")
    assert verdicts(story)[0] == (2, "Watching")
    is_told(story, "Critical", "ready", "HealthEndpoint")

    assert verdicts(story)[0] == (2, "Bad")
    assert story.target.verdicts[0].reason == "health endpoint ready is Critical"
    assert story.target.verdicts[0].advice.startswith("Kill switch rollback")


def test_configured_metrics_and_endpoints_judge_the_revision() -> None:
    story = started(
        metrics=[ERRORS, ERRORS | {"name": "latency"}],
        healthEndpoints=[READY],
        deployments=ENGAGE | {"metrics": ["latency"], "healthEndpoints": []},
    )
    deployed(story, 2).after(minutes=1)

    is_told(story, "Critical")
    is_told(story, "Critical", "ready", "HealthEndpoint")
    assert verdicts(story)[0] == (2, "Watching")
    is_told(story, "Critical", "latency")

    assert verdicts(story)[0] == (2, "Bad")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"deployments": ENGAGE | {"monitorFor": "0s"}}, "deployments.monitorFor is 0s"),
        ({"metrics": []}, "no metric with a critical threshold"),
        ({"metrics": [{"name": "error-rate", "query": "errors", "warning": "> 1"}]}, "no metric with a critical"),
    ],
)
def test_unjudged_revision_is_not_watched_or_reported(spec: Body, why: str) -> None:
    story = deployed(started(**spec), 2)

    is_told(story.after(minutes=1), "Critical")

    assert verdicts(story) == [(2, "Unproven"), (1, "Unproven")]
    assert why in story.target.verdicts[0].reason
    assert (story.target.watch, said(story)) == (None, [])


def test_edited_monitor_for_moves_the_window_end() -> None:
    story = deployed(started(), 2)
    rest = story.spec | {"deployments": ENGAGE | {"monitorFor": "10m"}}

    story.runbook = replace(story.runbook, spec=runbook(**rest).spec)
    story.look()

    assert story.target.watch
    assert story.target.watch.until == timestamp(story.now + timedelta(minutes=10))


@pytest.mark.parametrize(("level", "verdict"), [("Ok", "Unproven"), ("Critical", "Bad")])
def test_disabled_monitoring_ends_the_window(level: Level, verdict: str) -> None:
    story = is_told(deployed(started(), 2).after(minutes=1), level)
    rest = story.spec | {"deployments": ENGAGE | {"monitorFor": "0s"}}

    story.runbook = replace(story.runbook, spec=runbook(**rest).spec)
    story.look()

    assert verdicts(story)[0] == (2, verdict)
    assert (story.target.watch, signal(story).verdict) == (None, "Release")


# What a bad one leads to, and when that is over.


def bad(**rest: Any) -> Story:
    """Revision 2 is bad a minute after it came."""
    story = started(**rest)
    return is_told(deployed(story, 2).after(minutes=1), "Critical")


def rolled_back(story: Story) -> Story:
    """The switch has brought the version of revision 1, which is revision 3 now."""
    before, after = ({"digest": digest(template(one)), "revision": one} for one in (2, 1))
    story.switch = engaged(entry(before, after))
    story.keepers = (kept(2, 2), kept(1, 3, 1))
    story.now += timedelta(seconds=1)
    return story.is_at(deployment(3))


def test_bad_revision_engages_until_every_critical_signal_is_ok() -> None:
    story = rolled_back(bad())
    assert verdicts(story) == [(3, "Unproven"), (2, "Bad")]

    unclear: tuple[Level, ...] = ("Warning", "Unknown", "Stale")
    for level in unclear:
        assert signal(is_told(story.after(minutes=1), level)).verdict == "Unknown"
    assert signal(is_told(story, "Critical")).verdict == "Engage"
    assert signal(is_told(story, "Ok")).verdict == "Release"

    assert story.target.watch is None
    assert verdicts(story) == [(3, "Unproven"), (2, "Bad")]


def bad_revision(story: Story) -> tuple[str, str, str] | None:
    """The condition about a bad revision."""
    found = find(story.runbook.status.conditions, "RevisionBad")
    return (found.status, found.reason, found.message) if found else None


def test_rolled_back_revision_condition_lasts_until_another_deploy() -> None:
    story = bad()
    expected = bad_revision(story)
    assert expected
    assert expected[:2] == ("True", "BadRevision")
    assert expected[2].startswith("revision 2 of Deployment/web is bad: ")
    assert expected[2].endswith("To make the rollback permanent, change in Git: environment of container app (VERSION)")

    is_told(rolled_back(story).after(minutes=1), "Ok").after(hours=2)
    assert bad_revision(story) == expected

    story.switch = SwitchStatus()
    deployed(story, 4)
    assert bad_revision(story) is None


def test_bad_revision_condition_lasts_while_the_runbook_is_unparsable() -> None:
    story = bad()
    expected = bad_revision(story)

    story.runbook = replace(story.runbook, spec=None, error="spec.title: Field required")

    assert bad_revision(story.look()) == expected


def test_rolled_back_to_revision_keeps_its_number_and_earlier_verdict() -> None:
    story = rolled_back(bad())

    reason = story.target.verdicts[0].reason
    assert reason == f"a switch rolled back to it as revision 3; before that: {guard.FIRST}"


def test_revision_rolled_back_to_twice_keeps_the_first_reason() -> None:
    story = rolled_back(bad())
    deployed(is_told(story.after(minutes=1), "Ok"), 4)
    story.switch = SwitchStatus()
    rolled = is_told(story.after(minutes=1), "Critical")
    before, after = ({"digest": digest(template(one)), "revision": number} for one, number in ((4, 4), (1, 3)))
    rolled.switch = engaged(entry(before, after))
    rolled.keepers = (kept(4, 4), kept(2, 2), kept(1, 5, 1, 3))

    rolled.after(seconds=1).is_at(deployment(5))

    reason = rolled.target.verdicts[0].reason
    assert reason == f"a switch rolled back to it as revision 5; before that: {guard.FIRST}"


def test_recovered_rollback_no_longer_engages() -> None:
    story = is_told(rolled_back(bad()).after(minutes=1), "Ok")

    is_told(story.after(minutes=1), "Critical")

    assert (signal(story).verdict, story.target.watch) == ("Release", None)


def test_live_bad_revision_engages_again_until_its_window_ends() -> None:
    story = is_told(bad().after(minutes=1), "Ok")
    assert signal(story).verdict == "Release"
    assert signal(is_told(story.after(minutes=1), "Critical")).verdict == "Engage"

    is_told(story, "Ok").after(minutes=30)

    assert signal(is_told(story, "Critical")).verdict == "Release"


def test_bad_revision_still_engages_after_its_window() -> None:
    story = bad().after(hours=1)

    assert signal(story).verdict == "Engage"
    assert signal(is_told(story, "Ok")).verdict == "Release"
    assert story.target.watch is None


def test_metric_critical_after_the_rollback_does_not_engage() -> None:
    story = rolled_back(bad(metrics=[ERRORS, ERRORS | {"name": "latency"}]))

    is_told(story.after(minutes=1), "Critical", "latency")
    is_told(story, "Ok")

    assert signal(story).verdict == "Release"


def test_all_metrics_critical_while_live_must_recover_before_release() -> None:
    story = bad(metrics=[ERRORS, ERRORS | {"name": "latency"}])
    is_told(story.after(seconds=1), "Critical", "latency")
    rolled_back(story)

    assert signal(is_told(story, "Ok")).verdict == "Engage"
    assert signal(is_told(story, "Ok", "latency")).verdict == "Release"


def test_removed_metric_does_not_delay_release() -> None:
    story = bad(metrics=[ERRORS, ERRORS | {"name": "latency"}])
    rest = story.spec | {"metrics": [ERRORS | {"name": "latency"}]}

    story.runbook = replace(story.runbook, spec=runbook(**rest).spec)

    assert signal(rolled_back(story)).verdict == "Release"


def test_new_revision_ends_the_old_signal_and_gets_its_own_window() -> None:
    story = rolled_back(bad())
    story.keepers = (kept(2, 2), kept(1, 3, 1), kept(3, 4))
    story.is_at(deployment(4, COMES_UP))

    assert verdicts(story) == [(4, "Watching"), (3, "Unproven"), (2, "Bad")]
    assert signal(story).verdict == "Release"
    is_told(story.after(minutes=1), "Ok")
    assert signal(is_told(story.after(minutes=1), "Critical")).verdict == "Engage"
    assert verdicts(story)[0] == (4, "Bad")


def test_same_version_deployed_again_is_judged_again() -> None:
    story = is_told(rolled_back(bad()), "Ok")
    story.switch = SwitchStatus()
    story.keepers = (kept(1, 3, 1), kept(2, 4, 2))

    story.is_at(deployment(4, COMES_UP))

    assert verdicts(story) == [(4, "Watching"), (3, "Unproven")]


def test_bad_revision_redeployed_during_rollback_opens_no_window() -> None:
    story = rolled_back(bad())
    before = verdicts(story)
    story.keepers = (kept(1, 3, 1), kept(2, 4, 2))

    story.is_at(deployment(4, COMES_UP))

    assert verdicts(story) == before
    assert signal(story).verdict == "Engage"


def test_revision_rolled_back_before_its_window_ended_is_unproven() -> None:
    story = rolled_back(deployed(started(), 2).after(minutes=1))

    assert verdicts(story) == [(3, "Unproven"), (2, "Unproven")]
    assert story.target.verdicts[1].reason == "a switch rolled back to revision 3 before its window ended"
    assert story.target.watch is None


def test_finished_rollback_is_no_deployment_and_an_old_one_hides_none() -> None:
    story = deployed(started(), 2).after(minutes=2)
    swap = Swapped(uid=UID, before={"digest": digest(template(2))}, after={"digest": digest(template(1))})
    times = {"engaged_at": timestamp(NOW + timedelta(minutes=1)), "released_at": timestamp(story.now)}
    story.switch = SwitchStatus(history=[Engagement(engagement_id="id", templates=[swap], **times)])
    story.keepers = (kept(2, 2), kept(1, 3, 1))
    story.is_at(deployment(3))
    assert verdicts(story)[0] == (3, "Unproven")

    story.keepers = (kept(2, 4, 2), kept(1, 3, 1))
    story.after(minutes=1).is_at(deployment(4))
    story.keepers = (kept(2, 4, 2), kept(1, 5, 1, 3))
    story.after(minutes=1).is_at(deployment(5))

    assert verdicts(story) == [(5, "Watching"), (4, "Unproven")]


def test_restart_within_the_window_only_changes_its_number() -> None:
    story = deployed(started(), 2)
    since = story.target.verdicts[0].since
    again = template(2)
    again["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-11-24T03:00:00Z"}

    deployed(story.after(minutes=1), 3, 1, 2, again)

    assert verdicts(story) == [(3, "Watching"), (1, "Unproven")]
    watch = story.target.watch
    assert watch is not None
    assert (watch.revision, watch.since, story.target.verdicts[0].since) == (3, since, since)
    is_told(story, "Critical")
    assert verdicts(story)[0] == (3, "Bad")


def test_deployment_while_a_flag_is_held_is_a_new_revision() -> None:
    story = a_flag_is_set(started())
    flagged = template(3)
    flag = {"name": "FLAG", "value": "off"}
    flagged["spec"]["containers"][0]["env"] = [*flagged["spec"]["containers"][0]["env"], flag]

    story.keepers = (*story.keepers, kept(flagged, 3))
    story.is_at(deployment(3, COMES_UP))

    assert verdicts(story)[0] == (3, "Watching")
    story.switch = SwitchStatus()
    story.keepers = (*story.keepers, kept(3, 4))
    story.is_at(deployment(4, COMES_UP))
    assert verdicts(story)[0] == (4, "Watching")
    assert said(story) == ["NewRevision"]


# What is read, and what is not.


def denied(story: Story, number: int) -> Story:
    story.now += timedelta(seconds=1)
    story.keepers = Denied(Reason.FORBIDDEN, "no")
    return story.is_at(deployment(number, COMES_UP))


def test_forbidden_replica_sets_make_each_number_a_revision_except_flags() -> None:
    story = denied(started(), 2)
    assert verdicts(story)[0] == (2, "Watching")

    story.switch = engaged(entry({}, {}, field="spec.template.spec.x", saved=None, held="off", mode="Hold"))
    assert verdicts(denied(story, 3)) == [(3, "Watching"), (1, "Unproven")]
    story.switch = SwitchStatus()
    denied(story, 4)

    assert verdicts(story) == [(4, "Watching"), (3, "Unproven"), (1, "Unproven")]
    is_told(story.after(minutes=1), "Critical")
    assert story.target.verdicts[0].advice == (
        "Kill switch rollback rolls back from it. To make the rollback permanent, revert the change in Git"
    )


def test_stateful_set_is_judged_by_its_controller_revisions() -> None:
    old, new = kept(1, 1, ref=STS), kept(2, 2, ref=STS)
    names = [one["metadata"]["name"] for one in (old, new)]
    story = sees(guarded(STS), "Ok").is_at(stateful_set(names[0]))
    story.keepers = (old, new)

    story.is_at(stateful_set(names[1]))
    assert verdicts(story) == [(2, "Watching"), (0, "Unproven")]
    is_told(story.after(minutes=1), "Critical")

    assert signal(story).reason.startswith("revision 2 of StatefulSet/web is bad: metric error-rate is Critical")
    assert "rolls back to revision 1" in story.target.verdicts[0].advice


def test_daemon_set_is_judged_by_its_template_without_numbers() -> None:
    story = sees(guarded(DS), "Ok").is_at(daemon_set("a"))
    story.keepers = Denied(Reason.FORBIDDEN, "no")

    is_told(story.is_at(daemon_set("b")).after(minutes=1), "Critical")

    assert verdicts(story) == [(0, "Bad"), (0, "Unproven")]
    assert signal(story).reason.startswith("the revision of DaemonSet/web is bad")


def test_argo_rollout_is_judged_by_its_number() -> None:
    def at(number: int) -> Body:
        return workload(number, number, ref=ARGO, status={"observedGeneration": "0"})

    story = sees(guarded(ARGO), "Ok").is_at(at(1))
    story.keepers = (kept(1, 1, ref=ARGO), kept(2, 2, ref=ARGO))

    is_told(story.is_at(at(2)).after(minutes=1), "Critical")

    assert verdicts(story) == [(2, "Bad"), (1, "Unproven")]


def test_unwatched_kind_is_read_every_few_seconds_while_guarded() -> None:
    story = sees(guarded(DS), "Ok").is_at(daemon_set("a"))
    assert runbook_due(story.snapshot) == NOW + guard.LOOKED_AT_EVERY

    story.observed, story.thorough = {}, False
    with pytest.raises(NeedsRead) as needed:
        next_step(story.snapshot)

    assert needed.value.queries == {Read(DS)}


def test_unwatched_kind_is_read_while_its_window_is_open() -> None:
    story = sees(guarded(DS, deployments={}), "Ok").is_at(daemon_set("a"))
    assert runbook_due(story.snapshot) != NOW + guard.LOOKED_AT_EVERY
    story.observed, story.thorough = {}, False
    before = story.runbook.status
    assert story.look().runbook.status == before
    story.observed, story.thorough, story.keepers = {DS: observed_from(daemon_set("b"), whole=True)}, True, ()
    story.look()

    story.observed, story.thorough = {}, False

    with pytest.raises(NeedsRead):
        next_step(story.snapshot)


def test_breach_shortly_before_the_read_of_an_unwatched_kind_counts() -> None:
    story = sees(guarded(DS), "Ok").is_at(daemon_set("a"))
    is_told(story.after(minutes=1), "Critical")

    story.after(seconds=9).is_at(daemon_set("b"))

    assert verdicts(story)[0] == (0, "Bad")
    assert said(story) == ["BadRevision"]


SERVED = {"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}


def test_unwatched_service_is_read_only_before_a_status_change() -> None:
    service = Ref("v1", "Service", "shop", "web")
    story = guarded(targets=[SERVED])
    body = {**workload(1), "apiVersion": "v1", "kind": "Service"}
    there: dict[Ref, ObservedObject | Missing] = {service: observed_from(body, whole=True)}
    story.observed = there | {WEB: observed_from(deployment(1))}
    story.look()
    story.thorough, story.observed = False, {WEB: observed_from(deployment(1))}
    before = story.runbook.status
    assert story.look().runbook.status == before

    story.observed = {WEB: observed_from(deployment(2))}
    with pytest.raises(NeedsRead) as needed:
        next_step(story.snapshot)

    assert needed.value.queries == {Read(service)}
    story.observed |= there
    story.keepers = (kept(1, 1), kept(2, 2))
    assert verdicts(story.look())[0] == (2, "Watching")


# Known good and bad.


def test_revision_bad_within_its_window_is_never_known_good() -> None:
    story = deployed(started(), 2)
    story.is_at(deployment(2)).after(minutes=5)
    assert story.good == [2]

    is_told(story, "Critical")
    assert (story.good, story.target.available) == ([], None)

    is_told(story.after(minutes=1), "Ok").after(hours=1)
    assert (story.good, story.target.available) == ([], None)


def test_revision_critical_at_good_after_is_known_good_once_recovered() -> None:
    story = sees(guarded(), "Critical").is_at(deployment(1))

    story.after(minutes=5)
    assert story.good == []
    is_told(story.after(minutes=1), "Ok")

    assert story.good == [1]


def test_missing_data_at_good_after_does_not_prevent_known_good() -> None:
    assert sees(guarded(), "Stale", known="Critical").is_at(deployment(1)).after(minutes=5).good == [1]


# What is said.


def image(name: str) -> Body:
    return template(1, container={"image": name})


def test_bad_revision_message_names_revision_evidence_target_and_git_change() -> None:
    story = started()
    story.keepers = (kept(image("a:1"), 1), kept(image("a:2"), 2))
    story.is_at(deployment(2, COMES_UP))

    is_told(story.after(minutes=1), "Critical")

    text = (
        "revision 2 of Deployment/web is bad: metric error-rate is Critical (12% > 10%). "
        "Kill switch rollback rolls back to revision 1. "
        "To make the rollback permanent, change in Git: image of container app from a:2 to a:1"
    )
    told = [one for one in story.said if one.reason is Reason.BAD_REVISION]
    assert [(one.about, one.uid, one.message, one.warning) for one in told] == [
        (story.runbook.meta.ref, "rb-1", text, True),
        (WEB, UID, text, True),
    ]
    short = "revision 2 of Deployment/web is bad: metric error-rate is Critical (12% > 10%)"
    assert signal(story) == Signal("Deployment", "web", "Engage", short)


def test_rollback_advice_names_the_newest_known_good_revision() -> None:
    story = started()
    story.is_at(deployment(1)).after(minutes=5)
    deployed(story, 2)
    deployed(story, 3)

    is_told(story.after(minutes=1), "Critical")

    assert "rolls back to revision 1. " in story.target.verdicts[0].advice


def test_rollback_advice_names_the_configured_revision() -> None:
    switch = kill_switch("rollback", scale(replicas=1), {"rollback": {"target": "web", "toRevision": 1}})
    story = started(killSwitches=[switch])
    deployed(story, 2)
    deployed(story, 3)

    is_told(story.after(minutes=1), "Critical")

    assert "rolls back to revision 1. " in story.target.verdicts[0].advice


def scale(**amount: Any) -> Body:
    return {"scale": {"target": "web"} | amount}


def test_rollback_advice_omits_environment_values() -> None:
    story = started()
    old, new = template(1), template(2)
    old["spec"]["initContainers"] = [{"name": "old", "image": "old"}]
    new["spec"]["initContainers"] = [{"name": "new", "image": "new"}]
    new["spec"]["containers"][0]["env"].append({"name": "TOKEN", "value": "hunter2"})
    story.keepers = (kept(old, 1), kept(new, 2))
    story.is_at(deployment(2, COMES_UP))

    is_told(story.after(minutes=1), "Critical")

    assert story.target.verdicts[0].advice.endswith("change in Git: environment of container app (TOKEN, VERSION)")


def test_rollback_advice_names_other_template_changes_as_a_whole() -> None:
    story = started()
    story.keepers = (kept(template(1), 1), kept(template(1, nodeName="x"), 2))
    story.is_at(deployment(2, COMES_UP))

    is_told(story.after(minutes=1), "Critical")

    assert story.target.verdicts[0].advice.endswith("change in Git: the pod template, as in revision 1")


def test_advice_names_an_action_other_than_rollback() -> None:
    story = bad(killSwitches=[kill_switch("rollback", scale(replicas=0))])

    assert (
        "Kill switch rollback is engaged. To make the rollback permanent, change in Git: environment"
        in story.target.verdicts[0].advice
    )


def test_bad_revision_without_first_action_is_only_reported() -> None:
    story = bad(deployments={})

    assert guard.signals(story.snapshot) == {}
    assert verdicts(story)[0] == (2, "Bad")
    assert (
        "The operator does nothing about it, since deployments.firstAction is not set"
        in story.target.verdicts[0].advice
    )


def test_unparsable_runbook_gives_no_guard_signal() -> None:
    story = bad()
    story.runbook = replace(story.runbook, spec=None, error="spec: wrong")

    assert guard.signals(story.snapshot) == {}
    assert list(guard.due(story.snapshot)) == []


def test_unvisited_target_and_target_without_workload_give_no_signal() -> None:
    service = {"name": "other", "service": {"name": "other"}}
    story = guarded(targets=[{"name": "web", "workload": {"name": "web"}}, service])

    assert guard.signals(story.snapshot) == {"rollback": ()}


def test_dropped_verdict_ends_its_watch() -> None:
    story = bad()
    other = story.target.verdicts[0].replace(since=timestamp(NOW))
    status = story.target.replace(verdicts=[other])
    story.runbook = replace(story.runbook, status=RunbookStatus(targets=[status]))

    assert signal(story).verdict == "Release"
    assert story.look().target.watch is None


# After a restart, until everything is asked again, what was told before is all that is known.


def restarted(story: Story) -> Story:
    """Nothing was asked yet, and nobody has begun to."""
    story.monitor_states = {}
    return story


def going_on(story: Story) -> Story:
    """Nothing was asked yet, and the sensor begins with what was told."""
    story.monitor_states = {key: MonitorState(track) for key, track in tracks_of(story.runbook, story.now).items()}
    return story


@pytest.mark.parametrize("restart", [restarted, going_on])
def test_breach_before_a_restart_is_no_evidence_against_a_later_revision(
    restart: Callable[[Story], Story],
) -> None:
    story = restart(is_told(started(), "Critical"))
    story.now += timedelta(seconds=5)

    is_told(deployed(story, 2).after(minutes=1), "Critical", since=NOW)

    assert verdicts(story)[0] == (2, "Watching")


@pytest.mark.parametrize("restart", [restarted, going_on])
def test_window_continues_after_a_restart(restart: Callable[[Story], Story]) -> None:
    story = restart(deployed(started(), 2)).after(minutes=1)

    is_told(story, "Critical")

    assert verdicts(story)[0] == (2, "Bad")


@pytest.mark.parametrize("restart", [restarted, going_on])
def test_breach_before_a_restart_is_unknown_until_the_next_reading(
    restart: Callable[[Story], Story],
) -> None:
    story = restart(bad()).look()
    assert signal(story).verdict == "Unknown"

    assert signal(is_told(story, "Critical")).verdict == "Engage"
    assert verdicts(story)[0] == (2, "Bad")


@pytest.mark.parametrize("restart", [restarted, going_on])
def test_window_that_ended_during_downtime_is_unproven(restart: Callable[[Story], Story]) -> None:
    story = deployed(started(), 2)
    story.now += timedelta(hours=1)

    assert verdicts(restart(story).look())[0] == (2, "Unproven")


@pytest.mark.parametrize("restart", [restarted, going_on])
def test_revision_critical_before_a_restart_is_not_known_good_until_a_reading(
    restart: Callable[[Story], Story],
) -> None:
    story = restart(is_told(guarded().is_at(deployment(1)), "Critical")).after(minutes=5)
    assert story.good == []

    assert is_told(story, "Ok").good == [1]


# The probes that the Runbook sets.

PROBE = "spec.template.spec.containers[name=app].readinessProbe.httpGet.path"
REPLICA_SETS = Find("apps/v1", "ReplicaSet", "shop")


def probed(version: object, path: str) -> Body:
    return template(version, container={"readinessProbe": {"httpGet": {"path": path, "port": 80}}})


def probing(saved: Any) -> Story:
    """Revision 1 is live; the Runbook has written down that it sets the path of its readiness probe to /ready."""
    story, held = started(), [{"field": PROBE, "saved": saved, "held": "/ready"}]
    entry = {"name": "ready", "uid": UID, "reason": "ProbeSet", "since": timestamp(NOW), "held": held}
    status = story.runbook.status.replace(probes=[ProbeStatus.model_validate(entry)])
    story.runbook = replace(story.runbook, status=status)
    return story


def judged(story: Story, status: TargetStatus, number: int, *keepers: Body) -> TargetStatus:
    """What the guard alone makes of the Deployment's turn to that number."""
    assert story.runbook.spec
    story.now += timedelta(seconds=1)
    snapshot, observed = story.world_with({REPLICA_SETS: keepers}), observed_from(deployment(number, COMES_UP))
    return guard.judged(snapshot, story.runbook.spec.targets[0], observed, status)


@pytest.mark.parametrize("was", ["/old", "/old?key=hunter2"])
def test_probe_set_by_the_runbook_is_no_deployment(was: str) -> None:
    story = probing(probe_fields.sealed(PROBE, was))
    keepers = (kept(probed(1, was), 1), kept(probed(1, "/ready"), 2))

    status = judged(story, story.target, 2, *keepers)
    assert [(one.revision, one.verdict) for one in status.verdicts] == [(2, "Unproven")]

    status = judged(story, status, 3, *keepers, kept(probed(3, "/ready"), 3))
    assert [(one.revision, one.verdict) for one in status.verdicts] == [(3, "Watching"), (2, "Unproven")]


def test_probe_that_admission_changed_is_no_deployment() -> None:
    story = probing("/old")
    (probe,) = story.runbook.status.probes
    admitted = [one.replace(admitted=Admitted(asked="/ready", live="/policy")) for one in probe.held]
    status = story.runbook.status.replace(probes=[probe.replace(held=admitted)])
    story.runbook = replace(story.runbook, status=status)

    judgement = judged(story, story.target, 2, kept(probed(1, "/old"), 1), kept(probed(1, "/policy"), 2))

    assert [(one.revision, one.verdict) for one in judgement.verdicts] == [(2, "Unproven")]


def test_rollback_to_a_revision_with_a_set_probe_is_no_deployment() -> None:
    story = probing("/old")
    one, two = (kept(probed(number, "/ready"), number) for number in (1, 2))
    status = judged(story, story.target, 2, one, two)
    before, after = ({"digest": digest(probed(number, "/ready")), "revision": number} for number in (2, 1))
    story.switch = engaged(entry(before, after))

    status = judged(story, status, 3, two, kept(probed(1, "/ready"), 3, 1))

    assert [(one.revision, one.verdict) for one in status.verdicts] == [(3, "Unproven"), (2, "Unproven")]


# What keeps the switch from it is announced with what it does.


def bad_while(story: Story, **status: Any) -> str:
    """The advice about a second revision that goes bad."""
    story.switch = SwitchStatus(**status)
    is_told(deployed(story, 2).after(minutes=1), "Critical")
    assert verdicts(story)[0] == (2, "Bad")
    return story.target.verdicts[0].advice


def ended(story: Story, generation: int = 1) -> list[Engagement]:
    """An automatic engagement that has just ended."""
    at = timestamp(story.now)
    return [Engagement(engagement_id="1", engaged_at=at, source="Deployment", generation=generation, released_at=at)]


def test_bad_revision_in_a_cool_down_is_reported_as_blocked_with_time_and_command() -> None:
    story = started()

    advice = bad_while(story, history=ended(story))

    assert advice.startswith(
        "Kill switch rollback is blocked: cool-down after the last automatic engagement, until 2026-11-24T03:05:00Z. "
        "It rolls back to revision 1 once no gate blocks it, if the revision is still bad then. "
        "To do so now: kubectl -n shop patch switch "
        """shop-rollback --type merge -p '{"spec":{"engaged":true,"reason":"bad revision"}}'"""
    )


def test_bad_revision_after_an_ended_cool_down_is_rolled_back_at_once() -> None:
    story = started()

    advice = bad_while(story, history=ended(story, generation=0))

    assert advice.startswith("Kill switch rollback rolls back to revision 1. ")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"mode": "Observe"}, "mode: Observe"),
        ({"suspend": {"reason": "load test"}}, "the Runbook is suspended: load test"),
        ({"suspend": {"until": "2026-12-24T00:00:00Z"}}, "the Runbook is suspended until 2026-12-24T00:00:00Z"),
    ],
)
def test_bad_revision_is_reported_with_the_closed_gate_of_its_switch(spec: Body, words: str) -> None:
    advice = bad_while(started(**spec))

    assert advice.startswith(f"Kill switch rollback is blocked: {words}. It rolls back to revision 1 once no gate ")
    assert ("To do so now: " in advice) is (spec.get("mode") != "Observe")


def test_bad_revision_is_reported_with_the_silence_of_its_switch() -> None:
    story = started()
    silenced = switch("rollback")
    story.others = {"shop-rollback": replace(silenced, spec=silenced.spec.replace(engaged=False))}

    assert "is blocked: Switch shop-rollback has engaged: false. It" in bad_while(story)
