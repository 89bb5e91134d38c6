"""Probes that the API server accepts and that an admission policy changes: few writes, and a condition that says so."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from runbook_operator.core import field_paths
from runbook_operator.core.reasons import Reason
from runbook_operator.probes.probe_reconcile import conditions
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import Body
from tests.probing import Story, container, endpoint, get, service, workload

FIRST = "spec.template.spec.containers[name=app]"
MOST = 10
"""Writes of a workload in a minute."""


def with_timeout(body: Body) -> Body:
    """A policy that sets the timeout of every readiness probe."""
    return field_paths.with_value(body, f"{FIRST}.readinessProbe.timeoutSeconds", 5)


def with_path(body: Body) -> Body:
    """A policy that wants one path, whoever asks for another."""
    return field_paths.with_value(body, f"{FIRST}.readinessProbe.httpGet.path", "/policy")


def enforced(admit: Any, **spec: Any) -> Story:
    story = Story().has(workload(container(readinessProbe=get("/policy"))), service())
    story.admit = admit
    return story.declares(endpoint(enforce=True, **spec)).look().roll_out()


def lasts(story: Story, seconds: float) -> Story:
    end = story.now + timedelta(seconds=seconds)
    while story.now < end:
        moment = runbook_due(story.snapshot()) or end
        story.now = min(max(moment, story.now + timedelta(milliseconds=100)), end)
        story.look().roll_out()
    return story


def test_probe_changed_by_a_policy_gets_few_writes_and_a_condition() -> None:
    story = lasts(enforced(with_timeout, timeout="2s"), 60)

    assert 2 <= len(story.adjusted) <= MOST
    assert story.told.reason == "NotInForce"
    (found,) = conditions(story.snapshot())
    assert (found.type, found.status, found.reason) == ("ProbeDrift", "True", "NotInForce")
    assert "timeoutSeconds of Deployment/web was set to 2, and the API server stored 5: " in found.message
    assert "kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations" in found.message


def test_probe_is_set_after_the_policy_is_removed_and_restored_later() -> None:
    story = lasts(enforced(with_timeout, timeout="2s"), 60)
    story.admit = dict
    lasts(story, 31)
    assert (story.told.reason, story.live["timeoutSeconds"]) == ("ProbeEnforced", 2)

    story.declares(endpoint()).look()

    assert story.live == get("/policy")


def test_restore_undone_by_a_policy_is_retried_with_pauses() -> None:
    story = enforced(dict)
    story.admit = lambda body: field_paths.with_value(body, f"{FIRST}.readinessProbe.httpGet.path", "/health/ready")
    before = len(story.adjusted)

    lasts(story.declares().look(), 60)

    assert 2 <= len(story.adjusted) - before <= MOST
    assert story.told.reason == "NotInForce"
    story.admit = dict
    lasts(story, 31)
    assert (story.live, story.probes) == (get("/policy"), [])


def test_runbook_deletion_waits_a_limited_time_for_an_undone_restore() -> None:
    story = enforced(dict)
    story.admit = lambda body: field_paths.with_value(body, f"{FIRST}.readinessProbe.httpGet.path", "/health/ready")

    lasts(story.deletes().look(), 62)

    assert story.runbook.meta.finalizers == ()
    assert any("could not be restored" in one.message for one in story.said)


def test_policy_that_keeps_the_old_path_is_reported() -> None:
    message = enforced(with_path).look().told.message
    assert "httpGet.path of Deployment/web was set to /health/ready, and the API server stored /policy: " in message


def test_writer_that_undoes_the_probe_right_after_is_named() -> None:
    story = enforced(dict).edit(get("/else"), manager="helm")
    story.runbook = replace(
        story.runbook, status=story.runbook.status.replace(probes=[story.told.replace(pending=True)])
    )

    story.look()

    assert story.told.reason == "NotInForce"
    assert "helm changed it to /else right after: change it at its source, or set enforce: false" in story.told.message


def test_restart_after_a_write_that_a_policy_changed_keeps_the_original() -> None:
    story = Story().has(workload(container(readinessProbe=get("/ready"))), service())
    story.admit = with_path
    story.declares(endpoint(enforce=True)).look(at_most=3).restart().roll_out().look()

    assert [one.saved for one in story.told.held] == ["/ready"]

    story.admit = dict
    story.declares(endpoint()).look()
    assert (story.live, story.events(Reason.RESTORE_SKIPPED)) == (get("/ready"), [])


def test_restart_before_the_report_of_a_changed_write_restores_the_original() -> None:
    story = Story().has(workload(container(readinessProbe=get("/ready"))), service())
    story.admit = with_path
    story.declares(endpoint(enforce=True)).look(at_most=3).restart().roll_out()

    story.admit = dict
    story.declares().look()

    assert (story.live, story.probes, story.events(Reason.RESTORE_SKIPPED)) == (get("/ready"), [], [])


def test_restore_that_a_policy_turns_into_a_third_value_is_written_again() -> None:
    story = Story().has(workload(container(readinessProbe=get("/ready"))), service())
    story.declares(endpoint(enforce=True)).look().roll_out().look()
    story.admit, before = with_path, len(story.adjusted)

    lasts(story.declares().look(), 60)

    assert 2 <= len(story.adjusted) - before <= MOST
    assert "was set to /ready, and the API server stored /policy: an admission policy" in story.told.message
    story.admit = dict
    lasts(story, 31)
    assert (story.live, story.probes, story.events(Reason.RESTORE_SKIPPED)) == (get("/ready"), [], [])


def test_restart_while_a_policy_changes_the_restore_still_restores() -> None:
    story = Story().has(workload(container(readinessProbe=get("/ready"))), service())
    story.declares(endpoint(enforce=True)).look().roll_out().look()
    story.admit = with_path
    story.declares().look(at_most=2).restart()

    story.admit = dict
    story.look()

    assert (story.live, story.probes, story.events(Reason.RESTORE_SKIPPED)) == (get("/ready"), [], [])


def test_other_writers_value_after_a_restart_is_theirs() -> None:
    story = Story().has(workload(container(readinessProbe=get("/ready"))), service())
    story.declares(endpoint(enforce=True)).look(at_most=3).restart().edit(get("/else"), manager="helm")

    story.declares().look()

    assert (story.live, len(story.events(Reason.RESTORE_SKIPPED))) == (get("/else"), 1)
