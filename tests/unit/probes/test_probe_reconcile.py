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


def test_a_probe_that_is_as_declared_is_told_once_and_quietly() -> None:
    story = settled(readinessProbe=get("/health/ready"))

    assert words(story) == ("ProbeAsDeclared", "")
    assert story.said == []
    assert len(story.look().steps) == 1
    assert conditions(story.snapshot()) == []


def test_drift_names_the_container_and_both_values_and_is_said_once_of_runbook_and_workload() -> None:
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


def test_without_enforce_nothing_but_the_status_is_written() -> None:
    story = settled(readinessProbe=get())

    assert [type(step) for step in story.steps] == [WriteStatus]
    assert story.live == get()


def test_a_container_without_the_probe_has_drifted() -> None:
    assert words(settled()) == ("ProbeDrift", "it is absent, not httpGet /health/ready http")


def test_a_command_of_somebodys_own_has_drifted_and_is_not_shown() -> None:
    story = settled(readinessProbe={"exec": {"command": ["redis-cli", "-a", "s3cret", "ping"]}})

    assert words(story) == ("ProbeDrift", "it is exec, not httpGet /health/ready http")
    assert "s3cret" not in str(story.runbook.status)
    assert "s3cret" not in str(story.said)


def test_other_drift_is_said_again_and_the_end_of_it_ends_the_condition() -> None:
    story = settled(readinessProbe=get())

    story.edit(get("/else")).look().edit(get("/health/ready")).look()

    assert words(story) == ("ProbeAsDeclared", "")
    assert [text.rpartition(": ")[2] for text in story.events(Reason.PROBE_DRIFT)] == [
        DIFFERS,
        "httpGet.path is /else, not /health/ready",
    ]
    assert len({one.identity for one in story.said}) == 2
    assert conditions(story.snapshot()) == []


def test_an_edit_of_what_is_declared_is_said_again_although_the_workload_is_the_same() -> None:
    story = settled(readinessProbe=get())

    story.declares(endpoint("/else")).look()

    assert len({one.identity for one in story.said}) == 2


def test_the_condition_counts_the_others() -> None:
    live = endpoint("/live", name="live", probe="liveness")

    story = settled(endpoint(), live, readinessProbe=get())

    assert [one.name for one in story.probes] == ["ready", "live"]
    assert conditions(story.snapshot())[0].message.endswith("; and 1 more")


def test_what_a_kubelet_cannot_be_told_is_said_and_is_no_drift() -> None:
    story = settled(endpoint(expect=404))

    assert words(story) == ("ProbeUnsupported", "")
    assert "expect is 404" in story.told.message
    assert len(story.look().events(Reason.PROBE_UNSUPPORTED)) == 1
    assert conditions(story.snapshot()) == []


def test_a_target_that_goes_away_ends_the_drift_and_makes_no_event_of_its_own() -> None:
    story = settled(readinessProbe=get())
    del story.objects[WEB]

    story.look()

    assert words(story) == ("TargetNotFound", "")
    assert [one.reason for one in story.said] == [Reason.PROBE_DRIFT] * 2


def test_two_endpoints_that_are_one_probe_are_told_by_the_second() -> None:
    story = settled(endpoint(), endpoint(name="again"), readinessProbe=get())

    assert [one.reason for one in story.probes] == ["ProbeDrift", "InvalidSpec"]
    assert story.probes[1].message == (
        "health endpoint ready is declared to be readinessProbe of container app in Deployment/web already; declare it "
        "for one of them only"
    )


def test_an_endpoint_that_is_no_probe_is_not_told_of() -> None:
    assert settled(endpoint(probe=None)).probes == []
    assert settled().declares().look().probes == []


def test_a_runbook_that_does_not_parse_keeps_what_was_told() -> None:
    story = settled(readinessProbe=get())
    told = story.probes

    story.declares(endpoint("no path")).look()

    assert story.probes == told


def test_a_look_that_is_not_a_close_one_reads_nothing_while_the_workload_stays_as_it_was() -> None:
    story = settled(readinessProbe=get())
    reads = story.reads

    story.look(thorough=False)
    assert story.reads == reads

    story.edit(get("/else")).look(thorough=False)
    assert story.reads > reads
    assert story.told.drift == "httpGet.path is /else, not /health/ready"


def test_another_workload_of_the_name_is_news() -> None:
    story = settled(readinessProbe=get())
    story.objects[WEB]["metadata"]["uid"] = "web-2"

    assert story.look(thorough=False).told.uid == "web-2"


def test_what_was_never_told_is_read_whatever_the_look() -> None:
    story = Story().has(workload(container()), service()).declares(endpoint())

    assert story.look(thorough=False).told.reason == "ProbeDrift"


def test_a_kind_that_nobody_watches_is_told_as_it_was_between_close_looks() -> None:
    story = Story().has(workload(container(), ref=DS), service()).declares(endpoint(), ref=DS).look()
    reads = story.reads

    story.look(thorough=False)

    assert (story.told.reason, story.reads) == ("ProbeDrift", reads)


def test_a_service_that_cannot_be_found_is_told_until_it_is_there() -> None:
    story = settled(readinessProbe=get())
    del story.objects[SERVICE]

    assert story.look().told.reason == "TargetNotFound"
    assert story.has(service()).look().told.reason == "ProbeDrift"


def test_since_when_stays_while_the_reason_does() -> None:
    story = settled(readinessProbe=get())

    story.after(minutes=1).edit(get("/else")).look()
    assert story.told.since == "2026-11-24T03:00:00.000000Z"

    story.after(minutes=1).edit(get("/health/ready")).look()
    assert story.told.since == "2026-11-24T03:02:00.000000Z"


def test_a_runbooks_status_keeps_what_is_told_of_probes_and_shows_the_condition() -> None:
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
def test_nothing_is_due_where_nothing_waits(enforce: bool) -> None:  # noqa: FBT001 # a parameter of the test
    story = settled(endpoint(enforce=enforce), readinessProbe=get("/health/ready"))

    assert runbook_due(story.snapshot()) is None


def test_a_runbook_that_goes_away_with_nothing_set_asks_for_nothing() -> None:
    story = settled(readinessProbe=get()).deletes()

    assert next_step(story.snapshot()) is None
    assert runbook_step(story.snapshot()) is None
    assert story.now == NOW
