"""Which revisions become known good, what that costs, and what a rollback does to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runbook_operator.api.deployment_guard_spec import GoodRevision
from runbook_operator.api.runbook import RunbookStatus, TargetStatus
from runbook_operator.api.switch import Engagement, Swapped, SwitchStatus
from runbook_operator.core.observed_object import absent, observed_from
from runbook_operator.core.pod_templates import digest
from runbook_operator.core.queries import Denied, Find, NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.runbooks.runbook_reconcile import next_step
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NOW, WEB, Body, runbook
from tests.revisions import ARGO, DS, STS, UID, kept, template, workload
from tests.stories import UP, Story, daemon_set, deployment, engaged, entry, revision, stateful_set


def test_a_revision_that_is_available_for_long_enough_is_good_and_that_takes_two_writes() -> None:
    story = Story().is_at(deployment(1, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}))
    before = story.writes

    story.is_at(deployment(1))
    assert (story.good, story.target.available is not None, story.writes - before) == ([], True, 1)
    story.after(minutes=4, seconds=59)
    assert (story.good, story.writes - before) == ([], 1)

    story.after(seconds=1)

    assert (story.good, story.target.available, story.writes - before) == ([1], None, 2)
    assert (story.asked, runbook_due(story.snapshot)) == ([], None)


def test_it_is_looked_at_again_when_it_would_be_good() -> None:
    story = Story().is_at(deployment(1))

    assert runbook_due(story.snapshot) == NOW + timedelta(minutes=5)


def test_the_runbook_says_for_how_long() -> None:
    story = Story()
    story.runbook = runbook(deployments={"goodAfter": "1s"})

    assert story.is_at(deployment(1)).after(seconds=1).good == [1]


@pytest.mark.parametrize(("updated", "good"), [(1, True), (0, False)])
@pytest.mark.parametrize(
    "strategy", [{"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}]
)
def test_revision_that_its_strategy_holds_back_is_good_from_one_pod_on(
    strategy: Body, updated: int, *, good: bool
) -> None:
    status = {"replicas": 3, "availableReplicas": 3, "updatedReplicas": updated, "updateRevision": "web-2"}
    story = Story(ref=STS).is_at(workload("x", ref=STS, status=status, updateStrategy=strategy))
    story.keepers = (kept("x", 2, ref=STS),)

    assert bool(story.after(minutes=5).target.good) is good


@pytest.mark.parametrize(
    "status",
    [
        {"replicas": 3, "updatedReplicas": 2, "availableReplicas": 3},
        {"replicas": 4, "updatedReplicas": 3, "availableReplicas": 3},
        {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2},
        {},
    ],
)
def test_a_revision_that_is_not_all_there_is_not_good(status: Body) -> None:
    assert Story().is_at(deployment(1, status)).after(hours=1).good == []


def test_a_change_that_its_controller_has_not_seen_is_not_good() -> None:
    body = deployment(1, UP | {"observedGeneration": 1})
    body["metadata"]["generation"] = 2

    assert Story().is_at(body).after(hours=1).good == []


def test_nothing_that_is_at_zero_is_good() -> None:
    assert Story().is_at(deployment(1, {"observedGeneration": 1}, replicas=0)).after(hours=1).good == []


def test_a_deployment_without_a_revision_is_not_good() -> None:
    assert Story().is_at(workload(1, status=UP)).after(hours=1).good == []


def test_one_that_comes_and_goes_begins_anew() -> None:
    story = Story().is_at(deployment(1)).after(minutes=4)

    story.is_at(deployment(1, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 1})).after(minutes=4)
    assert story.is_at(deployment(1)).after(minutes=4).good == []

    assert story.after(minutes=1).good == [1]


def test_one_that_is_good_may_come_and_go_without_a_write() -> None:
    story = Story().is_at(deployment(1)).after(minutes=5)
    before = story.writes

    story.is_at(deployment(1, {})).is_at(deployment(1)).after(minutes=9).is_at(deployment(1, {}))

    assert (story.good, story.writes) == ([1], before)


def test_the_newest_five_are_kept() -> None:
    story = Story()
    for number in range(1, 8):
        story.is_at(deployment(number)).after(minutes=5)

    assert story.good == [7, 6, 5, 4, 3]


def test_a_bad_one_in_between_changes_nothing() -> None:
    story = Story().is_at(deployment(1)).after(minutes=5).is_at(deployment(2, {})).after(hours=1)

    assert story.good == [1]


def test_a_workload_that_is_made_anew_is_known_for_nothing() -> None:
    story = Story().is_at(deployment(3)).after(minutes=5)

    story.is_at(deployment(1, {}), uid="web-2")
    assert (story.good, story.target.uid) == ([], "web-2")

    assert story.is_at(deployment(1), uid="web-2").after(minutes=5).good == [1]
    assert story.target.uid == "web-2"


def test_a_workload_that_is_gone_keeps_what_is_known() -> None:
    story = Story().is_at(deployment(1)).after(minutes=5)
    story.observed = {WEB: absent(WEB)}

    assert story.look().good == [1]
    assert not story.target.found


def test_a_target_without_a_workload_and_a_kind_without_revisions_are_left_alone() -> None:
    service = Ref("v1", "Service", "shop", "web")
    story = Story()
    story.runbook = runbook(targets=[{"name": "web", "service": {"name": "web"}}])
    story.observed = {service: observed_from({**workload(1), "apiVersion": "v1", "kind": "Service"}, whole=True)}

    assert story.look().after(hours=1).good == []
    cron = Ref("batch/v1", "CronJob", "shop", "web")
    story = Story(ref=cron)
    assert story.is_at({**workload(1), "apiVersion": "batch/v1", "kind": "CronJob"}, whole=True).good == []


def test_a_stateful_set_is_known_by_its_revision_whose_number_is_read_once() -> None:
    revisions = (kept("a", 1, ref=STS), kept("b", 2, ref=STS))
    name = revisions[1]["metadata"]["name"]
    story = Story(ref=STS, keepers=revisions).is_at(stateful_set(name)).after(minutes=4)
    assert story.asked == []

    story.after(minutes=1).after(hours=1)

    assert story.target.good == [GoodRevision(revision=2, template=name)]
    assert story.asked == [Find("apps/v1", "ControllerRevision", "shop")]


def test_a_stateful_set_that_goes_back_is_good_under_its_new_number_too() -> None:
    old, new = kept("a", 1, ref=STS), kept("b", 2, ref=STS)
    names = [one["metadata"]["name"] for one in (old, new)]
    story = Story(ref=STS, keepers=(old, new))
    for name in names:
        story.is_at(stateful_set(name)).after(minutes=5)
    assert story.good == [2, 1]

    story.keepers = (new, kept("a", 3, ref=STS))
    story.is_at(stateful_set(names[0])).after(minutes=5)

    assert story.good == [3, 2]


def test_where_controller_revisions_may_not_be_read_the_name_is_enough() -> None:
    story = Story(ref=STS, keepers=Denied(Reason.FORBIDDEN, "no"))

    story.is_at(stateful_set("web-1")).after(minutes=5).after(hours=1)

    assert story.target.good == [GoodRevision(revision=0, template="web-1")]
    assert len(story.asked) == 1


def test_a_daemon_set_is_known_by_its_template() -> None:
    story = Story(ref=DS, keepers=(kept("a", 4, ref=DS),)).is_at(daemon_set("a")).after(minutes=5)

    assert story.target.good == [GoodRevision(revision=4, template=digest(template("a")))]


def test_what_nobody_watches_is_read_again_only_when_it_may_have_become_good() -> None:
    story = Story(ref=DS, keepers=(kept("a", 4, ref=DS),)).is_at(daemon_set("a"))
    observed, story.observed, story.thorough = story.observed, {}, False
    before = story.runbook.status

    assert story.after(minutes=4).runbook.status == before
    story.now += timedelta(minutes=1)
    with pytest.raises(NeedsRead) as needed:
        next_step(story.snapshot)
    assert needed.value.queries == {Read(DS)}
    story.observed = observed
    assert story.look().good == [4]
    story.observed = {}
    assert story.after(hours=1).good == [4]


def test_a_target_that_was_missing_is_told_as_it_was_while_it_is_not_worth_a_read() -> None:
    story = Story(ref=DS)
    story.observed = {DS: absent(DS)}
    before = story.look().runbook.status
    story.observed, story.thorough = {}, False

    assert story.after(minutes=1).runbook.status == before
    assert before.conditions[0].reason == "TargetNotFound"


def rollout(number: int, **status: str) -> Body:
    return workload(number, number, ref=ARGO, status=UP | {"observedGeneration": "0"} | status)


def test_an_argo_rollout_is_good_when_it_is_promoted() -> None:
    story = Story(ref=ARGO).is_at(rollout(2, currentPodHash="c", stableRS="s")).after(hours=1)
    assert story.good == []

    assert story.is_at(rollout(2, currentPodHash="c", stableRS="c")).after(minutes=5).good == [2]


def knowing(*good: GoodRevision | int, ref: Ref = WEB) -> Story:
    story = Story(ref=ref)
    found = [one if isinstance(one, GoodRevision) else GoodRevision(revision=one) for one in good]
    status = RunbookStatus(targets=[TargetStatus(name="web", found=True, uid=UID, good=found)])
    story.runbook = replace(story.runbook, status=status)
    return story


def test_a_revision_that_a_rollback_has_left_is_not_good_any_more() -> None:
    story = knowing(3, 2, 1)
    story.switch = engaged(entry(revision(3, "c", 2), revision(1, "a")))

    assert story.is_at(deployment(4, {})).good == [1]


def test_a_rollback_that_was_not_written_yet_has_left_nothing() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(1, "a"), result="Pending", applied_at=None))

    assert story.is_at(deployment(3)).good == [3, 1]


def test_a_rollback_that_stayed_where_it_was_has_left_nothing() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(3, "c")))

    assert story.is_at(deployment(3)).good == [3, 1]


def test_a_rollback_of_another_workload_has_left_nothing_of_this_one() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(1, "a"), uid="other"))

    assert story.is_at(deployment(3)).good == [3, 1]


def test_a_rollback_that_is_over_and_was_never_seen_counts_as_well() -> None:
    story = knowing(3, 1)
    swap = Swapped(uid=UID, before=revision(3, "c"), after=revision(1, "a"))
    times = {"engaged_at": "2026-11-24T03:00:00Z", "released_at": "2026-11-24T03:00:01Z"}
    story.switch = SwitchStatus(history=[Engagement(engagement_id="id", templates=[swap], **times)])

    assert story.is_at(deployment(4, {})).good == [1]


def test_what_was_left_is_good_again_once_it_is_live_and_available_again() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(1, "a")))

    assert story.is_at(deployment(5)).after(minutes=5).good == [5, 1]
    assert story.after(hours=1).good == [5, 1]


def test_a_renumbered_stateful_set_is_left_by_its_template_until_it_is_live_again() -> None:
    good = [GoodRevision(revision=2, template="web-b"), GoodRevision(revision=1, template="web-a")]
    story = knowing(*good, ref=STS)
    story.switch = engaged(entry(revision(4, "b"), revision(3, "a"), kind="StatefulSet"))
    story.is_at(stateful_set("web-a", {}))
    assert story.good == [1]

    story.keepers = (kept("b", 6, ref=STS) | {"metadata": {"name": "web-b", "ownerReferences": [{"uid": UID}]}},)
    story.is_at(stateful_set("web-b")).after(minutes=5)

    assert story.good == [6, 1]
    assert story.after(hours=1).good == [6, 1]


def test_a_template_with_a_flag_of_a_switch_in_it_is_no_version() -> None:
    flag = entry(revision(1, "a"), revision(1, "a"), field="spec.template.spec.x", saved=None, held="off", mode="Hold")
    story = Story()
    story.switch = engaged(flag)
    assert story.is_at(deployment(2)).after(hours=1).good == []

    story.switch = SwitchStatus()

    assert story.look().after(minutes=5).good == [2]


def test_a_suspension_that_is_over_is_waited_for_no_longer() -> None:
    story = Story()
    story.runbook = runbook(suspend={"until": "2020-01-01T00:00:00Z"})
    assert runbook_due(story.snapshot) is None

    story.runbook = runbook(suspend={"until": "2999-01-01T00:00:00Z"})
    assert runbook_due(story.snapshot) is not None


def test_a_runbook_that_does_not_parse_waits_for_nothing() -> None:
    story = Story().is_at(deployment(1))
    story.runbook = replace(story.runbook, spec=None, error="spec: wrong")

    assert runbook_due(story.snapshot) is None
