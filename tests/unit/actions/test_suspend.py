"""What runs by itself is held suspended, each kind in its own way."""

from typing import Any

import pytest

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref, meta_of
from runbook_operator.reconcile.steps import WriteTarget
from tests.builders import NAMESPACE, Body, Simulation, condition, kill_switch, scale

FLUX = "kustomize.toolkit.fluxcd.io/v1"
ARGO_CD = "argoproj.io/v1alpha1"
KEDA = "keda.sh/v1alpha1"
BY_FIELD = [
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    (FLUX, "Kustomization"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
]


def thing(api_version: str, kind: str, *, meta: Body | None = None, status: Body | None = None, **spec: Any) -> Body:
    body: Body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "nightly"} | (meta or {}), "spec": spec}
    return body | ({"status": status} if status else {})


def ready(body: Body, **spec: Any) -> Simulation:
    named = {"apiVersion": body["apiVersion"], "kind": body["kind"], "name": "nightly"}
    simulation = Simulation().with_object(body)
    entry = kill_switch("stop", {"suspend": {"target": "nightly"}})
    return simulation.with_runbook(targets=[{"name": "nightly", "workload": named}], killSwitches=[entry], **spec)


def thrown(body: Body, **spec: Any) -> Simulation:
    return ready(body, **spec).throw().drive()


def live(simulation: Simulation) -> Body:
    """The suspended object as it is now."""
    return next(body for ref, body in simulation.objects.items() if ref.name == "nightly")


def ref_of(simulation: Simulation) -> Ref:
    return meta_of(live(simulation)).ref


def remarks(simulation: Simulation) -> list[tuple[str, str]]:
    record = simulation.status().record
    assert record is not None
    return [(one.reason, one.message) for one in record.remarks]


@pytest.mark.parametrize(("api_version", "kind"), BY_FIELD)
def test_object_is_suspended_held_and_resumed(api_version: str, kind: str) -> None:
    simulation = thrown(thing(api_version, kind, interval="5m"))
    assert live(simulation)["spec"] == {"interval": "5m", "suspend": True}

    simulation.change(ref_of(simulation), {"spec": {"suspend": False}}).drive()
    assert live(simulation)["spec"]["suspend"] is True
    assert simulation.said[-1].reason is Reason.DRIFT_CORRECTED

    simulation.release().drive()
    assert live(simulation)["spec"] == {"interval": "5m"}


@pytest.mark.parametrize(("api_version", "kind"), BY_FIELD)
def test_already_suspended_object_is_held_without_a_write_and_stays_suspended(api_version: str, kind: str) -> None:
    simulation = thrown(thing(api_version, kind, suspend=True))
    assert not any(isinstance(step, WriteTarget) for step in simulation.steps)
    assert simulation.status().phase == "Engaged"
    stays = f"{kind}/nightly spec.suspend was at true before the throw, and a release leaves it at true"
    assert remarks(simulation) == [("AlreadySet", stays)]

    simulation.change(ref_of(simulation), {"spec": {"suspend": False}}).drive()
    assert live(simulation)["spec"]["suspend"] is True

    simulation.release().drive()
    assert live(simulation)["spec"]["suspend"] is True


