"""rollback: to which revision it goes, what it writes, and what it leaves alone."""

from datetime import timedelta
from typing import Any

import pytest

from runbook_operator.api.deployment_guard_spec import GoodRevision
from runbook_operator.api.switch import FieldRecord
from runbook_operator.core.observed_object import Missing, observed_from
from runbook_operator.core.queries import Denied, Find, NeedsRead, Query, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.engine import next_step
from runbook_operator.switches.requeue import due
from tests.builders import WEB, Body, Simulation, condition, kill_switch
from tests.revisions import (
    ARGO,
    DS,
    STS,
    kept,
    knows,
    pod,
    roll_out,
    template,
    version,
    workload,
)

TARGETS = {
    ref: [{"name": "web", "workload": {"apiVersion": ref.api_version, "kind": ref.kind, "name": "web"}}]
    for ref in (WEB, STS, DS, ARGO)
}
BACK = kill_switch("stop", {"rollback": {"target": "web"}})


def with_switch(*objects: Body, ref: Ref = WEB, **spec: Any) -> Simulation:
    """The switch `stop` that rolls back, idle."""
    simulation = Simulation()
    for body in objects:
        simulation.with_object(body)
    switches = [kill_switch("stop", {"rollback": {"target": "web"} | spec})]
    return simulation.with_runbook(targets=TARGETS[ref], killSwitches=switches).drive()


def deployed(*versions: object, good: tuple[int, ...] = (), bad: tuple[int, ...] = (), **spec: Any) -> Simulation:
    """A Deployment with these revisions, the last of which is live."""
    revisions = [kept(one, number) for number, one in enumerate(versions, 1)]
    simulation = with_switch(workload(versions[-1], len(versions)), *revisions, **spec)
    return knows(simulation, *good, bad=bad)


def entries(simulation: Simulation) -> list[FieldRecord]:
    record = simulation.status().record
    assert record is not None
    return record.actions


def remarks(simulation: Simulation) -> dict[str, str]:
    record = simulation.status().record
    assert record is not None
    return {one.reason: one.message for one in record.remarks}


def writes(simulation: Simulation) -> list[Any]:
    return [step.effect for step in simulation.steps if isinstance(step, WriteTarget)]


def why(simulation: Simulation) -> tuple[str, str]:
    """Why it does not do it."""
    found = condition(simulation.status(), "Ready")
    assert found[0] == "False"
    assert version(simulation) == "bad"
    return found[1:]


def test_rollback_after_two_bad_deploys_restores_the_good_revision() -> None:
    simulation = deployed("good", "bad", "bad2", good=(1,)).throw().drive()

    assert version(simulation) == "good"
    assert simulation.status().phase == "Engaged"
    assert (entries(simulation)[0].saved["revision"], entries(simulation)[0].held["revision"]) == (3, 1)
    assert remarks(simulation) == {}
    assert "Deployment/web from revision 3 to revision 1" in condition(simulation.status(), "Engaged")[2]


def test_rollback_picks_the_newest_good_revision_that_is_not_live() -> None:
    assert version(deployed("one", "two", "three", good=(3, 2, 1)).throw().drive()) == "two"


def test_rollback_without_good_revision_skips_failed_ones() -> None:
    simulation = deployed("one", "two", "three", "four", bad=(4, 3)).throw().drive()

    assert version(simulation) == "two"
    assert "the newest that has not failed either, revision 2" in remarks(simulation)["NotKnownGood"]


def test_rollback_with_only_failed_revisions_picks_the_previous_one() -> None:
    simulation = deployed("one", "two", "three", bad=(2, 1)).throw().drive()

    assert version(simulation) == "two"
    assert "the one before the live one, revision 2" in remarks(simulation)["NotKnownGood"]


