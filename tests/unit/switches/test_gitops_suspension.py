"""What is held besides, so that GitOps tools let it be, and what is said where they do not."""

from dataclasses import replace
from typing import Any

import pytest

from runbook_operator.core.desired_fields import DesiredField
from runbook_operator.core.labels import FLUX_DRIFT, FLUX_RECONCILE
from runbook_operator.core.observed_object import REPLICAS, absent
from runbook_operator.core.reasons import Reason
from runbook_operator.reconcile.steps import WriteTarget
from runbook_operator.switches.action_planning import plan_context
from runbook_operator.switches.gitops_suspension import guards
from tests.builders import NAMESPACE, WEB, Body, Simulation, kill_switch, scale, workload_body

KUSTOMIZATION = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
RELEASE = {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux-system"}
TRACKED = f"apps/Deployment:{NAMESPACE}/web"


def deployment(labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Body:
    body = workload_body(3)
    body["metadata"] |= {"labels": labels or {}, "annotations": annotations or {}}
    return body


def application(meta: Body | None = None, **spec: Any) -> Body:
    usual = {"syncPolicy": {"automated": {"prune": True}}}
    metadata = {"name": "shop", "namespace": NAMESPACE} | (meta or {})
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": usual | spec}


def thrown(*objects: Body, **spec: Any) -> Simulation:
    simulation = Simulation()
    for body in objects:
        simulation.with_object(body)
    return simulation.with_runbook(**spec).throw().drive()


def tracked(app: str = f"{NAMESPACE}_shop") -> Body:
    return deployment(annotations={"argocd.argoproj.io/tracking-id": f"{app}:{TRACKED}"})


def annotations(simulation: Simulation) -> dict[str, str]:
    found: dict[str, str] = simulation.live("Deployment", "web")["metadata"].get("annotations", {})
    return found


def remarks(simulation: Simulation) -> list[str]:
    record = simulation.status().record
    assert record is not None
    return [one.message for one in record.remarks]


@pytest.mark.parametrize(("labels", "key"), [(KUSTOMIZATION, FLUX_RECONCILE), (RELEASE, FLUX_DRIFT)])
def test_flux_is_suspended_by_the_write_that_engages_and_resumed_by_the_restore(
    labels: dict[str, str], key: str
) -> None:
    simulation = thrown(deployment(labels))

    assert annotations(simulation) == {key: "disabled"}
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0
    assert sum(isinstance(step, WriteTarget) for step in simulation.steps) == 1

    simulation.steps.clear()
    simulation.release().drive()

    assert annotations(simulation) == {}
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3
    assert sum(isinstance(step, WriteTarget) for step in simulation.steps) == 1


def test_annotation_set_by_a_person_stays() -> None:
    simulation = thrown(deployment(KUSTOMIZATION, {FLUX_RECONCILE: "disabled"}))

    simulation.release().drive()

    assert annotations(simulation) == {FLUX_RECONCILE: "disabled"}
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3


def test_two_switches_on_one_object_suspend_flux_until_the_last_release() -> None:
    entries = [kill_switch("a", scale(replicas=0)), kill_switch("b", scale(replicas=1))]
    simulation = Simulation().with_object(deployment(KUSTOMIZATION)).with_runbook(killSwitches=entries)
    for name in ("a", "b"):
        simulation.throw(name).drive("a", "b")

    simulation.release("a").drive("a", "b")
    assert annotations(simulation) == {FLUX_RECONCILE: "disabled"}

    simulation.release("b").drive("a", "b")
    assert annotations(simulation) == {}
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 3


def test_removed_flux_annotation_is_reapplied() -> None:
    simulation = thrown(deployment(KUSTOMIZATION))

    simulation.change(WEB, {"metadata": {"annotations": {FLUX_RECONCILE: None}}}).drive()

    assert annotations(simulation) == {FLUX_RECONCILE: "disabled"}
    assert simulation.said[-1].reason is Reason.DRIFT_CORRECTED


def test_gitops_flux_ignore_sets_no_annotation() -> None:
    simulation = thrown(deployment(KUSTOMIZATION), gitOps={"flux": "Ignore"})

    assert annotations(simulation) == {}


def test_application_that_would_revert_the_write_is_reported_with_advice() -> None:
    simulation = thrown(tracked(), application())

    (told,) = remarks(simulation)
    assert "ignoreDifferences with RespectIgnoreDifferences=true" in told
    assert [notice.reason for notice in simulation.said if notice.warning] == [Reason.GITOPS] * 2
    assert simulation.status().phase == "Engaged"


RULE = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
RESPECT = {"automated": {}, "syncOptions": ["RespectIgnoreDifferences=true"]}


@pytest.mark.parametrize(
    "spec",
    [
        {"syncPolicy": RESPECT | {"automated": {"prune": True}}, "ignoreDifferences": [RULE]},
        {
            "syncPolicy": RESPECT | {"automated": {"prune": True}},
            "ignoreDifferences": [{"group": "*", "kind": "*", "managedFieldsManagers": ["runbook-operator"]}],
        },
        {"syncPolicy": {}},
        {"syncPolicy": {"automated": {"prune": True, "enabled": False}}},
    ],
    ids=["ignored", "manager-ignored", "manual", "paused"],
)
def test_application_that_ignores_the_field_is_not_reported(spec: Body) -> None:
    assert remarks(thrown(tracked(), application(**spec))) == []


@pytest.mark.parametrize(
    "rule",
    [
        RULE | {"group": ""},
        RULE | {"kind": "StatefulSet"},
        RULE | {"name": "other"},
        RULE | {"jsonPointers": ["/spec/template"]},
    ],
)
def test_ignore_rule_for_another_object_does_not_count(rule: Body) -> None:
    spec: Body = {"syncPolicy": RESPECT | {"automated": {"prune": True}}, "ignoreDifferences": [rule]}

    assert len(remarks(thrown(tracked(), application(**spec)))) == 1


def test_automatic_sync_is_paused_on_request_and_resumed_at_release() -> None:
    simulation = thrown(tracked(), application(), gitOps={"argoCD": "PauseAutoSync"})

    assert simulation.live("Application", "shop")["spec"]["syncPolicy"]["automated"] == {
        "prune": True,
        "enabled": False,
    }
    assert remarks(simulation) == []
    simulation.release().drive()
    assert simulation.live("Application", "shop")["spec"]["syncPolicy"]["automated"] == {"prune": True}


@pytest.mark.parametrize(
    ("meta", "parent"),
    [
        ({"ownerReferences": [{"kind": "ApplicationSet", "uid": "s"}]}, "an ApplicationSet"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:shop/shop"}}, "another"),
    ],
)
def test_application_managed_by_another_one_is_not_paused(meta: Body, parent: str) -> None:
    simulation = thrown(tracked(), application(meta=meta), gitOps={"argoCD": "PauseAutoSync"})

    assert "enabled" not in simulation.live("Application", "shop")["spec"]["syncPolicy"]["automated"]
    assert parent in remarks(simulation)[0]


def test_application_of_another_namespace_is_not_read_and_reported() -> None:
    simulation = thrown(tracked("shop"), gitOps={"argoCD": "PauseAutoSync"})

    assert "is in another namespace," in remarks(simulation)[0]


def test_missing_application_is_named() -> None:
    assert "Application/shop does not exist" in remarks(thrown(tracked()))[0]


def test_tracking_id_of_another_object_is_ignored() -> None:
    body = deployment(annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/other"})

    assert remarks(thrown(body)) == []


def test_gitops_argocd_ignore_reports_no_application() -> None:
    assert remarks(thrown(tracked(), application(), gitOps={"argoCD": "Ignore"})) == []


def test_helm_release_is_reported_as_the_next_writer() -> None:
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    release = {"meta.helm.sh/release-name": "shop"}

    assert remarks(thrown(deployment(labels, release))) == [
        "Deployment/web belongs to the Helm release shop: an upgrade during the engagement overwrites the held value"
    ]
    assert remarks(thrown(deployment(labels | RELEASE, release))) == []


def test_momentary_switch_pauses_no_gitops_tool() -> None:
    momentary = [kill_switch("stop", scale(replicas=0), momentary=True)]
    flux = thrown(deployment(KUSTOMIZATION), killSwitches=momentary)
    argo = thrown(tracked(), application(), killSwitches=momentary, gitOps={"argoCD": "PauseAutoSync"})

    assert annotations(flux) == {}
    assert "Deployment/web is applied by Flux" in warnings(flux)[0]
    assert argo.live("Application", "shop")["spec"]["syncPolicy"] == {"automated": {"prune": True}}
    assert "which resets spec.replicas" in warnings(argo)[0]
    for simulation in (flux, argo):
        assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0


def warnings(simulation: Simulation) -> list[str]:
    return [notice.message for notice in simulation.said if notice.warning]


def test_missing_object_has_no_gitops_owner() -> None:
    looked, gone = thrown(workload_body(3)).looked(), replace(WEB, name="gone")
    snapshot = replace(looked, observed={**looked.observed, gone: absent(gone)})
    assert snapshot.record

    assert guards(snapshot, plan_context(snapshot, snapshot.record, 0), [DesiredField(gone, REPLICAS, 0)]) == ([], [])
