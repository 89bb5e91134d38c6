"""A Job is run once per engagement, whatever crashes, is deleted or edited meanwhile."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.actions.run_job import RunJob, RunJobSpec
from runbook_operator.actions.single_run_job import ONCE
from runbook_operator.api.switch import SwitchStatus
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Create, Delete, Patch
from runbook_operator.kube import errors
from runbook_operator.reconcile.steps import WriteStatus, WriteTarget
from runbook_operator.switches.requeue import due
from tests.builders import NAMESPACE, Body, Simulation, condition, kill_switch, scale, workload_body

CRON_JOB = Ref("batch/v1", "CronJob", NAMESPACE, "backup")
POD: Body = {"containers": [{"name": "job", "env": [{"name": "PASSWORD", "value": "hunter2"}]}]}
FROM_CRON_JOB: Body = {"runJob": {"fromCronJob": "backup"}}
RUN: Body = ONCE | {"suspend": False}
"""The spec of a Job that was resumed."""
BEGAN = "2026-11-24T03:00:02Z"


def cron_job(**meta: Any) -> Body:
    job = {"backoffLimit": 1, "ttlSecondsAfterFinished": 60, "template": {"spec": POD}}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "backup"},
        "spec": {"schedule": "@daily", "jobTemplate": {"metadata": meta, "spec": job}},
    }


def inline(wait: bool = True, **spec: Any) -> Body:  # noqa: FBT001, FBT002 # as the field is called
    return {"runJob": {"job": {"template": {"spec": POD}} | spec, "wait": wait}}


def ready(*actions: Body, **rest: Any) -> Simulation:
    simulation = Simulation().with_object(workload_body(3)).with_object(cron_job())
    return declare(simulation, *actions, **rest)


def declare(simulation: Simulation, *actions: Body, **rest: Any) -> Simulation:
    return simulation.with_runbook(killSwitches=[kill_switch("stop", *actions or (FROM_CRON_JOB,), **rest)])


def thrown(*actions: Body, **rest: Any) -> Simulation:
    return ready(*actions, **rest).throw().drive()


def jobs(simulation: Simulation) -> list[Ref]:
    return [ref for ref in simulation.objects if ref.kind == "Job"]


def job(simulation: Simulation) -> Body:
    (ref,) = jobs(simulation)
    return simulation.objects[ref]


def made(simulation: Simulation) -> list[Ref]:
    """Every Job that was ever made."""
    acts = (step.effect for step in simulation.steps if isinstance(step, WriteTarget))
    return [effect.ref for effect in acts if isinstance(effect, Create)]


def goes(simulation: Simulation, *conditions: Body, **status: Any) -> Simulation:
    """The Job controller writes a status."""
    (ref,) = jobs(simulation)
    found = [{"status": "True"} | one for one in conditions]
    usual = {"startTime": BEGAN, "active": 1, "conditions": found}
    return simulation.change(ref, {"status": usual | status}).drive()


def completes(simulation: Simulation) -> Simulation:
    return goes(simulation, {"type": "Complete"}, completionTime="2026-11-24T03:00:44Z")


def fails(simulation: Simulation) -> Simulation:
    message = "Job has reached the specified backoff limit"
    return goes(simulation, {"type": "Failed", "reason": "BackoffLimitExceeded", "message": message})


def ready_condition(simulation: Simulation) -> tuple[str, str, str]:
    return condition(simulation.status(), "Ready")


def test_job_from_cron_job_has_engagement_labels_and_switch_owner() -> None:
    simulation = thrown()

    record = simulation.status().record
    assert record is not None
    meta = job(simulation)["metadata"]
    assert re.fullmatch(rf"shop-stop-{record.engagement_id}-[0-9a-f]{{6}}", meta["name"])
    assert meta["labels"] == {"runbooks.dev/runbook": "shop", "runbooks.dev/engagement-id": record.engagement_id}
    assert meta["annotations"] == {"runbooks.dev/switch": "shop-stop"}
    assert meta["ownerReferences"] == [
        {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Switch", "name": "shop-stop", "uid": "uid-stop"}
    ]
    assert job(simulation)["spec"] == RUN | {"template": {"spec": {"restartPolicy": "Never"} | POD}}


def test_job_from_cron_job_drops_gitops_tracking_labels() -> None:
    simulation = ready()
    tracking = {"argocd.argoproj.io/tracking-id": "shop:batch/CronJob:shop/backup", "team": "shop"}
    simulation.with_object(cron_job(annotations=tracking, labels={"app.kubernetes.io/instance": "shop", "app": "db"}))

    meta = job(simulation.throw().drive())["metadata"]

    assert set(meta["annotations"]) == {"team", "runbooks.dev/switch"}
    assert set(meta["labels"]) == {"app", "runbooks.dev/runbook", "runbooks.dev/engagement-id"}


def test_inline_job_gets_defaults_that_run_its_command_once() -> None:
    assert job(thrown(inline(ttlSecondsAfterFinished=5, activeDeadlineSeconds=60)))["spec"] == RUN | {
        "activeDeadlineSeconds": 60,
        "template": {"spec": {"restartPolicy": "Never"} | POD},
    }


def noted(simulation: Simulation) -> list[str]:
    record = simulation.status().record
    assert record is not None
    return [f"{one.reason}: {one.message}" for one in record.remarks]


def test_cron_job_retry_fields_are_dropped_with_an_event() -> None:
    body = cron_job()
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    containers = [{"name": "job", "restartPolicy": "Always", "restartPolicyRules": []}]
    sidecars = [{"name": "proxy", "restartPolicy": "Always"}, {"name": "wait", "restartPolicy": "OnFailure"}]
    body["spec"]["jobTemplate"]["spec"] = {
        "backoffLimit": 4,
        "backoffLimitPerIndex": 2,
        "maxFailedIndexes": 3,
        "completions": 2,
        "completionMode": "Indexed",
        "podFailurePolicy": {"rules": rules},
        "podReplacementPolicy": "TerminatingOrFailed",
        "template": {"spec": {"restartPolicy": "OnFailure", "containers": containers, "initContainers": sidecars}},
    }

    simulation = ready().with_object(body).throw().drive()

    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "job"}],
        "initContainers": [{"name": "proxy", "restartPolicy": "Always"}, {"name": "wait"}],
    }
    assert job(simulation)["spec"] == RUN | {
        "completions": 2,
        "completionMode": "Indexed",
        "template": {"spec": pod},
    }
    (text,) = noted(simulation)
    assert text == (
        "RunsOnce: runJob runs its command once, so it does not use this of CronJob/backup: backoffLimit 4, "
        "podFailurePolicy, backoffLimitPerIndex, maxFailedIndexes, restartPolicy OnFailure, "
        "restartPolicy of container job, restartPolicyRules of container job, restartPolicy of container wait"
    )


def test_inline_job_with_failure_policy_reports_the_dropped_policy() -> None:
    assert noted(thrown(inline())) == []
    assert noted(thrown(inline(podFailurePolicy={"rules": []}))) == [
        "RunsOnce: runJob runs its command once, so it does not use this of job: podFailurePolicy"
    ]


def test_record_does_not_contain_the_job_template() -> None:
    simulation = thrown()

    assert "hunter2" not in simulation.status().model_dump_json()
    assert "hunter2" in str(job(simulation))


@pytest.mark.parametrize("long", ["x" * 63, "x-" * 31 + "x", "xx" + "-x" * 30])
def test_job_name_of_a_long_switch_name_leaves_room_for_pod_names(long: str) -> None:
    simulation = Simulation().with_object(cron_job())
    simulation.with_runbook(killSwitches=[kill_switch(long, FROM_CRON_JOB)]).throw(long).drive(long)

    (ref,) = jobs(simulation)
    assert len(ref.name) <= 63
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", ref.name)


def test_action_after_a_job_waits_for_its_completion_and_reports_the_logs_command() -> None:
    simulation = thrown(FROM_CRON_JOB, scale(replicas=0))
    (ref,) = jobs(simulation)
    assert ready_condition(simulation) == ("False", "NotVerified", f"{ref} has not started")
    assert simulation.status().phase == "Engaging"

    goes(simulation, active=0)
    says_why = f"for the cause: kubectl describe job {ref.name} -n shop"
    assert ready_condition(simulation)[2] == f"{ref} has not created a pod yet; {says_why}"
    goes(simulation)
    assert ready_condition(simulation)[2] == f"{ref} running since {BEGAN}"
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3

    completes(simulation)
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0
    assert simulation.status().phase == "Engaged"
    simulation.after(seconds=3).drive()
    assert f"{ref} made (complete in 42s; kubectl logs job/{ref.name})" in condition(simulation.status(), "Engaged")[2]


def test_running_job_writes_no_status_as_time_passes() -> None:
    simulation = goes(thrown())
    simulation.steps.clear()

    for _ in range(5):
        simulation.after(seconds=5).drive()

    assert simulation.steps == []


def test_job_over_its_timeout_stalls_until_it_completes() -> None:
    simulation = goes(thrown(FROM_CRON_JOB | {"timeout": "2m"}))

    assert simulation.after(minutes=1).drive().status().phase == "Engaging"
    assert simulation.after(minutes=1).drive().status().phase == "Stalled"
    assert completes(simulation).status().phase == "Engaged"


def test_suspended_job_is_reported_as_suspended() -> None:
    simulation = goes(thrown(), {"type": "Suspended"})

    assert ready_condition(simulation)[2].endswith("is suspended")


def test_failed_job_stalls_the_next_actions_and_can_be_released() -> None:
    simulation = fails(thrown(FROM_CRON_JOB, scale(replicas=0)))
    (ref,) = jobs(simulation)

    assert simulation.status().phase == "Stalled"
    assert ready_condition(simulation) == (
        "False",
        "JobFailed",
        f"{ref} failed: Job has reached the specified backoff limit; kubectl logs job/{ref.name}",
    )
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3
    simulation.release().drive()
    assert simulation.status().phase == "Released"
    assert jobs(simulation) == [ref]


def disrupts(simulation: Simulation) -> Simulation:
    message = "Pod shop/backup-x has condition DisruptionTarget matching FailJob rule at index 0"
    return goes(simulation, {"type": "Failed", "reason": "PodFailurePolicy", "message": message}, active=0, failed=1)


@pytest.mark.parametrize("action", [FROM_CRON_JOB, inline()])
def test_interrupted_job_stalls_and_never_runs_again_automatically(action: Body) -> None:
    simulation = disrupts(thrown(action, scale(replicas=0)))
    (ref,) = jobs(simulation)

    assert simulation.status().phase == "Stalled"
    assert ready_condition(simulation)[1] == "JobInterrupted"
    assert ready_condition(simulation)[2].startswith(
        f"{ref} was interrupted (Pod shop/backup-x has condition DisruptionTarget matching FailJob rule at index 0): "
        "a part of its command may have run, so the operator does not run it again. Check"
    )
    simulation.restart().after(minutes=5).drive()
    assert len(made(simulation)) == 1
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3
    assert simulation.release().drive().status().phase == "Released"
    assert jobs(simulation) == [ref]


def test_job_over_its_deadline_reports_deleted_logs() -> None:
    gone = {"type": "Failed", "reason": "DeadlineExceeded", "message": "Job was active longer than specified deadline"}

    assert ready_condition(goes(thrown(), gone))[2].endswith(
        "failed: Job was active longer than specified deadline; its pods and their logs were deleted at the deadline"
    )


def test_job_without_pods_stalls_after_its_timeout_and_recovers() -> None:
    simulation = goes(thrown(FROM_CRON_JOB | {"timeout": "2m"}, scale(replicas=0)), active=0)
    assert simulation.status().phase == "Engaging"

    simulation.after(minutes=2).drive()
    assert (simulation.status().phase, ready_condition(simulation)[1]) == ("Stalled", "NotVerified")
    assert "has not created a pod yet" in ready_condition(simulation)[2]

    assert completes(goes(simulation)).status().phase == "Engaged"


@pytest.mark.parametrize("rest", [{}, {"momentary": True}])
def test_job_without_pods_is_deleted_at_the_release(rest: Body) -> None:
    simulation = goes(thrown(FROM_CRON_JOB, scale(replicas=0), **rest), active=0)
    (ref,) = jobs(simulation)

    simulation.release().drive()

    assert simulation.status().phase == "Released"
    assert jobs(simulation) == []
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3
    outcome = simulation.status().history[0].outcome
    assert outcome.startswith(
        f"{ref} was deleted ({ref} has not created a pod yet; for the cause: kubectl describe job {ref.name} -n shop"
    )
    effect = next(
        step.effect for step in simulation.steps if isinstance(step, WriteTarget) and isinstance(step.effect, Delete)
    )
    assert effect.resource_version


def test_unawaited_job_without_pods_is_deleted_at_the_release() -> None:
    simulation = thrown(inline(wait=False))
    (ref,) = jobs(simulation)

    assert simulation.release().drive().status().history[0].outcome == f"{ref} was deleted"


def test_momentary_switch_without_wait_keeps_its_job() -> None:
    simulation = thrown(inline(wait=False), momentary=True).after(seconds=5).drive()

    assert simulation.status().phase == "Released"
    assert len(jobs(simulation)) == 1


@pytest.mark.parametrize(
    "status",
    [
        {"active": 1},
        {"active": 0, "terminating": 1},
        {"active": 0, "failed": 1},
        {"active": 0, "uncountedTerminatedPods": {"failed": ["uid-1"]}},
    ],
)
def test_job_with_current_or_past_pods_is_kept_at_the_release(status: Body) -> None:
    simulation = goes(thrown(), **status)

    simulation.release().drive()

    assert len(jobs(simulation)) == 1


def test_terminating_job_is_not_deleted_again() -> None:
    simulation = goes(thrown(), active=0)
    (ref,) = jobs(simulation)
    simulation.change(ref, {"metadata": {"deletionTimestamp": BEGAN}})

    assert simulation.release().drive().status().phase == "Released"
    assert not [step for step in simulation.steps if isinstance(step, WriteTarget) and isinstance(step.effect, Delete)]


def test_continue_on_failure_runs_actions_after_a_failed_job() -> None:
    simulation = fails(thrown(FROM_CRON_JOB, scale(replicas=0), continueOnFailure=True))

    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0
    assert simulation.status().phase == "Stalled"
    simulation.release().drive()
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3


def test_unawaited_job_is_created_and_its_failure_reported() -> None:
    simulation = thrown(inline(wait=False))
    (ref,) = jobs(simulation)
    assert simulation.status().phase == "Engaged"

    goes(simulation).after(seconds=3).drive()
    assert f"({ref} running since {BEGAN})" in condition(simulation.status(), "Engaged")[2]
    fails(simulation).after(seconds=3).drive()

    assert simulation.status().phase == "Engaged"
    assert "failed: Job has reached" in condition(simulation.status(), "Engaged")[2]


@pytest.mark.parametrize("crash", range(1, 7))
@pytest.mark.parametrize("action", [FROM_CRON_JOB, inline()])
def test_crash_after_any_step_creates_one_job(crash: int, action: Body) -> None:
    simulation = ready(action).drive().throw().drive(at_most=crash).restart().drive()

    completes(simulation).release().drive()

    assert len(made(simulation)) == len(jobs(simulation)) == 1


def test_job_deleted_while_awaited_stalls_and_is_not_run_again() -> None:
    simulation = goes(thrown())
    (ref,) = jobs(simulation)

    simulation.remove(ref).drive().restart().after(minutes=1).drive()

    assert len(made(simulation)) == 1
    assert ready_condition(simulation)[1] == "JobInterrupted"
    assert ready_condition(simulation)[2] == (
        f"{ref} was deleted before it ended: a part of its command may have run, so the operator does not run it "
        "again. "
        "Check what it did; to run it again, release the switch and throw it again"
    )
    assert simulation.status().phase == "Stalled"
    assert simulation.release().drive().status().phase == "Released"


def test_job_deleted_after_completion_keeps_the_status() -> None:
    simulation = completes(thrown()).after(seconds=3).drive()
    (ref,) = jobs(simulation)
    before = simulation.status()

    simulation.remove(ref).after(minutes=1).drive()

    assert simulation.status() == before
    assert len(made(simulation)) == 1


def test_second_throw_creates_a_job_with_another_name() -> None:
    simulation = completes(thrown()).release().drive()

    simulation.throw().drive()

    assert len(set(made(simulation))) == 2


def test_same_job_twice_in_one_switch_runs_twice() -> None:
    simulation = thrown(inline(), inline(), continueOnFailure=True)

    assert len(set(made(simulation))) == 2


def test_reordered_or_later_edited_actions_do_not_run_the_job_again() -> None:
    simulation = completes(thrown(FROM_CRON_JOB, reapplyOnChange=True))
    (ref,) = jobs(simulation)
    simulation.remove(ref).drive()

    declare(simulation, scale(replicas=0), FROM_CRON_JOB, reapplyOnChange=True).drive()

    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0
    assert len(made(simulation)) == 1
    assert simulation.status().phase == "Engaged"


def test_missing_cron_job_is_reported_and_its_job_run_once_it_exists() -> None:
    simulation = ready().remove(CRON_JOB).drive()
    assert ready_condition(simulation)[1:] == ("TargetNotFound", "CronJob/backup does not exist in namespace shop")

    simulation.throw().drive()
    assert jobs(simulation) == []
    simulation.with_object(cron_job()).store.evict([CRON_JOB])
    simulation.drive()

    assert len(jobs(simulation)) == 1


def test_cron_job_deleted_after_the_record_is_waited_for() -> None:
    simulation = ready().throw().drive(at_most=2)
    simulation.remove(CRON_JOB).drive()
    assert ready_condition(simulation)[1:] == ("TargetNotFound", "CronJob/backup does not exist in namespace shop")

    simulation.with_object(cron_job()).store.evict([CRON_JOB])
    simulation.drive()

    assert len(jobs(simulation)) == 1


def test_job_recorded_under_another_name_scheme_is_not_created() -> None:
    simulation = ready().throw().drive(at_most=2)
    switch = simulation.switch()
    record = switch.status.record
    assert record is not None
    (entry,) = record.actions
    older = record.replace(actions=[entry.replace(name="as-it-was-called-before")])
    simulation.store._switches.put(replace_record(switch, older))

    simulation.drive()

    assert jobs(simulation) == []
    assert ready_condition(simulation)[1:] == (
        "InvalidSpec",
        (
            "Job/as-it-was-called-before: this version of the operator plans another object; release the switch, and "
            "throw it again"
        ),
    )


def replace_record(switch: Any, record: Any) -> Any:
    status = switch.status.replace(record=record)
    return type(switch)(switch.meta, switch.spec, status, switch.override_author, switch.override_time)


def test_momentary_switch_is_released_once_the_job_completes() -> None:
    simulation = thrown(FROM_CRON_JOB, momentary=True)
    assert simulation.switch().spec.engaged is True

    completes(simulation)

    assert simulation.switch().spec.engaged is None
    assert simulation.status().phase == "Released"


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "set exactly one of fromCronJob and job"),
        ({"fromCronJob": "a", "job": {"template": {"spec": POD}}}, "set exactly one of fromCronJob and job"),
        ({"job": {}}, r"job\.template\n  Field required"),
        ({"job": {"template": {"spec": {}}}}, r"job\.template\.spec\.containers\n  Field required"),
        ({"job": {"template": {"spec": {"containers": []}}}}, "at least 1 item"),
        (
            {"job": {"backoffLimit": 3, "template": {"spec": POD}}},
            "backoffLimit: leave it out: runJob runs its command once",
        ),
        ({"job": {"template": {"spec": POD | {"restartPolicy": "OnFailure"}}}}, "restartPolicy\n  Input should be"),
    ],
)
def test_unrunnable_job_spec_is_refused(spec: Body, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        RunJobSpec.model_validate(spec)


def test_run_job_description_names_the_cron_job() -> None:
    assert RunJob.describe(RunJobSpec.model_validate(inline()["runJob"])) == "run job"
    assert RunJob.describe(RunJobSpec(from_cron_job="backup")) == "run job from CronJob backup"


def crashed(*, after: int, action: Body = FROM_CRON_JOB) -> Simulation:
    """The operator stops after so many steps of a throw."""
    return ready(action).drive().throw().drive(at_most=after).restart()


def created(simulation: Simulation) -> Simulation:
    """The operator stops right after the Job is made."""
    while not jobs(simulation):
        simulation.drive(at_most=1)
    return simulation


def writes(simulation: Simulation) -> list[str]:
    """The steps by their kinds, writes to the Job among them."""
    return [type(step.effect if isinstance(step, WriteTarget) else step).__name__ for step in simulation.steps]


def named(ref: Ref) -> Body:
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": {"name": ref.name}}


def test_job_is_created_suspended_and_resumed_once_its_uid_is_recorded() -> None:
    simulation = ready().drive().throw().drive()

    assert writes(simulation)[-4:] == ["Create", "WriteStatus", "Patch", "WriteStatus"]
    create, recorded, resumed = simulation.steps[-4:-1]
    assert isinstance(create, WriteTarget)
    assert isinstance(create.effect, Create)
    assert create.effect.body["spec"]["suspend"] is True
    assert isinstance(recorded, WriteStatus)
    assert isinstance(recorded.status, SwitchStatus)
    assert recorded.status.record is not None
    uid = recorded.status.record.actions[0].uid
    assert isinstance(resumed, WriteTarget)
    assert isinstance(resumed.effect, Patch)
    assert (resumed.effect.uid, resumed.effect.patch) == (uid, {"spec": {"suspend": False}})


@pytest.mark.parametrize("action", [FROM_CRON_JOB, inline(), inline(wait=False)])
@pytest.mark.parametrize("crash", range(1, 9))
def test_job_deleted_while_the_operator_is_down_never_runs_twice(crash: int, action: Body) -> None:
    simulation = crashed(after=crash, action=action)
    first = [simulation.objects[ref]["spec"]["suspend"] for ref in jobs(simulation)]

    for ref in jobs(simulation):
        simulation.remove(ref)
    simulation.drive()

    second = [simulation.objects[ref]["spec"]["suspend"] for ref in jobs(simulation)]
    assert [*first, *second].count(False) <= 1


def test_recorded_job_missing_after_a_crash_is_interrupted() -> None:
    simulation = thrown().restart()
    (ref,) = jobs(simulation)

    simulation.remove(ref).drive()

    assert len(made(simulation)) == 1
    assert ready_condition(simulation)[1] == "JobInterrupted"
    assert simulation.status().phase == "Stalled"


def test_suspended_job_deleted_before_its_uid_is_recorded_is_created_again() -> None:
    simulation = created(ready().drive().throw())
    (ref,) = jobs(simulation)

    simulation.restart().remove(ref).drive()

    assert len(made(simulation)) == 2
    assert job(simulation)["spec"]["suspend"] is False


def test_job_of_our_name_with_another_uid_is_a_collision() -> None:
    simulation = thrown()
    (ref,) = jobs(simulation)
    other = job(simulation) | {"spec": {"suspend": True}}
    other["metadata"] = {**other["metadata"], "uid": "another"}

    simulation.remove(ref).with_object(other).drive()

    assert ready_condition(simulation)[1] == "JobInterrupted"
    simulation.release().drive()
    assert job(simulation)["spec"] == {"suspend": True}


def test_job_of_our_name_with_another_creator_is_not_resumed() -> None:
    simulation = created(ready().drive().throw())
    (ref,) = jobs(simulation)
    simulation.restart().remove(ref).with_object(named(ref) | {"spec": {"suspend": True}})

    simulation.drive()

    assert ready_condition(simulation)[1] == "NameCollision"
    assert job(simulation)["spec"] == {"suspend": True}
    simulation.release().drive()
    assert jobs(simulation) == [ref]


def test_job_suspended_later_by_a_person_stays_suspended() -> None:
    simulation = goes(thrown())
    (ref,) = jobs(simulation)

    simulation.change(ref, {"spec": {"suspend": True}}).restart().after(minutes=5).drive()

    assert job(simulation)["spec"]["suspend"] is True


def test_job_suspended_by_admission_is_resumed_with_back_off() -> None:
    simulation = ready().drive()
    simulation.admit = lambda body: {**body, "spec": {**body["spec"], "suspend": True}}

    simulation.throw().drive()

    assert writes(simulation).count("Patch") == 1
    at = due(simulation.looked())
    assert at is not None
    assert at > simulation.now
    simulation.after(minutes=1).drive()
    assert writes(simulation).count("Patch") == 2


def test_unawaited_job_that_may_not_be_resumed_reports_missing_rights() -> None:
    simulation = created(ready(inline(wait=False)).drive().throw())

    simulation.refuse(errors.ForbiddenError("PATCH jobs: 403")).drive()

    assert ready_condition(simulation)[1] == "MissingRights"
    simulation.refuse(None).after(minutes=5).drive()
    assert simulation.status().phase == "Engaged"


def test_long_running_momentary_job_does_not_expire() -> None:
    simulation = goes(thrown(momentary=True)).restart().after(days=1).drive()

    assert completes(simulation).switch().spec.engaged is None
    assert condition(simulation.status(), "Acted")[:2] == ("True", "Done")


def test_momentary_job_completed_during_downtime_is_reported_as_done() -> None:
    simulation = ready(momentary=True).drive().throw()
    while not jobs(simulation) or job(simulation)["spec"]["suspend"]:
        simulation.drive(at_most=1)

    simulation.restart().after(days=7)

    completes(simulation)
    assert (len(made(simulation)), condition(simulation.status(), "Acted")[1]) == (1, "Done")


def test_suspended_momentary_job_is_deleted_when_its_throw_expires() -> None:
    simulation = created(ready(momentary=True).drive().throw()).refuse(errors.ForbiddenError("403")).drive()

    simulation.refuse(None).restart().after(minutes=11).drive()

    assert (jobs(simulation), len(made(simulation))) == ([], 1)
    assert condition(simulation.status(), "Acted")[1] == "Expired"
    assert simulation.switch().spec.engaged is None


def test_suspended_job_is_deleted_at_the_release() -> None:
    simulation = created(ready().drive().throw())

    simulation.release().restart().drive()

    assert jobs(simulation) == []
    assert simulation.status().phase == "Released"