def test_rollback_writes_only_the_template() -> None:
    simulation = deployed("good", "bad", good=(1,))
    before = simulation.live("Deployment", "web")
    simulation.throw().drive()

    (patch,) = writes(simulation)
    assert set(patch.patch) == {"spec"}
    assert set(patch.patch["spec"]) == {"template"}
    assert simulation.live("Deployment", "web")["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert simulation.live("Deployment", "web")["spec"]["template"] == template("good")


def test_good_revision_with_a_new_number_stays_good() -> None:
    objects = (workload("bad", 5), kept("bad", 5), kept("worse", 4), kept("good", 3, 1), kept("old", 2))

    assert version(knows(with_switch(*objects), 1).throw().drive()) == "good"


@pytest.mark.parametrize("ref", [STS, DS])
def test_renumbered_controller_revision_is_recognized_by_its_template(ref: Ref) -> None:
    good = kept("good", 3, ref=ref)
    simulation = with_switch(
        workload("bad", ref=ref), good, kept("bad", 5, ref=ref), kept("worse", 4, ref=ref), ref=ref
    )
    knows(simulation, GoodRevision(revision=1, template=good["metadata"]["name"])).throw().drive()

    assert version(simulation, ref) == "good"
    assert entries(simulation)[0].held["revision"] == 3


def test_rollback_without_known_good_revision_picks_the_previous_one_and_warns() -> None:
    simulation = deployed("one", "two", "bad").throw().drive()

    assert version(simulation) == "two"
    assert remarks(simulation)["NotKnownGood"].startswith("Deployment/web: no revision is known good")
    assert any(
        notice.warning and "revision 2; to choose another, set toRevision" in notice.message
        for notice in simulation.said
    )


def test_verdicts_of_another_workload_of_that_name_are_ignored() -> None:
    simulation = knows(deployed("one", "two", "bad"), 1, uid="web-0").throw().drive()

    assert version(simulation) == "two"


def test_restart_creates_no_other_version_to_roll_back_to() -> None:
    restarted = template("bad")
    restarted["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-11-24T03:00:00Z"}
    objects = (workload(restarted, 3), kept(restarted, 3), kept("bad", 2), kept("good", 1))

    assert version(with_switch(*objects).throw().drive()) == "good"


def test_to_revision_rolls_back_to_the_named_revision() -> None:
    assert version(deployed("one", "two", "bad", good=(2,), toRevision=1).throw().drive()) == "one"


def test_to_revision_finds_a_renumbered_revision() -> None:
    objects = (workload("bad", 4), kept("bad", 4), kept("one", 3, 1), kept("two", 2))

    assert version(with_switch(*objects, toRevision=1).throw().drive()) == "one"


def test_missing_named_revision_is_refused_with_the_stored_ones() -> None:
    reason, message = why(deployed("one", "bad", toRevision=7).throw().drive())

    assert reason == "NoRevision"
    assert message == "toRevision: Deployment/web has no revision 7; it has 2, 1: choose one of them"


@pytest.mark.parametrize("keepers", [(), (kept("bad", 1),)])
def test_deployment_without_an_older_revision_is_not_ready_at_rest(keepers: tuple[Body, ...]) -> None:
    simulation = with_switch(workload("bad", 1, revisionHistoryLimit=0), *keepers)
    assert condition(simulation.status(), "Ready")[:2] == ("False", "NoRevision")

    reason, message = why(simulation.throw().drive())

    assert reason == "NoRevision"
    assert "keeps only the live revision (spec.revisionHistoryLimit: 0)" in message


def test_waiting_rollback_switch_rolls_back_a_later_deploy() -> None:
    simulation = with_switch(workload("one", 1), kept("one", 1)).throw().drive()
    assert simulation.status().phase == "Stalled"

    roll_out(simulation.change(WEB, {"spec": {"template": template("two")}})).drive()

    assert (simulation.status().phase, version(simulation)) == ("Engaged", "one")


def test_only_good_revision_is_held_while_live() -> None:
    simulation = deployed("one", "two", "good", good=(3,)).throw().drive()

    assert (version(simulation), writes(simulation)) == ("good", [])
    assert "revision 3, and no other revision is known good" in remarks(simulation)["AlreadyLive"]
    simulation.change(WEB, {"spec": {"template": template("bad")}}).drive()
    assert version(simulation) == "good"


def test_named_live_revision_is_held_without_remark() -> None:
    simulation = deployed("one", "good", toRevision=2).throw().drive()

    assert (simulation.status().phase, writes(simulation), remarks(simulation)) == ("Engaged", [], {})
    simulation.change(WEB, {"spec": {"template": template("bad")}}).drive()
    assert version(simulation) == "good"


def test_redeployed_bad_revision_is_replaced_by_the_pinned_one() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,)).throw().drive())

    roll_out(simulation.change(WEB, {"spec": {"template": template("bad")}})).drive()

    assert version(simulation) == "good"
    assert "set Deployment/web to" in next(
        one.message for one in simulation.said if one.reason is Reason.DRIFT_CORRECTED
    )


