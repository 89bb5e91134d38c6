"""Drift of containers' own probes: what is told of it, when, and how often the cluster is asked for that."""

from dataclasses import replace

import pytest

from runbook_operator.api.runbook import RunbookStatus
from runbook_operator.core.reasons import Reason
from runbook_operator.probes.probe_reconcile import conditions, next_step
from runbook_operator.reconcile.steps import WriteStatus
from runbook_operator.runbooks.runbook_reconcile import next_step as runbook_step
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NOW, WEB, Body
from tests.probing import SERVICE, Story, container, endpoint, get, service, workload
from tests.revisions import DS

DIFFERS = "httpGet.path is /ready, not /health/ready"


def settled(*endpoints: Body, **probes: Body) -> Story:
    """A Runbook with these endpoints, looked at until nothing is left to tell of the container with these probes."""
    return Story().has(workload(container(**probes)), service()).declares(*(endpoints or [endpoint()])).look()


def words(story: Story) -> tuple[str, str]:
    """Reason and drift of the only probe."""
    return story.told.reason, story.told.drift


def test_probe_as_declared_is_reported_once_without_event() -> None:
    story = settled(readinessProbe=get("/health/ready"))

    assert words(story) == ("ProbeAsDeclared", "")
    assert story.said == []
    assert len(story.look().steps) == 1
    assert conditions(story.snapshot()) == []


def test_probe_drift_names_container_and_values_in_one_event() -> None:
    story = settled(readinessProbe=get())

    assert words(story) == ("ProbeDrift", DIFFERS)
    assert (story.told.uid, story.told.container, story.told.probe) == ("web-1", "app", "readiness")
    assert {(one.about.kind, one.reason, one.warning) for one in story.look().said} == {
        ("Runbook", Reason.PROBE_DRIFT, True),
        ("Deployment", Reason.PROBE_DRIFT, True),
    }
    where = "health endpoint ready: readinessProbe of container app in Deployment/web"
    assert story.events(Reason.PROBE_DRIFT) == [f"Runbook shop, {where}: {DIFFERS}"]
    (condition,) = conditions(story.snapshot())
    assert (condition.type, condition.status, condition.reason) == ("ProbeDrift", "True", "ProbeDrift")
    assert condition.message == f"{where}: {DIFFERS}"


def test_probe_drift_without_enforce_writes_only_the_status() -> None:
    story = settled(readinessProbe=get())

    assert [type(step) for step in story.steps] == [WriteStatus]
    assert story.live == get()


def test_container_without_the_declared_probe_has_drift() -> None:
    assert words(settled()) == ("ProbeDrift", "it is absent, not httpGet /health/ready http")


def test_exec_probe_has_drift_and_its_command_is_not_shown() -> None:
    story = settled(readinessProbe={"exec": {"command": ["redis-cli", "-a", "s3cret", "ping"]}})

    assert words(story) == ("ProbeDrift", "it is exec, not httpGet /health/ready http")
    assert "s3cret" not in str(story.runbook.status)
    assert "s3cret" not in str(story.said)


def test_changed_drift_makes_another_event_and_its_end_clears_the_condition() -> None:
    story = settled(readinessProbe=get())

    story.edit(get("/else")).look().edit(get("/health/ready")).look()

    assert words(story) == ("ProbeAsDeclared", "")
    assert [text.rpartition(": ")[2] for text in story.events(Reason.PROBE_DRIFT)] == [
        DIFFERS,
        "httpGet.path is /else, not /health/ready",
    ]
    assert len({one.identity for one in story.said}) == 2
    assert conditions(story.snapshot()) == []


def test_edited_endpoint_makes_another_event_on_an_unchanged_workload() -> None:
    story = settled(readinessProbe=get())

    story.declares(endpoint("/else")).look()

    assert len({one.identity for one in story.said}) == 2


def test_probe_condition_counts_the_other_drifts() -> None:
    live = endpoint("/live", name="live", probe="liveness")

    story = settled(endpoint(), live, readinessProbe=get())

    assert [one.name for one in story.probes] == ["ready", "live"]
    assert conditions(story.snapshot())[0].message.endswith("; and 1 more")


