"""Containers' probes that are set to what is declared: what is waited for, what is written down, what is put back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_operator.api.switch import FINALIZER
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Owner, Ref
from runbook_operator.probes.probe_reconcile import conditions, next_step
from runbook_operator.reconcile.steps import DeleteSwitch, SetFinalizers, WriteProbes, WriteStatus
from runbook_operator.runbooks.runbook_requeue import runbook_due
from tests.builders import NAMESPACE, WEB, Body
from tests.probing import ROLLED_OUT, RUNBOOK, SERVICE, Story, container, endpoint, get, service, workload
from tests.revisions import DS, STS, kept

SET = get("/health/ready")
ENFORCED = endpoint(enforce=True)
COMMAND = {"exec": {"command": ["redis-cli", "-a", "s3cret", "ping"]}, "periodSeconds": 10}


def there(ref: Ref | None = None, /, **probes: Body) -> Story:
    """The workload `web` with a container that has these probes, and its Service; nothing is declared yet."""
    return Story().has(workload(container(**probes), ref=ref or WEB), service())


def enforced(*endpoints: Body, **probes: Body) -> Story:
    """As above, with these endpoints enforced, and all that follows at once done and rolled out."""
    return there(**probes).declares(*(endpoints or [ENFORCED])).look().roll_out().look()


def of_a_container(**probes: Body) -> Body:
    """The revision that the cluster keeps of a workload with this container."""
    template = workload(container(**probes))["spec"]["template"]
    return kept({"metadata": {"labels": {}}, **template}, 1)


def kinds(story: Story) -> list[str]:
    return [type(step).__name__ for step in story.steps]


def test_saved_probe_is_recorded_before_one_write_sets_it() -> None:
    story = there(readinessProbe=get()).declares(ENFORCED).look()

    assert kinds(story) == ["SetFinalizers", "WriteStatus", "WriteProbes", "WriteStatus"]
    assert story.live == SET
    (held,) = story.told.held
    assert (held.saved, held.held) == ("/ready", "/health/ready")
    assert (story.told.reason, story.told.drift, story.told.times) == ("ProbeEnforced", "", 1)
    assert FINALIZER in story.runbook.meta.finalizers
    (said,) = story.events(Reason.PROBE_ENFORCED)
    assert said.startswith("Runbook shop, health endpoint ready: readinessProbe of container app in Deployment/web: ")
    assert said.endswith(": set httpGet.path from /ready to /health/ready")
    assert len(story.roll_out().look().steps) == 4


def test_probe_write_lists_each_field_and_the_reason() -> None:
    (step,) = enforced(endpoint(enforce=True, timeout="3s"), readinessProbe=get()).adjusted

    assert [(one.field_key[1].rpartition("].")[2], one.before, one.after) for one in step.changes] == [
        ("readinessProbe.httpGet.path", "/ready", "/health/ready"),
        ("readinessProbe.timeoutSeconds", None, 3),
    ]
    assert step.reason == "health endpoints are declared as its probes"
    assert step.field_keys == ((WEB, "spec.template"),)


def test_all_probes_of_a_workload_are_one_write() -> None:
    live = endpoint("/live", name="live", probe="liveness", enforce=True)
    story = there(readinessProbe=get()).declares(ENFORCED, live).look()

    assert len(story.adjusted) == 1
    assert story.objects[WEB]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] == get("/live")
    assert [one.reason for one in story.probes] == ["ProbeEnforced", "ProbeEnforced"]


def test_probes_of_two_workloads_are_two_writes() -> None:
    targets = [
        {"name": name, "workload": {"kind": kind, "name": "web"}, "service": {"name": "web"}}
        for name, kind in (("web", "Deployment"), ("db", "StatefulSet"))
    ]
    other = workload(container(readinessProbe=get()), ref=STS)
    other["metadata"]["uid"] = "db-1"
    story = there(readinessProbe=get()).has(other)

    story.declares(ENFORCED, ENFORCED | {"name": "db", "target": "db"}, targets=targets).look()

    assert [one.effect.ref for one in story.adjusted] == [WEB, STS]


@pytest.mark.parametrize(
    ("before", "spec", "after"),
    [
        ({}, {}, SET),
        ({"readinessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 7}}, {}, SET | {"periodSeconds": 7}),
        ({"readinessProbe": get(httpHeaders=[{"name": "Host", "value": "shop"}])}, {}, None),
        ({"readinessProbe": get() | {"initialDelaySeconds": 9}}, {"period": "5s"}, None),
        ({"readinessProbe": {"httpGet": {"host": "10.0.0.1", "path": "/health/ready", "port": 8080}}}, {}, None),
    ],
    ids=["none", "another kind", "headers", "a delay", "a host of its own"],
)
def test_probe_write_changes_only_declared_fields_and_restores_them(
    before: Body, spec: Body, after: Body | None
) -> None:
    story = enforced(endpoint(enforce=True, **spec), **before)
    if after is not None:
        assert story.live == after
    assert story.told.drift == ""

    story.declares(endpoint(**spec)).look()

    assert story.live == before.get("readinessProbe")
    assert story.told.held == []
    assert FINALIZER not in story.runbook.meta.finalizers
    assert len(story.events(Reason.PROBE_RESTORED)) == 1


def test_probe_already_as_declared_is_not_held() -> None:
    story = enforced(readinessProbe=SET)

    assert (story.told.reason, story.told.held, story.runbook.meta.finalizers) == ("ProbeAsDeclared", [], ())
    assert story.adjusted == []


@pytest.mark.parametrize(
    ("spec", "reason", "why"),
    [
        ({"mode": "Observe"}, Reason.OBSERVING, "In mode Enforce it would set the probe as declared"),
        ({"suspend": {}}, Reason.SUSPENDED, "the probe is set when that ends"),
    ],
)
def test_observed_or_suspended_runbook_sets_no_probe(spec: Body, reason: Reason, why: str) -> None:
    story = there(readinessProbe=get()).declares(ENFORCED, **spec).look()

    assert kinds(story) == ["WriteStatus"]
    assert (story.told.reason, story.told.held) == (reason, [])
    assert why in story.told.message
    assert conditions(story.snapshot())[0].message.endswith(f"({story.told.message})")
    assert story.declares(ENFORCED).look().live == SET


@pytest.mark.parametrize(
    ("meta", "owner"),
    [
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}},
            "the Argo CD Application shop",
        ),
    ],
)
def test_workload_applied_by_a_gitops_tool_is_reported_and_not_written(meta: Body, owner: str) -> None:
    story = there(readinessProbe=get())
    story.objects[WEB]["metadata"] |= meta

    story.declares(ENFORCED).look()

    assert (story.told.reason, story.live) == ("GitOpsOwned", get())
    assert f"applied from Git by {owner}, which would undo the change; set the probe in Git" in story.told.message
    assert len(story.events(Reason.GITOPS)) == 1


def test_workload_with_unknown_rollouts_is_not_written() -> None:
    other = Ref("example.org/v1", "Pond", NAMESPACE, "web")
    story = there(other, readinessProbe=get()).declares(ENFORCED, ref=other).look()

    assert story.told.reason == "NotRestartable"
    assert "target one of Deployment, StatefulSet, DaemonSet, Rollout" in story.told.message
    reads = story.reads
    assert story.look(thorough=False).reads == reads


def test_probe_waits_for_the_rollout_and_is_then_set() -> None:
    story = there(readinessProbe=get()).is_rolling().declares(ENFORCED).look()

    assert (story.told.reason, story.live) == ("ProbePending", get())
    assert story.told.message == "it is set when the rollout of Deployment/web ends"
    assert (runbook_due(story.snapshot()) or story.now) > story.now
    assert story.roll_out().look(thorough=False).live == SET


PROGRESSING = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}


@pytest.mark.parametrize(
    ("status", "waits"),
    [
        ({"observedGeneration": 0}, True),
        ({"updatedReplicas": 2}, True),
        ({"replicas": 4}, True),
        ({"availableReplicas": 1, "conditions": [PROGRESSING]}, True),
        ({"availableReplicas": 1, "conditions": [PROGRESSING | {"reason": "NewReplicaSetAvailable"}]}, False),
        ({"updatedReplicas": 1, "conditions": [PROGRESSING | {"reason": "ProgressDeadlineExceeded"}]}, False),
        ({"availableReplicas": 1}, False),
        ({}, False),
    ],
    ids=[
        *("not taken up", "not all updated", "old ones left", "new ones not available", "some broke since"),
        *("stuck", "unavailable where nothing tells of progress", "all is well"),
    ],
)
def test_incomplete_workload_status_counts_as_a_rollout(status: Body, waits: bool) -> None:  # noqa: FBT001 # a parameter of the test
    story = there(readinessProbe=get())
    story.objects[WEB]["status"] |= status

    story.declares(ENFORCED).look()

    assert (story.live == get()) is waits


def test_failing_set_probe_is_corrected_within_its_rollout() -> None:
    story = there(readinessProbe=get()).declares(endpoint("/helth", enforce=True)).look().is_rolling()

    story.declares(ENFORCED).look()

    assert story.live == SET
    assert story.told.held[0].saved == "/ready"


def test_failing_set_probe_is_restored_within_its_rollout() -> None:
    story = there(readinessProbe=get()).declares(endpoint("/helth", enforce=True)).look().is_rolling()

    assert story.declares(endpoint()).look().live == get()


@pytest.mark.parametrize("held", ["spec.template", "spec.template.spec.containers[name=app].env[name=AI]"])
def test_probe_waits_while_a_switch_holds_the_pod_template(held: str) -> None:
    story = there(readinessProbe=get()).holds(held).declares(ENFORCED).look()
    assert (story.told.reason, story.live) == ("ProbePending", get())
    assert "it waits until Switch shop-back is released" in story.told.message

    story.lets_go().look().roll_out().look().holds(held).declares(endpoint()).look()
    assert (story.told.reason, story.live) == ("ProbePending", SET)

    assert story.lets_go().look(thorough=False).live == get()


@pytest.mark.parametrize(
    "entry",
    [{"held": "spec.replicas"}, {"mode": "Once"}, {"uid": "web-2"}],
    ids=["another field", "a restart", "another workload"],
)
def test_switch_holding_another_field_does_not_delay_a_probe(entry: dict[str, Any]) -> None:
    assert there(readinessProbe=get()).holds(**entry).declares(ENFORCED).look().live == SET


def test_template_changed_by_a_released_switch_is_no_contest() -> None:
    story = enforced(readinessProbe=get())

    story.after(hours=1).edit(get("/old")).holds().look()
    assert (story.told.reason, story.live) == ("ProbePending", get("/old"))

    story.lets_go().look()
    assert (story.live, story.told.held[0].saved) == (SET, "/old")


def test_changed_probe_is_set_again_with_growing_pauses_and_its_value_saved() -> None:
    story = enforced(readinessProbe=get())

    story.after(seconds=5).edit(get("/else"), manager="helm").look()
    assert story.events(Reason.DRIFT_CORRECTED) == []
    assert (story.told.reason, story.live) == ("ProbePending", get("/else"))
    assert story.told.message.startswith(
        "helm has changed the enforced probe. The operator sets it again at 2026-11-24T03:0"
    )

    story.after(minutes=1).look().roll_out().look()
    assert (story.live, story.told.times, story.told.held[0].saved) == (SET, 2, "/else")
    (said,) = story.events(Reason.DRIFT_CORRECTED)
    assert "helm changed httpGet.path from /health/ready to /else; the operator sets it again. To end this: " in said

    story.after(minutes=1).edit(get("/else")).look()
    assert story.live == SET or story.told.reason == "ProbePending"
    story.after(minutes=2).look().roll_out().look()
    assert (story.live, story.told.times) == (SET, 3)
    assert story.declares(endpoint()).look().live == get("/else")


def test_old_probe_contest_is_forgotten() -> None:
    story = enforced(readinessProbe=get())

    story.after(hours=7).edit(get("/else")).look()

    assert (story.live, story.told.times) == (SET, 1)


def test_manual_restore_of_the_probe_counts_as_contest() -> None:
    story = enforced(readinessProbe=get()).after(minutes=2).edit(get()).look()

    assert (story.live, story.told.times) == (SET, 2)


def test_removed_probe_is_set_again_and_removed_at_the_end() -> None:
    story = enforced(readinessProbe=get()).after(minutes=2).edit(None).look().roll_out()

    assert story.live == SET
    assert story.declares(endpoint()).look().live is None


def test_undeclared_field_is_restored_with_the_next_write() -> None:
    story = enforced(endpoint(enforce=True, period="5s", timeout="3s"), readinessProbe=get() | {"periodSeconds": 9})

    story.declares(endpoint(enforce=True, timeout="4s")).look()

    assert story.live == SET | {"periodSeconds": 9, "timeoutSeconds": 4}
    assert len(story.adjusted) == 2
    assert {one.field.rpartition(".")[2]: one.saved for one in story.told.held} == {
        "path": "/ready",
        "timeoutSeconds": None,
    }


def test_created_probe_keeps_fields_added_by_others() -> None:
    story = enforced()
    story.after(hours=1).edit(SET | {"initialDelaySeconds": 9}).look()
    assert len(story.adjusted) == 1

    story.declares(endpoint("/else", enforce=True)).look()

    assert story.live == get("/else") | {"initialDelaySeconds": 9}
    assert story.declares(endpoint()).look().live is None


def test_probe_declared_as_its_saved_value_is_no_longer_held() -> None:
    story = enforced(readinessProbe=get())

    story.declares(endpoint("/ready", enforce=True)).look()

    assert (story.live, story.told.reason, story.told.held) == (get(), "ProbeAsDeclared", [])
    assert story.runbook.meta.finalizers == ()


def test_probe_field_changed_by_others_is_not_restored() -> None:
    story = enforced(readinessProbe=get()).edit(get("/else")).declares(endpoint()).look()

    assert (story.live, story.told.held) == (get("/else"), [])
    assert story.events(Reason.RESTORE_SKIPPED)[0].endswith(
        "httpGet.path left as it is, since kubectl changed it after the operator set it"
    )


def test_only_unchanged_probe_fields_are_restored() -> None:
    story = enforced(endpoint(enforce=True, timeout="3s"), readinessProbe=get())

    story.edit(get("/else") | {"timeoutSeconds": 3}).declares(endpoint()).look()

    assert story.live == get("/else")
    assert len(story.events(Reason.RESTORE_SKIPPED)) == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda story: story.declares(),
        lambda story: story.declares(endpoint(probe=None)),
        lambda story: story.declares(targets=[{"name": "other", "workload": {"name": "other"}}]),
    ],
    ids=["the endpoint is dropped", "it is no probe any more", "the target is dropped with it"],
)
def test_removed_endpoint_restores_its_probe(edit: Callable[[Story], Story]) -> None:
    story = edit(enforced(readinessProbe=get())).look()

    assert (story.live, story.probes, story.runbook.meta.finalizers) == (get(), [], ())
    assert len(story.events(Reason.PROBE_RESTORED)) == 1


def test_renamed_endpoint_keeps_the_set_and_saved_probe() -> None:
    story = enforced(readinessProbe=get())

    story.declares(endpoint(name="new", enforce=True)).look()

    assert (story.told.name, story.told.held[0].saved, story.live) == ("new", "/ready", SET)
    assert len(story.adjusted) == 1
    assert story.declares(endpoint(name="new")).look().live == get()


def test_endpoint_with_another_probe_kind_restores_the_first_probe() -> None:
    story = enforced(readinessProbe=get())

    story.declares(endpoint(probe="liveness", enforce=True)).look()

    first = story.objects[WEB]["spec"]["template"]["spec"]["containers"][0]
    assert (first["readinessProbe"], first["livenessProbe"]) == (get(), SET)
    assert [one.probe for one in story.probes] == ["liveness"]
    assert len(story.adjusted) == 2


def test_restored_and_set_probe_are_one_write() -> None:
    story = enforced(readinessProbe=get())

    story.declares(endpoint(name="new", probe="liveness", enforce=True)).look()

    assert len(story.adjusted) == 2
    assert {one.field_key[1].rpartition("].")[2] for one in story.adjusted[1].changes} == {
        "readinessProbe.httpGet.path",
        "livenessProbe",
    }


def test_probe_no_longer_supported_stays_set_until_removed() -> None:
    story = enforced(readinessProbe=get()).declares(endpoint(enforce=True, expect=404)).look()

    assert (story.told.reason, story.live) == ("ProbeUnsupported", SET)
    assert story.declares(endpoint(expect=404)).look().live == SET
    assert story.declares().look().live == get()


def test_observe_mode_keeps_a_set_probe_and_still_restores() -> None:
    story = enforced(readinessProbe=get()).declares(ENFORCED, mode="Observe").look()
    assert (story.live, story.told.reason) == (SET, "ProbeEnforced")

    assert story.declares(endpoint(), mode="Observe").look().live == get()


def test_unparsable_runbook_keeps_a_set_probe() -> None:
    story = enforced(readinessProbe=get()).declares(endpoint("no path")).look()

    assert (story.live, len(story.told.held)) == (SET, 1)


def test_recreated_workload_gets_its_probe_set_again() -> None:
    story = enforced(readinessProbe=get())
    body = workload(container(readinessProbe=get("/new")))
    body["metadata"]["uid"] = "web-2"

    story.has(body).look()

    assert (story.live, story.told.uid, story.told.held[0].saved) == (SET, "web-2", "/new")
    assert story.events(Reason.RESTORE_SKIPPED) == []


def test_removed_container_drops_its_held_probe() -> None:
    story = enforced(readinessProbe=get())
    story.has(workload(container("other")) | {"metadata": story.objects[WEB]["metadata"]})

    story.declares().look()

    assert (story.probes, story.runbook.meta.finalizers) == ([], ())
    assert [one["name"] for one in story.objects[WEB]["spec"]["template"]["spec"]["containers"]] == ["other"]


def test_command_is_saved_as_a_digest_and_restored_from_a_revision() -> None:
    story = there(readinessProbe=COMMAND).declares(ENFORCED)
    story.kept = [of_a_container(readinessProbe=COMMAND)]

    story.look().roll_out().look()
    assert story.live == SET | {"periodSeconds": 10}
    assert "s3cret" not in str(story.runbook.status)
    assert "s3cret" not in str([one.changes for one in story.adjusted])
    assert "set it from exec to httpGet /health/ready http" in story.events(Reason.PROBE_ENFORCED)[0]

    assert story.declares(endpoint()).look().live == COMMAND


def test_command_in_no_stored_revision_is_reported_for_manual_restore() -> None:
    story = enforced(readinessProbe=COMMAND)

    story.declares(endpoint()).look()
    assert (story.told.reason, story.live) == ("NoRevision", SET | {"periodSeconds": 10})
    assert story.told.message.endswith("; set it by hand")
    assert ": the cluster no longer keeps a revision with the saved value of " in story.told.message
    assert len(story.events(Reason.NO_REVISION)) == 1

    story.edit(COMMAND).look()
    assert (story.told.reason, story.told.held) == ("ProbeDrift", [])


def test_digest_of_a_saved_probe_matches_the_declared_value() -> None:
    story = enforced(readinessProbe=get("/ready?token=s3cret"))
    story.kept = [of_a_container(readinessProbe=get("/ready?token=s3cret"))]

    story.declares(endpoint("/ready?token=s3cret", enforce=True)).look()

    assert (story.live, story.told.held) == (get("/ready?token=s3cret"), [])


def test_edit_that_would_lose_an_unrecoverable_value_changes_no_probe() -> None:
    story = enforced(readinessProbe=get("/ready?token=s3cret"))

    story.declares(endpoint("/", protocol="TCP", enforce=True)).look()

    assert (story.told.reason, story.live, len(story.told.held)) == ("NoRevision", SET, 1)


def test_probe_changed_by_others_to_the_declared_value_is_no_longer_held() -> None:
    story = enforced(endpoint(enforce=True, timeout="3s"), readinessProbe=get())

    story.edit(get("/else") | {"timeoutSeconds": 3}).declares(endpoint("/else", enforce=True, timeout="3s")).look()
    assert [one.field.rpartition(".")[2] for one in story.told.held] == ["timeoutSeconds"]

    story.edit(get("/else") | {"timeoutSeconds": 4}).declares(endpoint("/else", enforce=True, timeout="4s")).look()
    assert (story.told.held, story.told.times, len(story.adjusted)) == ([], 0, 1)


def test_failed_probe_write_is_reported_and_retried_when_due() -> None:
    story = there(readinessProbe=get()).declares(ENFORCED).look(at_most=2).fails().look()
    assert (story.told.reason, story.told.message, story.live) == ("MissingRights", "403", get())
    assert runbook_due(story.snapshot()) is not None

    step = story.after(seconds=6).step({})
    assert isinstance(step, WriteProbes)
    story.write_histories.clear()
    assert story.look().told.reason == "ProbeEnforced"


def test_failed_probe_restore_is_reported_and_retried_when_due() -> None:
    story = enforced(readinessProbe=get()).declares(endpoint()).fails().look()
    assert (story.told.reason, story.live) == ("MissingRights", SET)

    assert isinstance(story.after(seconds=6).step({}), WriteProbes)


def test_refused_finalizer_sets_no_probe_and_is_reported() -> None:
    story = there(readinessProbe=get()).declares(ENFORCED).fails(RUNBOOK, "metadata.finalizers").look()

    assert (story.told.reason, story.told.held, story.live) == ("MissingRights", [], get())
    assert isinstance(story.after(seconds=6).step({}), SetFinalizers)


def test_refused_finalizer_removal_is_retried_when_due() -> None:
    story = enforced(readinessProbe=get()).declares(endpoint()).look(at_most=3)
    assert FINALIZER in story.runbook.meta.finalizers

    story.fails(RUNBOOK, "metadata.finalizers").look()
    assert FINALIZER in story.runbook.meta.finalizers

    assert story.after(seconds=6).look().runbook.meta.finalizers == ()


@pytest.mark.parametrize("crash", range(1, 5))
def test_crash_after_any_write_keeps_saved_and_set_probe(crash: int) -> None:
    story = there(readinessProbe=get()).declares(ENFORCED).look(at_most=crash).after(seconds=3).look()

    assert (story.live, story.told.held[0].saved, len(story.adjusted)) == (SET, "/ready", 1)
    assert len({one.identity for one in story.said if one.reason is Reason.PROBE_ENFORCED}) == 1


@pytest.mark.parametrize("crash", range(1, 5))
def test_crash_after_any_restore_write_restores_once(crash: int) -> None:
    story = enforced(readinessProbe=get()).declares(endpoint()).look(at_most=crash).look()

    assert (story.live, story.told.held, story.runbook.meta.finalizers) == (get(), [], ())
    assert len(story.adjusted) == 2


def test_probe_changed_between_record_and_write_is_saved_again() -> None:
    story = there(readinessProbe=get()).declares(ENFORCED).look(at_most=2)
    assert story.told.held[0].saved == "/ready"

    story.edit(get("/else")).look()

    assert (story.live, story.told.held[0].saved) == (SET, "/else")


def test_outdated_cached_probe_is_read_before_it_is_saved() -> None:
    story = there(readinessProbe=get())
    story.late = {WEB: workload(container(readinessProbe=get("/long-ago"))), SERVICE: service()}

    story.declares(ENFORCED).look()

    assert (story.live, [one.saved for one in story.told.held]) == (SET, ["/ready"])


def test_outdated_cached_restore_is_read_before_the_record_is_dropped() -> None:
    story = enforced(readinessProbe=get())
    story.late = {WEB: workload(container(readinessProbe=get())), SERVICE: service()}

    story.declares(endpoint()).look()

    assert (story.live, story.told.held) == (get(), [])
    assert len(story.adjusted) == 2


def test_outdated_cached_set_probe_is_read_before_it_is_reported() -> None:
    story = there(readinessProbe=get()).declares(ENFORCED).look(at_most=2)
    story.late = {WEB: workload(container(readinessProbe=SET)), SERVICE: service()}

    story.look()

    assert (story.live, story.told.reason, len(story.adjusted)) == (SET, "ProbeEnforced", 1)


def test_outdated_cached_foreign_probe_is_read_before_the_hold_is_dropped() -> None:
    story = enforced(readinessProbe=get())
    story.late = {WEB: workload(container(readinessProbe=get("/else"))), SERVICE: service()}

    story.declares(endpoint("/else", enforce=True)).look()

    assert (story.live, [one.saved for one in story.told.held]) == (get("/else"), ["/ready"])


def test_deletion_releases_switches_and_restores_probes_before_the_finalizer_is_removed() -> None:
    story = enforced(readinessProbe=get()).holds().deletes().look()
    assert [type(one) for one in story.steps].count(DeleteSwitch) == 1
    assert story.live == SET
    assert story.told.restore_deadline == "2026-11-24T03:01:00.000000Z"

    story.after(seconds=30).lets_go().look()

    assert (story.live, story.probes, story.runbook.meta.finalizers) == (get(), [], ())
    assert next_step(story.snapshot()) is None


def test_orphaning_deletion_of_a_runbook_deletes_no_switch() -> None:
    story = enforced(readinessProbe=get()).holds().deletes()
    meta = story.runbook.meta
    story.runbook = replace(story.runbook, meta=replace(meta, finalizers=(*meta.finalizers, "orphan")))

    story.look()

    assert [one for one in story.steps if isinstance(one, DeleteSwitch)] == []


def test_switch_of_another_runbook_is_not_deleted() -> None:
    story = enforced(readinessProbe=get()).holds()
    found = story.switches["shop-back"]
    other = Owner("apps/v1", "Deployment", "web", "other")
    meta = type(found.meta)(found.meta.ref, found.meta.uid, "1", owners=(other,))
    story.switches["shop-back"] = type(found)(meta, found.spec, found.status)

    story.deletes().look()

    assert [one for one in story.steps if isinstance(one, DeleteSwitch)] == []


@pytest.mark.parametrize(
    ("hinder", "why"),
    [
        (lambda story: story.fails(), "403"),
        (lambda story: story.holds(), "Switch shop-back"),
        (lambda story: story.denied.add(WEB) or story, "GET Deployment/web: 403"),
    ],
    ids=["the write is refused", "a switch stays", "the workload may not be read"],
)
def test_deletion_waits_a_limited_time_and_reports_the_manual_restore(
    hinder: Callable[[Story], Story], why: str
) -> None:
    story = hinder(enforced(readinessProbe=get())).deletes().look()
    assert FINALIZER in story.runbook.meta.finalizers
    assert runbook_due(story.snapshot()) is not None

    story.after(seconds=61).look()

    assert (story.live, story.runbook.meta.finalizers) == (SET, ())
    (text,) = story.events(Reason.NOT_RESTORED)
    assert "is left as the operator set it; set by hand httpGet.path from /health/ready to /ready" in text
    assert why in text


def test_late_visit_of_a_deletion_still_restores_probes() -> None:
    story = enforced(readinessProbe=get()).deletes().look(at_most=1).after(hours=1).look()

    assert (story.live, story.events(Reason.NOT_RESTORED)) == (get(), [])


def test_deletion_does_not_wait_for_a_missing_workload() -> None:
    story = enforced(readinessProbe=get())
    del story.objects[WEB]

    assert story.deletes().look().runbook.meta.finalizers == ()


def test_daemon_set_is_visited_until_its_probe_is_set() -> None:
    story = there(DS, readinessProbe=get())
    story.objects[DS]["status"] |= {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}
    story.declares(ENFORCED, ref=DS).look()
    assert story.told.reason == "ProbePending"

    story.objects[DS]["status"] |= {"updatedNumberScheduled": 2}
    story.look(thorough=False)

    assert story.told.reason == "ProbeEnforced"


EVENTS: dict[str, Callable[[Story], Any]] = {
    "enforce": lambda story: story.declares(ENFORCED),
    "another path": lambda story: story.declares(endpoint("/b", enforce=True, period="5s")),
    "report": lambda story: story.declares(endpoint()),
    "drop": lambda story: story.declares(),
    "rename": lambda story: story.declares(endpoint(name="new", enforce=True)),
    "by TCP": lambda story: story.declares(endpoint("/", protocol="TCP", enforce=True)),
    "edit": lambda story: story.edit(get("/else")),
    "remove": lambda story: story.edit(None),
    "roll": lambda story: story.is_rolling(),
    "rolled": lambda story: story.roll_out(),
    "throw": lambda story: story.holds(),
    "release": lambda story: story.lets_go() if story.switches else story,
    "wait": lambda story: story.after(hours=2),
    "crash": lambda story: story.look(at_most=2).restart(),
    "crash after the write": lambda story: story.look(at_most=3).restart(),
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=12))
def test_random_events_end_with_the_last_foreign_probe(events: list[str]) -> None:
    story = there(readinessProbe=get()).declares(ENFORCED)
    theirs: Any = get()
    for event in events:
        EVENTS[event](story)
        theirs = {"edit": get("/else"), "remove": None}.get(event, theirs)
        story.look(thorough="crash" not in event)

    EVENTS["release"](story)
    story.declares().look()

    assert (story.live, story.probes, story.runbook.meta.finalizers) == (theirs, [], ())
    assert story.objects[WEB]["status"]["replicas"] == ROLLED_OUT["replicas"]
    assert all(isinstance(one, SetFinalizers | WriteStatus | WriteProbes) for one in story.steps)