def test_release_keeps_the_rolled_back_revision() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,)).throw().drive()).release().drive()

    assert (simulation.status().phase, version(simulation)) == ("Released", "good")


def test_release_with_roll_forward_restores_the_newer_revision() -> None:
    simulation = deployed("good", "bad", good=(1,), rollForwardOnRelease=True)
    roll_out(simulation.throw().drive()).release().drive()

    assert version(simulation) == "bad"
    assert simulation.status().history[0].outcome == "Deployment/web back to revision 2"


def test_roll_forward_to_a_deleted_revision_is_skipped_and_reported() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,), rollForwardOnRelease=True).throw().drive())
    simulation.remove(
        next(ref for ref, body in simulation.objects.items() if ref.name == kept("bad", 2)["metadata"]["name"])
    )

    simulation.release().drive()

    assert version(simulation) == "good"
    assert "revision 2" in simulation.status().history[0].outcome


@pytest.mark.parametrize("good", [(), (1,), (2, 1), (3, 2, 1)])
def test_second_throw_neither_flips_nor_goes_further_back(good: tuple[int, ...]) -> None:
    simulation = deployed("zero", "one", "bad", good=good).throw().drive()
    brought = version(simulation)

    for _ in range(2):
        roll_out(simulation).release().drive().throw().drive()

        assert version(simulation) == brought
        assert "to which a switch rolled it back before" in remarks(simulation)["AlreadyLive"]


def test_second_throw_of_a_momentary_rollback_keeps_the_revision() -> None:
    simulation = deployed("zero", "one", "bad")
    simulation.with_runbook(targets=TARGETS[WEB], killSwitches=[BACK | {"momentary": True}])

    for _ in range(2):
        roll_out(simulation.throw().drive())

        assert (version(simulation), simulation.status().phase) == ("one", "Released")
        assert simulation.switch().spec.engaged is None


def test_live_revision_with_a_held_flag_is_no_rollback_target() -> None:
    flagged = template("bad", container={"env": [{"name": "VERSION", "value": "bad"}, {"name": "AI", "value": "off"}]})
    flag = kill_switch(
        "flag", {"setFlag": {"target": "web", "flag": "AI", "value": "off", "env": {}, "flagMustExist": False}}
    )
    simulation = with_switch(workload("bad", 2), kept("good", 1), kept("bad", 2))
    simulation.with_runbook(targets=TARGETS[WEB], killSwitches=[BACK, flag]).throw("flag").drive("flag")
    assert simulation.live("Deployment", "web")["spec"]["template"] == flagged

    knows(roll_out(simulation), 3, 1).throw("stop").drive("stop", "flag")

    assert (version(simulation), variables(simulation)) == ("good", ["VERSION", "AI"])


def test_renumbered_stateful_set_revision_is_found_by_name() -> None:
    objects = (workload("bad", ref=STS), kept("one", 1, ref=STS), kept("bad", 2, ref=STS))
    simulation = roll_out(with_switch(*objects, ref=STS, toRevision=1).throw().drive(), STS)

    simulation.release().drive().throw().drive()

    assert (version(simulation, STS), simulation.status().phase) == ("one", "Engaged")