def test_probe_unsupported_by_the_kubelet_is_reported_and_no_drift() -> None:
    story = settled(endpoint(expect=404))

    assert words(story) == ("ProbeUnsupported", "")
    assert "expect is 404" in story.told.message
    assert len(story.look().events(Reason.PROBE_UNSUPPORTED)) == 1
    assert conditions(story.snapshot()) == []


def test_missing_target_ends_the_drift_without_event() -> None:
    story = settled(readinessProbe=get())
    del story.objects[WEB]

    story.look()

    assert words(story) == ("TargetNotFound", "")
    assert [one.reason for one in story.said] == [Reason.PROBE_DRIFT] * 2


def test_two_endpoints_for_one_probe_are_reported_on_the_second() -> None:
    story = settled(endpoint(), endpoint(name="again"), readinessProbe=get())

    assert [one.reason for one in story.probes] == ["ProbeDrift", "InvalidSpec"]
    assert story.probes[1].message == (
        "readinessProbe of container app in Deployment/web is already declared by health endpoint ready; declare "
        "it in one "
        "of them only"
    )


def test_endpoint_without_probe_has_no_probe_status() -> None:
    assert settled(endpoint(probe=None)).probes == []
    assert settled().declares().look().probes == []


def test_unparsable_runbook_keeps_its_probe_status() -> None:
    story = settled(readinessProbe=get())
    told = story.probes

    story.declares(endpoint("no path")).look()

    assert story.probes == told


def test_normal_visit_reads_only_a_changed_workload() -> None:
    story = settled(readinessProbe=get())
    reads = story.reads

    story.look(thorough=False)
    assert story.reads == reads

    story.edit(get("/else")).look(thorough=False)
    assert story.reads > reads
    assert story.told.drift == "httpGet.path is /else, not /health/ready"


def test_recreated_workload_is_read_again() -> None:
    story = settled(readinessProbe=get())
    story.objects[WEB]["metadata"]["uid"] = "web-2"

    assert story.look(thorough=False).told.uid == "web-2"


def test_unreported_probe_is_read_at_any_visit() -> None:
    story = Story().has(workload(container()), service()).declares(endpoint())

    assert story.look(thorough=False).told.reason == "ProbeDrift"


def test_unwatched_kind_keeps_its_probe_status_between_close_looks() -> None:
    story = Story().has(workload(container(), ref=DS), service()).declares(endpoint(), ref=DS).look()
    reads = story.reads

    story.look(thorough=False)

    assert (story.told.reason, story.reads) == ("ProbeDrift", reads)


def test_missing_service_is_reported_until_it_exists() -> None:
    story = settled(readinessProbe=get())
    del story.objects[SERVICE]

    assert story.look().told.reason == "TargetNotFound"
    assert story.has(service()).look().told.reason == "ProbeDrift"


def test_since_time_stays_while_the_reason_stays() -> None:
    story = settled(readinessProbe=get())

    story.after(minutes=1).edit(get("/else")).look()
    assert story.told.since == "2026-11-24T03:00:00.000000Z"

    story.after(minutes=1).edit(get("/health/ready")).look()
    assert story.told.since == "2026-11-24T03:02:00.000000Z"


def test_runbook_status_contains_probe_status_and_condition() -> None:
    story = settled(readinessProbe=get())

    snapshot = story.snapshot()
    step = runbook_step(
        replace(snapshot, thorough=False, observed={**snapshot.observed, SERVICE: story._read(SERVICE)})
    )

    assert isinstance(step, WriteStatus)
    assert isinstance(step.status, RunbookStatus)
    assert step.status.probes == story.probes
    assert "ProbeDrift" in {one.type for one in step.status.conditions}


@pytest.mark.parametrize("enforce", [False, True])
def test_settled_probe_has_no_due_time(enforce: bool) -> None:  # noqa: FBT001 # a parameter of the test
    story = settled(endpoint(enforce=enforce), readinessProbe=get("/health/ready"))

    assert runbook_due(story.snapshot()) is None


def test_deleted_runbook_without_set_probes_needs_no_step() -> None:
    story = settled(readinessProbe=get()).deletes()

    assert next_step(story.snapshot()) is None
    assert runbook_step(story.snapshot()) is None
    assert story.now == NOW