def test_two_switches_on_one_cron_job_resume_it_after_the_last_release() -> None:
    body = thing("batch/v1", "CronJob", suspend=False)
    target = {"name": "nightly", "workload": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly"}}
    for first, last in (("a", "b"), ("b", "a")):
        entries = [kill_switch(name, {"suspend": {"target": "nightly"}}) for name in ("a", "b")]
        simulation = Simulation().with_object(body).with_runbook(targets=[target], killSwitches=entries)
        for name in ("a", "b"):
            simulation.throw(name).drive("a", "b")

        simulation.release(first).drive("a", "b")
        assert live(simulation)["spec"]["suspend"] is True
        simulation.release(last).drive("a", "b")
        assert live(simulation)["spec"]["suspend"] is False


MISSED = "CronJob/nightly: the release at once starts the newest run that was missed while suspended"
MISSES = ("MissedRun", f"{MISSED}; release the switch at a time when that run may start")


def test_running_jobs_of_a_cron_job_are_named() -> None:
    active = [{"kind": "Job", "name": "nightly-1"}, {"kind": "Job", "name": "nightly-2"}]

    assert remarks(thrown(thing("batch/v1", "CronJob", status={"active": active}))) == [
        MISSES,
        (
            "StillRunning",
            "CronJob/nightly: Jobs that it has already started keep running: Job/nightly-1, Job/nightly-2",
        ),
    ]
    assert remarks(thrown(thing("batch/v1", "CronJob"))) == [MISSES]


def test_cron_job_with_starting_deadline_remarks_a_missed_run() -> None:
    ((reason, text),) = remarks(thrown(thing("batch/v1", "CronJob", startingDeadlineSeconds=0)))

    assert reason == "MissedRun"
    assert "unless it was due more than 0 s before (startingDeadlineSeconds); release the switch" in text


def test_engaged_message_names_the_run_that_a_release_starts() -> None:
    simulation = thrown(thing("batch/v1", "CronJob")).after(seconds=3).drive()

    assert (
        "(the release at once starts the newest run that was missed while suspended)"
        in condition(simulation.status(), "Engaged")[2]
    )
    simulation.steps.clear()
    assert simulation.after(minutes=5).drive().steps == []


def test_cron_job_suspended_before_the_throw_promises_no_run_at_release() -> None:
    simulation = thrown(thing("batch/v1", "CronJob", suspend=True)).after(seconds=3).drive()

    assert "the release at once starts" not in condition(simulation.status(), "Engaged")[2]


def test_cron_job_deleted_while_suspended_is_released() -> None:
    simulation = thrown(thing("batch/v1", "CronJob"))

    simulation.remove(ref_of(simulation)).after(seconds=3).drive()

    assert simulation.release().drive().status().phase == "Released"


def test_suspended_job_remarks_its_deleted_pods() -> None:
    assert remarks(thrown(thing("batch/v1", "Job", status={"active": 2}))) == [
        ("PodsDeleted", "Job/nightly: suspending it deletes its pods (2 now); new ones start at the release")
    ]


@pytest.mark.parametrize("end", ["Complete", "Failed"])
def test_ended_job_is_left_unchanged(end: str) -> None:
    conditions = [{"type": "Suspended", "status": "False"}, {"type": end, "status": "True"}]

    simulation = thrown(thing("batch/v1", "Job", status={"conditions": conditions}))

    assert remarks(simulation) == [("NothingToDo", f"Job/nightly has ended ({end}), so there is nothing to suspend")]
    assert live(simulation)["spec"] == {}
    why = f"Job/nightly has ended ({end}), so there is nothing to suspend"
    assert condition(simulation.status(), "Engaged") == ("False", "NothingToDo", why)
    assert condition(simulation.status(), "Ready") == ("True", "Ready", why)
    assert simulation.status().phase == "NothingToDo"
    assert {one.reason for one in simulation.said} == {Reason.NOTHING_TO_DO}
    simulation.release().drive()
    assert simulation.status().phase == "Released"
    assert condition(simulation.status(), "Restored") == ("True", "Released", why)
    assert Reason.RESTORED not in {one.reason for one in simulation.said}


def test_kustomization_applied_by_a_parent_is_excluded_from_it_and_remarked() -> None:
    meta = {"labels": {"kustomize.toolkit.fluxcd.io/name": "cluster"}, "annotations": {"team": "shop"}}

    simulation = thrown(thing(FLUX, "Kustomization", meta=meta))

    ((reason, message),) = remarks(simulation)
    assert reason == "GitOpsOwned"
    assert message.startswith(
        "Kustomization/nightly is applied by the Kustomization cluster. The operator keeps that from applying it"
    )
    assert live(simulation)["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"
    simulation.release().drive()
    assert live(simulation)["metadata"]["annotations"] == {"team": "shop"}


def application(*, meta: Body | None = None, **policy: Any) -> Body:
    return thing(ARGO_CD, "Application", meta=meta, syncPolicy=policy)


@pytest.mark.parametrize("automated", [{}, {"prune": True}, {"enabled": True}])
def test_automatic_sync_of_an_application_is_paused_and_restored(automated: Body) -> None:
    simulation = thrown(application(automated=automated))
    assert live(simulation)["spec"]["syncPolicy"] == {"automated": automated | {"enabled": False}}

    simulation.release().drive()

    assert live(simulation)["spec"]["syncPolicy"] == {"automated": automated}


def test_paused_application_is_held_without_a_write() -> None:
    simulation = thrown(application(automated={"enabled": False}))

    simulation.change(ref_of(simulation), {"spec": {"syncPolicy": {"automated": {"enabled": True}}}}).drive()
    assert live(simulation)["spec"]["syncPolicy"]["automated"]["enabled"] is False

    simulation.release().drive()
    assert live(simulation)["spec"]["syncPolicy"]["automated"]["enabled"] is False


def test_manual_sync_application_is_left_unchanged() -> None:
    simulation = thrown(application())

    ((reason, message),) = remarks(simulation)
    assert (reason, "syncs only by hand, so" in message) == ("NothingToDo", True)
    simulation.release().drive()
    assert live(simulation)["spec"]["syncPolicy"] == {}


@pytest.mark.parametrize(
    ("meta", "above"),
    [
        ({"ownerReferences": [{"kind": "ApplicationSet", "uid": "s"}]}, "an ApplicationSet"),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:shop/nightly"}},
            "another App",
        ),
    ],
)
def test_application_managed_by_another_one_is_refused(meta: Body, above: str) -> None:
    simulation = ready(application(meta=meta, automated={})).drive()

    status, reason, message = condition(simulation.status(), "Ready")
    assert (status, reason) == ("False", "GitOpsOwned")
    assert f"Application/nightly is managed by {above}" in message
    simulation.throw().drive()
    assert live(simulation)["spec"]["syncPolicy"] == {"automated": {}}


def test_scaled_object_is_suspended_by_the_keda_annotation() -> None:
    simulation = thrown(thing(KEDA, "ScaledObject", meta={"annotations": {"team": "shop"}}))
    assert live(simulation)["metadata"]["annotations"] == {"team": "shop", "autoscaling.keda.sh/paused": "true"}

    simulation.release().drive()

    assert live(simulation)["metadata"]["annotations"] == {"team": "shop"}


def test_unsupported_kind_is_refused_with_the_supported_kinds() -> None:
    simulation = ready(thing("apps/v1", "DaemonSet")).drive()

    assert condition(simulation.status(), "Ready") == (
        "False",
        "NotSuspendable",
        (
            "DaemonSet/nightly: a DaemonSet of apps/v1 cannot be suspended; target one of CronJob (batch), "
            "Job (batch), Kustomization (kustomize.toolkit.fluxcd.io), HelmRelease (helm.toolkit.fluxcd.io), "
            "Application (argoproj.io), ScaledObject (keda.sh)"
        ),
    )


def test_missing_object_is_waited_for() -> None:
    simulation = ready(thing("batch/v1", "CronJob"))
    ref = ref_of(simulation)
    simulation.remove(ref).throw().drive()
    assert condition(simulation.status(), "Ready")[:2] == ("False", "TargetNotFound")

    simulation.with_object(thing("batch/v1", "CronJob") | {"metadata": {"name": "nightly", "namespace": NAMESPACE}})
    simulation.store.evict([ref])
    simulation.drive()

    assert live(simulation)["spec"] == {"suspend": True}


def test_throw_without_effect_is_reported_at_rest() -> None:
    ended = thing("batch/v1", "Job", status={"conditions": [{"type": "Complete", "status": "True"}]})

    ready_condition = condition(ready(ended).drive().status(), "Ready")

    assert ready_condition == ("True", "Ready", "Job/nightly has ended (Complete), so there is nothing to suspend")


def test_ready_reports_a_missed_run_before_the_throw() -> None:
    simulation = ready(thing("batch/v1", "CronJob", startingDeadlineSeconds=300)).drive()

    assert condition(simulation.status(), "Ready")[0] == "True"
    assert condition(simulation.status(), "Ready")[2] == (
        "CronJob/nightly: the release at once starts the newest run that was missed while suspended, unless it "
        "was due more "
        "than 300 s before (startingDeadlineSeconds); release the switch at a time when that run may start"
    )
    assert simulation.after(minutes=10).next_step() is None


def test_action_without_effect_is_listed_next_to_the_held_fields() -> None:
    ended = thing("batch/v1", "Job", status={"conditions": [{"type": "Complete", "status": "True"}]})
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly"}
    simulation = Simulation().with_object(ended).with_target(3)
    simulation.with_runbook(
        targets=[{"name": "web", "workload": {"name": "web"}}, {"name": "nightly", "workload": job}],
        killSwitches=[kill_switch("stop", {"suspend": {"target": "nightly"}}, scale(replicas=0))],
    )

    status = simulation.throw().drive().status()

    assert condition(status, "Engaged") == (
        "True",
        "Engaged",
        "Deployment/web from 3 to 0; Job/nightly has ended (Complete), so there is nothing to suspend",
    )


def test_momentary_throw_without_effect_is_not_reported_as_done() -> None:
    ended = thing("batch/v1", "Job", status={"conditions": [{"type": "Complete", "status": "True"}]})
    named = {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly"}
    simulation = Simulation().with_object(ended)
    entry = kill_switch("stop", {"suspend": {"target": "nightly"}}, momentary=True)
    simulation.with_runbook(targets=[{"name": "nightly", "workload": named}], killSwitches=[entry])

    simulation.throw().drive()

    assert {one.reason for one in simulation.said} == {Reason.NOTHING_TO_DO}
    assert simulation.status().phase == "Released"