def test_revision_rolled_back_to_by_another_switch_is_kept() -> None:
    simulation = deployed("zero", "one", "bad", good=(2, 1))
    again = [kill_switch(name, {"rollback": {"target": "web"}}) for name in ("stop", "too")]
    knows(simulation.with_runbook(targets=TARGETS[WEB], killSwitches=again), 2, 1)

    roll_out(simulation.throw("stop").drive("stop")).throw("too").drive("too")

    assert version(simulation) == "one"


def test_deploy_after_a_rollback_is_rolled_back() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,)).throw().drive()).release().drive()
    roll_out(simulation.change(WEB, {"spec": {"template": template("worse")}}))

    assert version(simulation.throw().drive()) == "good"


def test_flag_held_in_the_template_is_no_drift_of_the_rollback() -> None:
    flag = kill_switch(
        "flag", {"setFlag": {"target": "web", "flag": "AI", "value": "off", "env": {}, "flagMustExist": False}}
    )
    back = kill_switch("stop", {"rollback": {"target": "web", "rollForwardOnRelease": True}})
    simulation = deployed("good", "bad", good=(1,)).with_runbook(targets=TARGETS[WEB], killSwitches=[back, flag])
    knows(simulation, 1).throw("flag").drive("flag").throw("stop").drive("stop", "flag", "stop", "flag")

    assert (version(simulation), variables(simulation)) == ("good", ["VERSION", "AI"])
    simulation.steps.clear()
    assert writes(simulation.drive("stop", "flag")) == []
    simulation.change(WEB, {"spec": {"template": template("bad")}}).drive("stop").after(seconds=2).drive("flag")
    assert writes(simulation.after(seconds=2).drive("stop", "flag"))[2:] == []
    assert (version(simulation), variables(simulation)) == ("good", ["VERSION", "AI"])
    simulation.release("stop").drive("stop", "flag")
    assert (version(simulation), variables(simulation)) == ("bad", ["VERSION", "AI"])
    simulation.release("flag").drive("flag")
    assert simulation.live("Deployment", "web")["spec"]["template"] == template("bad")


def variables(simulation: Simulation) -> list[str]:
    (container,) = simulation.live("Deployment", "web")["spec"]["template"]["spec"]["containers"]
    return [one["name"] for one in container["env"]]


def test_recreated_workload_has_no_revision_to_roll_back_to() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,)).throw().drive())
    anew = workload("bad", 1)
    anew["metadata"] |= {"uid": "web-2", "resourceVersion": "9"}

    simulation.with_object(anew).drive()

    assert why(simulation)[0] == "NoRevision"


def test_paused_deployment_is_refused_and_rolled_back_once_resumed() -> None:
    simulation = knows(with_switch(workload("bad", 2, paused=True), kept("good", 1), kept("bad", 2)), 1)

    reason, message = why(simulation.throw().drive())

    assert reason == "Paused"
    assert message == "Deployment/web is paused (spec.paused), so a rollback would not roll out; resume it"
    assert version(simulation.change(WEB, {"spec": {"paused": None}}).drive()) == "good"


REFERENCES: dict[str, Body] = {
    "ConfigMap/a": {"volumes": [{"name": "a", "configMap": {"name": "a"}}]},
    "Secret/b": {"volumes": [{"name": "b", "secret": {"secretName": "b"}}]},
    "ConfigMap/c": {"volumes": [{"name": "c", "projected": {"sources": [{"configMap": {"name": "c"}}]}}]},
    "Secret/d": {"volumes": [{"name": "d", "projected": {"sources": [{"secret": {"name": "d"}}]}}]},
    "ConfigMap/e": {"container": {"envFrom": [{"configMapRef": {"name": "e"}}]}},
    "Secret/f": {"container": {"envFrom": [{"secretRef": {"name": "f"}}]}},
    "ConfigMap/g": {
        "container": {"env": [{"name": "V", "value": "x", "valueFrom": {"configMapKeyRef": {"name": "g"}}}]}
    },
    "Secret/h": {
        "initContainers": [{"name": "i", "env": [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "h"}}}]}]
    },
    "ServiceAccount/i": {"serviceAccountName": "i"},
    "ServiceAccount/j": {"serviceAccount": "j"},
    "PriorityClass/k": {"priorityClassName": "k"},
    "RuntimeClass/l": {"runtimeClassName": "l"},
    "PersistentVolumeClaim/m": {"volumes": [{"name": "m", "persistentVolumeClaim": {"claimName": "m"}}]},
}
GROUPS = {"PriorityClass": "scheduling.k8s.io/v1", "RuntimeClass": "node.k8s.io/v1"}


