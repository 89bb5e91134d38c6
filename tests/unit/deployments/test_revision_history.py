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


def test_revision_available_for_good_after_is_known_good_with_two_writes() -> None:
    story = Story().is_at(deployment(1, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}))
    before = story.writes

    story.is_at(deployment(1))
    assert (story.good, story.target.available is not None, story.writes - before) == ([], True, 1)
    story.after(minutes=4, seconds=59)
    assert (story.good, story.writes - before) == ([], 1)

    story.after(seconds=1)

    assert (story.good, story.target.available, story.writes - before) == ([1], None, 2)
    assert (story.asked, runbook_due(story.snapshot)) == ([], None)


def test_visit_is_due_when_the_revision_would_be_known_good() -> None:
    story = Story().is_at(deployment(1))

    assert runbook_due(story.snapshot) == NOW + timedelta(minutes=5)


def test_good_after_is_configurable_per_runbook() -> None:
    story = Story()
    story.runbook = runbook(deployments={"goodAfter": "1s"})

    assert story.is_at(deployment(1)).after(seconds=1).good == [1]


@pytest.mark.parametrize(("updated", "good"), [(1, True), (0, False)])
@pytest.mark.parametrize(
    "strategy", [{"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}]
)
def test_revision_held_by_its_strategy_is_known_good_with_one_pod(strategy: Body, updated: int, *, good: bool) -> None:
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
def test_incomplete_revision_is_not_known_good(status: Body) -> None:
    assert Story().is_at(deployment(1, status)).after(hours=1).good == []


def test_unobserved_change_is_not_known_good() -> None:
    body = deployment(1, UP | {"observedGeneration": 1})
    body["metadata"]["generation"] = 2

    assert Story().is_at(body).after(hours=1).good == []


def test_workload_at_zero_replicas_is_not_known_good() -> None:
    assert Story().is_at(deployment(1, {"observedGeneration": 1}, replicas=0)).after(hours=1).good == []


def test_deployment_without_revision_is_not_known_good() -> None:
    assert Story().is_at(workload(1, status=UP)).after(hours=1).good == []


def test_unavailable_revision_restarts_its_wait() -> None:
    story = Story().is_at(deployment(1)).after(minutes=4)

    story.is_at(deployment(1, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 1})).after(minutes=4)
    assert story.is_at(deployment(1)).after(minutes=4).good == []

    assert story.after(minutes=1).good == [1]


def test_known_good_revision_stays_so_without_writes() -> None:
    story = Story().is_at(deployment(1)).after(minutes=5)
    before = story.writes

    story.is_at(deployment(1, {})).is_at(deployment(1)).after(minutes=9).is_at(deployment(1, {}))

    assert (story.good, story.writes) == ([1], before)


def test_newest_five_known_good_revisions_are_kept() -> None:
    story = Story()
    for number in range(1, 8):
        story.is_at(deployment(number)).after(minutes=5)

    assert story.good == [7, 6, 5, 4, 3]


def test_bad_revision_keeps_earlier_known_good_ones() -> None:
    story = Story().is_at(deployment(1)).after(minutes=5).is_at(deployment(2, {})).after(hours=1)

    assert story.good == [1]


def test_recreated_workload_has_no_known_good_revision() -> None:
    story = Story().is_at(deployment(3)).after(minutes=5)

    story.is_at(deployment(1, {}), uid="web-2")
    assert (story.good, story.target.uid) == ([], "web-2")

    assert story.is_at(deployment(1), uid="web-2").after(minutes=5).good == [1]
    assert story.target.uid == "web-2"


def test_deleted_workload_keeps_its_known_good_revisions() -> None:
    story = Story().is_at(deployment(1)).after(minutes=5)
    story.observed = {WEB: absent(WEB)}

    assert story.look().good == [1]
    assert not story.target.found


def test_target_without_workload_or_revisions_is_ignored() -> None:
    service = Ref("v1", "Service", "shop", "web")
    story = Story()
    story.runbook = runbook(targets=[{"name": "web", "service": {"name": "web"}}])
    story.observed = {service: observed_from({**workload(1), "apiVersion": "v1", "kind": "Service"}, whole=True)}

    assert story.look().after(hours=1).good == []
    cron = Ref("batch/v1", "CronJob", "shop", "web")
    story = Story(ref=cron)
    assert story.is_at({**workload(1), "apiVersion": "batch/v1", "kind": "CronJob"}, whole=True).good == []


def test_stateful_set_revision_number_is_read_once() -> None:
    revisions = (kept("a", 1, ref=STS), kept("b", 2, ref=STS))
    name = revisions[1]["metadata"]["name"]
    story = Story(ref=STS, keepers=revisions).is_at(stateful_set(name)).after(minutes=4)
    assert story.asked == []

    story.after(minutes=1).after(hours=1)

    assert story.target.good == [GoodRevision(revision=2, template=name)]
    assert story.asked == [Find("apps/v1", "ControllerRevision", "shop")]


def test_stateful_set_rolled_back_is_known_good_under_its_new_number() -> None:
    old, new = kept("a", 1, ref=STS), kept("b", 2, ref=STS)
    names = [one["metadata"]["name"] for one in (old, new)]
    story = Story(ref=STS, keepers=(old, new))
    for name in names:
        story.is_at(stateful_set(name)).after(minutes=5)
    assert story.good == [2, 1]

    story.keepers = (new, kept("a", 3, ref=STS))
    story.is_at(stateful_set(names[0])).after(minutes=5)

    assert story.good == [3, 2]


def test_forbidden_controller_revisions_leave_the_name_as_identity() -> None:
    story = Story(ref=STS, keepers=Denied(Reason.FORBIDDEN, "no"))

    story.is_at(stateful_set("web-1")).after(minutes=5).after(hours=1)

    assert story.target.good == [GoodRevision(revision=0, template="web-1")]
    assert len(story.asked) == 1


def test_daemon_set_revision_is_identified_by_its_template() -> None:
    story = Story(ref=DS, keepers=(kept("a", 4, ref=DS),)).is_at(daemon_set("a")).after(minutes=5)

    assert story.target.good == [GoodRevision(revision=4, template=digest(template("a")))]


def test_unwatched_workload_is_read_only_when_it_may_be_known_good() -> None:
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


def test_missing_unwatched_target_keeps_its_status_without_read() -> None:
    story = Story(ref=DS)
    story.observed = {DS: absent(DS)}
    before = story.look().runbook.status
    story.observed, story.thorough = {}, False

    assert story.after(minutes=1).runbook.status == before
    assert before.conditions[0].reason == "TargetNotFound"


def rollout(number: int, **status: str) -> Body:
    return workload(number, number, ref=ARGO, status=UP | {"observedGeneration": "0"} | status)


def test_argo_rollout_is_known_good_once_promoted() -> None:
    story = Story(ref=ARGO).is_at(rollout(2, currentPodHash="c", stableRS="s")).after(hours=1)
    assert story.good == []

    assert story.is_at(rollout(2, currentPodHash="c", stableRS="c")).after(minutes=5).good == [2]


def knowing(*good: GoodRevision | int, ref: Ref = WEB) -> Story:
    story = Story(ref=ref)
    found = [one if isinstance(one, GoodRevision) else GoodRevision(revision=one) for one in good]
    status = RunbookStatus(targets=[TargetStatus(name="web", found=True, uid=UID, good=found)])
    story.runbook = replace(story.runbook, status=status)
    return story


def test_revision_replaced_by_a_rollback_is_no_longer_known_good() -> None:
    story = knowing(3, 2, 1)
    story.switch = engaged(entry(revision(3, "c", 2), revision(1, "a")))

    assert story.is_at(deployment(4, {})).good == [1]


def test_unwritten_rollback_replaces_no_revision() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(1, "a"), result="Pending", applied_at=None))

    assert story.is_at(deployment(3)).good == [3, 1]