def needing(**spec: Any) -> Simulation:
    return knows(with_switch(workload("bad", 2), kept(template("good", **spec), 1), kept("bad", 2)), 1)


@pytest.mark.parametrize("gone", REFERENCES)
def test_revision_with_missing_references_is_refused_with_their_names(gone: str) -> None:
    reason, message = why(needing(**REFERENCES[gone]).throw().drive())

    assert reason == "ReferenceNotFound"
    assert f"revision 1 needs {gone}, which no longer exists; create it again" in message


@pytest.mark.parametrize("there", REFERENCES)
def test_revision_with_existing_references_is_rolled_back_to(there: str) -> None:
    kind, _, name = there.partition("/")
    body: Body = {"apiVersion": GROUPS.get(kind, "v1"), "kind": kind, "data": {"password": "x"}}
    body["metadata"] = {"name": name} | ({"namespace": ""} if kind in GROUPS else {})

    simulation = needing(**REFERENCES[there]).with_object(body).throw().drive()

    assert simulation.status().phase == "Engaged"
    assert kind != "Secret" or "password" not in str(simulation.store.targets)


def test_missing_pull_secret_is_remarked_and_the_rollback_done() -> None:
    simulation = needing(imagePullSecrets=[{"name": "regcred"}, {}]).throw().drive()

    assert (simulation.status().phase, version(simulation)) == ("Engaged", "good")
    assert "pulls its images with Secret/regcred, which was not found" in remarks(simulation)["ReferenceNotFound"]


@pytest.mark.parametrize("named", [{"imagePullSecrets": [{"name": "regcred"}]}, {"serviceAccountName": "shop"}])
def test_reference_in_the_live_template_is_not_read(named: Body) -> None:
    live, old = template("bad", **named), template("good", **named)
    simulation = knows(with_switch(workload(live, 2), kept(old, 1), kept(live, 2)), 1).throw().drive()

    assert (simulation.status().phase, remarks(simulation)) == ("Engaged", {})


def test_missing_optional_references_allow_the_rollback() -> None:
    optional = {"configMap": {"name": "a", "optional": True}}

    assert (
        needing(volumes=[{"name": "a", **optional}, {"name": "b", "emptyDir": {}}]).throw().drive().status().phase
        == "Engaged"
    )


def test_all_references_are_read_in_one_round() -> None:
    spec = {"volumes": [{"name": "a", "configMap": {"name": "a"}}, {"name": "b", "secret": {"secretName": "b"}}]}
    simulation = needing(**spec).throw().drive(at_most=1)
    simulation.store.put_target(observed_from(simulation.objects[WEB]))
    answers: dict[Query, Any] = {}
    rounds = []

    while True:
        try:
            next_step(simulation.snapshot(answers=answers))
            break
        except NeedsRead as needed:
            rounds.append({type(query).__name__ for query in needed.queries})
            answers |= {query: simulation.answer(query) for query in needed.queries}

    assert rounds == [{"Read", "Find"}, {"Read"}]


class Forbidding(Simulation):
    """An API server that does not let the operator see this kind."""

    kind = "Secret"

    def answer(self, query: Query) -> Any:
        asked = query.kind if isinstance(query, Find) else query.ref.kind if isinstance(query, Read) else ""
        if asked != self.kind:
            return super().answer(query)
        denied = Denied(Reason.FORBIDDEN, "secrets is forbidden")
        if isinstance(query, Read):
            self.store.put_target(Missing(query.ref, denied.reason, denied.message))
        return denied


def test_forbidden_secret_read_is_remarked_and_the_rollback_done() -> None:
    simulation = Forbidding()
    for body in (workload("bad", 2), kept(template("good", **REFERENCES["Secret/b"]), 1), kept("bad", 2)):
        simulation.with_object(body)
    simulation.with_runbook(targets=TARGETS[WEB], killSwitches=[BACK])

    knows(simulation.drive(), 1).throw().drive()

    assert version(simulation) == "good"
    assert "needs Secret/b, and the operator has no right" in remarks(simulation)["MissingRights"]


def test_forbidden_replica_set_list_reports_missing_rights() -> None:
    simulation = Forbidding()
    simulation.kind = "ReplicaSet"
    simulation.with_object(workload("bad", 2))
    simulation.with_runbook(targets=TARGETS[WEB], killSwitches=[BACK])

    assert why(simulation.drive().throw().drive())[0] == "MissingRights"


@pytest.mark.parametrize(
    ("owner", "field"),
    [(("flagger.app/v1beta1", "Canary"), "targetRef"), (("argoproj.io/v1alpha1", "Rollout"), "workloadRef")],
)
def test_deployment_owned_by_a_delivery_tool_is_refused(owner: tuple[str, str], field: str) -> None:
    simulation = deployed("good", "bad", good=(1,))
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"apiVersion": owner[0], "kind": owner[1], "metadata": {"name": "shop"}, "spec": {field: reference}}

    simulation.with_object(body).throw().drive()

    reason, message = why(simulation)
    assert reason == "DeliveryOwned"
    assert "shop" in message


def test_kind_without_revisions_is_refused() -> None:
    job = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web"}, "spec": {}}
    simulation = Simulation().with_object(job)
    targets = [{"name": "web", "workload": {"apiVersion": "batch/v1", "kind": "CronJob", "name": "web"}}]
    simulation.with_runbook(targets=targets, killSwitches=[BACK]).drive()

    assert condition(simulation.status(), "Ready")[1] == "InvalidSpec"


def stuck(*, policy: str = "OrderedReady", **spec: Any) -> Simulation:
    """A StatefulSet whose update stopped at web-2, which does not come up."""
    good, bad = kept("good", 1, ref=STS), kept("bad", 2, ref=STS)
    pods = (
        pod("web-0", good, ready=True),
        pod("web-1", bad, ready=True),
        pod("web-2", bad, ready=False),
        pod("web-3", good, ready=False),
        pod("web-4", bad, ready=False, deletionTimestamp="2026-11-24T03:00:00Z"),
        pod("other-0", bad, ready=False, ownerReferences=[{"kind": "StatefulSet", "uid": "other"}]),
    )
    simulation = with_switch(workload("bad", ref=STS, podManagementPolicy=policy), good, bad, *pods, ref=STS, **spec)
    return knows(simulation, GoodRevision(revision=1, template=good["metadata"]["name"]))


def pods(simulation: Simulation) -> list[str]:
    return sorted(ref.name for ref in simulation.objects if ref.kind == "Pod")


def test_pods_that_block_a_stateful_set_are_named() -> None:
    simulation = stuck().throw().drive()

    assert (version(simulation, STS), "web-2" in pods(simulation)) == ("good", True)
    assert "does not replace more pods until Pod/web-2 are Ready;" in remarks(simulation)["PodsStuck"]


def test_delete_broken_pods_deletes_them_once_after_the_template() -> None:
    simulation = stuck(deleteBrokenPods=True).throw().drive()

    assert pods(simulation) == ["other-0", "web-0", "web-1", "web-3", "web-4"]
    assert [type(one).__name__ for one in writes(simulation)] == ["Patch", "Delete"]
    simulation.with_object(pod("web-2", kept("bad", 2, ref=STS), ready=False, uid="again")).drive()
    assert "web-2" in pods(simulation)
    assert remarks(simulation) == {}