def test_rollback_to_the_live_revision_replaces_no_revision() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(3, "c")))

    assert story.is_at(deployment(3)).good == [3, 1]


def test_rollback_of_another_workload_replaces_no_revision() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(1, "a"), uid="other"))

    assert story.is_at(deployment(3)).good == [3, 1]


def test_rollback_finished_before_the_visit_replaces_the_revision() -> None:
    story = knowing(3, 1)
    swap = Swapped(uid=UID, before=revision(3, "c"), after=revision(1, "a"))
    times = {"engaged_at": "2026-11-24T03:00:00Z", "released_at": "2026-11-24T03:00:01Z"}
    story.switch = SwitchStatus(history=[Engagement(engagement_id="id", templates=[swap], **times)])

    assert story.is_at(deployment(4, {})).good == [1]


def test_replaced_revision_is_known_good_again_once_live_and_available() -> None:
    story = knowing(3, 1)
    story.switch = engaged(entry(revision(3, "c"), revision(1, "a")))

    assert story.is_at(deployment(5)).after(minutes=5).good == [5, 1]
    assert story.after(hours=1).good == [5, 1]


def test_renumbered_stateful_set_revision_stays_replaced_until_live_again() -> None:
    good = [GoodRevision(revision=2, template="web-b"), GoodRevision(revision=1, template="web-a")]
    story = knowing(*good, ref=STS)
    story.switch = engaged(entry(revision(4, "b"), revision(3, "a"), kind="StatefulSet"))
    story.is_at(stateful_set("web-a", {}))
    assert story.good == [1]

    story.keepers = (kept("b", 6, ref=STS) | {"metadata": {"name": "web-b", "ownerReferences": [{"uid": UID}]}},)
    story.is_at(stateful_set("web-b")).after(minutes=5)

    assert story.good == [6, 1]
    assert story.after(hours=1).good == [6, 1]


def test_template_with_a_held_flag_is_no_version() -> None:
    flag = entry(revision(1, "a"), revision(1, "a"), field="spec.template.spec.x", saved=None, held="off", mode="Hold")
    story = Story()
    story.switch = engaged(flag)
    assert story.is_at(deployment(2)).after(hours=1).good == []

    story.switch = SwitchStatus()

    assert story.look().after(minutes=5).good == [2]


def test_ended_suspension_has_no_due_time() -> None:
    story = Story()
    story.runbook = runbook(suspend={"until": "2020-01-01T00:00:00Z"})
    assert runbook_due(story.snapshot) is None

    story.runbook = runbook(suspend={"until": "2999-01-01T00:00:00Z"})
    assert runbook_due(story.snapshot) is not None


def test_unparsable_runbook_has_no_due_time() -> None:
    story = Story().is_at(deployment(1))
    story.runbook = replace(story.runbook, spec=None, error="spec: wrong")

    assert runbook_due(story.snapshot) is None