def test_no_pod_is_deleted_before_the_controller_observed_the_template() -> None:
    simulation = stuck(deleteBrokenPods=True).change(STS, {"metadata": {"generation": 2}}).throw().drive()
    assert "web-2" in pods(simulation)
    assert simulation.status().phase == "Engaging"

    simulation.change(STS, {"status": {"observedGeneration": 2}}).drive()

    assert "web-2" not in pods(simulation)
    assert simulation.status().phase == "Engaged"


def test_rollback_without_pods_to_delete_does_not_wait_for_the_controller() -> None:
    simulation = stuck().change(STS, {"metadata": {"generation": 2}}).throw().drive()

    assert simulation.status().phase == "Engaged"


def test_parallel_stateful_set_rollback_deletes_no_pods() -> None:
    simulation = stuck(policy="Parallel", deleteBrokenPods=True).throw().drive()

    assert "web-2" in pods(simulation)
    assert len(writes(simulation)) == 1


def test_on_delete_strategy_is_remarked() -> None:
    objects = (
        workload("bad", ref=DS, updateStrategy={"type": "OnDelete"}),
        kept("good", 1, ref=DS),
        kept("bad", 2, ref=DS),
    )

    simulation = with_switch(*objects, ref=DS).throw().drive()

    assert version(simulation, DS) == "good"
    assert "OnDelete" in remarks(simulation)["PodsNotReplaced"]


def argo(*, current: str, stable: str = "s", **spec: Any) -> Body:
    status = {"currentPodHash": current, "stableRS": stable, "updatedReplicas": 2, "observedGeneration": "0"}
    return workload("bad", 2, ref=ARGO, status=status, **spec)


def test_argo_rollout_in_progress_is_aborted_and_its_spec_kept() -> None:
    simulation = with_switch(argo(current="c"), kept("good", 1, ref=ARGO), kept("bad", 2, ref=ARGO), ref=ARGO)
    simulation.throw().drive()

    (patch,) = writes(simulation)
    assert (patch.patch, patch.subresource) == ({"status": {"abort": True}}, "status")
    simulation.change(ARGO, {"status": {"abort": False}}).drive()
    assert simulation.live("Rollout", "web")["status"]["abort"] is True
    simulation.release().drive()
    assert simulation.live("Rollout", "web")["status"]["abort"] is True


def test_release_with_roll_forward_resumes_an_aborted_update() -> None:
    simulation = with_switch(argo(current="c"), ref=ARGO, rollForwardOnRelease=True).throw().drive()

    simulation.release().drive()

    assert "abort" not in simulation.live("Rollout", "web")["status"]


def test_argo_clearing_a_finished_abort_is_no_drift() -> None:
    simulation = with_switch(argo(current="c"), ref=ARGO).throw().drive()
    simulation.steps.clear()

    simulation.change(ARGO, {"status": {"abort": False, "currentPodHash": "s"}}).drive()

    assert writes(simulation) == []
    assert simulation.status().phase == "Engaged"


def test_promoted_argo_rollout_is_rolled_back_by_its_template() -> None:
    injected = template("good")
    injected["metadata"] = {"labels": {"app": "web", "role": "stable"}, "annotations": {"role": "stable"}}
    metadata = {
        "rollout.argoproj.io/ephemeral-metadata": '{"labels":{"role":"stable"},"annotations":{"role":"stable"}}'
    }
    good = kept(injected, 1, ref=ARGO, **metadata)
    defaulted = template("bad", dnsPolicy="ClusterFirst")
    simulation = with_switch(argo(current="s"), good, kept(defaulted, 2, ref=ARGO), ref=ARGO, rollForwardOnRelease=True)

    simulation.throw().drive()

    assert simulation.live("Rollout", "web")["spec"]["template"] == template("good")
    assert entries(simulation)[0].saved["revision"] == 2
    simulation.release().drive()
    assert simulation.live("Rollout", "web")["spec"]["template"] == defaulted


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (argo(current="c", paused=True), "Paused"),
        (argo(current="c") | {"status": {"observedGeneration": "v0.9"}}, "NoRevision"),
        (argo(current="c", stable=""), "NoRevision"),
        (argo(current="s", workloadRef={"kind": "Deployment", "name": "x"}, template=None), "DeliveryOwned"),
    ],
)
def test_unsuitable_argo_rollout_is_refused(body: Body, reason: str) -> None:
    body["spec"] = {key: value for key, value in body["spec"].items() if value is not None}
    simulation = with_switch(body, ref=ARGO).throw().drive()

    assert condition(simulation.status(), "Ready")[1] == reason


def test_just_changed_argo_rollout_is_waited_for() -> None:
    body = argo(current="c")
    body["metadata"]["generation"] = 1

    simulation = with_switch(body, ref=ARGO).throw().drive()

    assert condition(simulation.status(), "Ready")[1] == "NotVerified"
    assert writes(simulation.change(ARGO, {"status": {"observedGeneration": "1"}}).drive()) != []


def progress(simulation: Simulation, status: Body, ref: Ref = WEB) -> str:
    simulation.change(ref, {"metadata": {"generation": 1}, "status": {"observedGeneration": 1} | status})
    return simulation.after(seconds=3).drive().status().record.actions[0].progress  # type: ignore[union-attr] # engaged


def test_rollback_progress_is_reported() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,)).throw().drive())
    overdue = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    told = [
        progress(simulation, counts)
        for counts in (
            {"observedGeneration": 0, "updatedReplicas": 3},
            {"updatedReplicas": 2, "availableReplicas": 2, "replicas": 4},
            {"updatedReplicas": 3, "availableReplicas": 2, "replicas": 4, "conditions": overdue},
            {"updatedReplicas": 3, "availableReplicas": 3, "replicas": 4, "conditions": []},
            {"updatedReplicas": 3, "availableReplicas": 3, "replicas": 3},
        )
    ]

    assert told == [
        "0 of 3 updated",
        "2 of 3 updated",
        "3 of 3 updated, 2 available; spec.progressDeadlineSeconds is exceeded",
        "3 of 3 updated, 1 old left",
        "",
    ]


def test_progress_finished_within_two_seconds_is_not_reported() -> None:
    simulation = roll_out(deployed("good", "bad", good=(1,)).throw().drive())

    simulation.change(WEB, {"status": {"updatedReplicas": 1}}).drive()

    assert entries(simulation)[0].progress == ""
    looked_at = due(simulation.snapshot())
    assert looked_at is not None
    assert timedelta(seconds=1) < looked_at - simulation.now <= timedelta(seconds=2)


def test_daemon_set_rollback_progress_counts_nodes() -> None:
    simulation = with_switch(workload("bad", ref=DS), kept("good", 1, ref=DS), kept("bad", 2, ref=DS), ref=DS)
    simulation.throw().drive()

    counts = {"desiredNumberScheduled": 5, "updatedNumberScheduled": 2, "numberAvailable": 2}
    assert progress(simulation, counts, DS) == "2 of 5 updated"


def test_aborted_argo_rollout_reports_remaining_pods() -> None:
    simulation = with_switch(argo(current="c"), ref=ARGO).throw().drive()

    assert progress(simulation, {"updatedReplicas": 2}, ARGO) == "2 of the aborted revision left"
    assert progress(simulation, {"updatedReplicas": 0}, ARGO) == ""


def test_deleted_workload_has_no_rollback_progress() -> None:
    simulation = deployed("good", "bad", good=(1,)).throw().drive().remove(WEB).drive()

    assert condition(simulation.status(), "Ready")[1] == "TargetNotFound"


def test_rollback_description_names_target_and_revision() -> None:
    assert deployed("a", "b").status().does == "roll back web"
    assert deployed("a", "b", toRevision=3).status().does == "roll back web to revision 3"
