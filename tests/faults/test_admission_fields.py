"""As test_admission_campaign, for autoscalers, feature flags, what GitOps tools run, and the annotations of gateways.

No gateway and no GitOps tool runs here: the tests look at what the operator writes, reports and restores.
"""

import pytest

from tests.e2e import api, delivery
from tests.e2e.autoscaling import make_kinds as make_autoscalers
from tests.e2e.autoscaling import needs_zero
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, runbook
from tests.e2e.optional import serve
from tests.e2e.policies import policy, writes
from tests.e2e.rollbacks import make_rollout
from tests.e2e.traffic import PLACES, accept, make_kinds
from tests.faults.admission_field_cases import CASES, CLASSIC, ROLLOUT, Case, changing

MOST = 10
FIELDS = 3
"""The most fields that a case writes, each once at the throw and once at the release."""
REVISION = "deployment.kubernetes.io/revision"


@pytest.fixture(autouse=True)
def _kinds(_crds: None) -> None:
    make_kinds()
    make_autoscalers()
    serve("FeatureFlag", "Application", "Kustomization", "HelmRelease", "Rollout")


def place(kind: str, namespace: str) -> str:
    """The path of the object web of the kind."""
    return f"{PLACES[kind].format(namespace)}/web" if kind in PLACES else api.path(kind, namespace, "web")


def prepared(body: Body, namespace: str) -> Body:
    """The object with a label and an annotation, so that a JSON patch can add others."""
    meta = body["metadata"]
    annotations = {key: one.replace("NAMESPACE", namespace) for key, one in (meta.get("annotations") or {}).items()}
    labels = {"test": "yes"} | (meta.get("labels") or {})
    return body | {"metadata": meta | {"labels": labels, "annotations": {"test": "yes"} | annotations}}


def essence(body: Body) -> Body:
    """What a release is to restore of an object."""
    annotations = {key: one for key, one in body["metadata"]["annotations"].items() if key != REVISION}
    annotations.pop("kubectl.kubernetes.io/last-applied-configuration", None)
    hidden = ("metadata", "status", "apiVersion", "kind")
    return {key: one for key, one in body.items() if key not in hidden} | {"annotations": annotations}


def declare(cluster: Cluster, case: Case) -> None:
    objects = {(one["kind"], one["metadata"]["name"]): one for one in (deployment(), *case.objects)}
    cluster.apply(*(prepared(one, cluster.namespace) for one in objects.values()))
    accept(cluster)
    service = {"service": {"name": "web"}} if CLASSIC in case.objects else {}
    target = {"name": "web", "workload": case.workload} | service | case.target
    entry = {"name": "stop", "actions": [case.action]}
    cluster.apply(runbook(targets=[target], killSwitches=[entry], scaling=[], **case.spec))
    cluster.until_reason("switch", "shop-stop", "Ready")


def released(cluster: Cluster) -> None:
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")


@pytest.mark.parametrize("name", CASES)
def test_policy_on_or_next_to_the_field_leaves_the_original_after_release(
    cluster: Cluster, operator: Operator, name: str
) -> None:
    case = CASES[name]
    if case.kind == "horizontalpodautoscaler":
        needs_zero(cluster)
    declare(cluster, case)
    where = place(case.kind, cluster.namespace)
    before = essence(api.get(where))

    with policy(cluster.namespace, case.change, where):
        if case.before:
            case.before(cluster)
        cluster.throw("shop-stop")
        message = cluster.until_reason("switch", "shop-stop", "NotInForce")["message"]
        assert "kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations" in message
        assert 1 <= writes(operator) <= MOST
    released(cluster)
    assert not case.reverts or essence(api.get(where)) == before

    done = writes(operator)
    with policy(cluster.namespace, case.beside, where):
        if case.before:
            case.before(cluster)
        cluster.throw("shop-stop")
        cluster.until_phase("shop-stop", "Engaged")
        released(cluster)
    assert not case.reverts or essence(api.get(where)) == before
    assert 1 <= writes(operator) - done <= 2 * FIELDS


def test_rollout_abort_reverted_by_a_policy_is_written_a_few_times(cluster: Cluster, operator: Operator) -> None:
    make_rollout(cluster)
    delivery.set_status(cluster, "web", currentPodHash="hash2", stableRS="hash1", observedGeneration="1")
    entry = {"name": "stop", "actions": [{"rollback": {"target": "web", "rollForwardOnRelease": True}}]}
    target = {"name": "web", "workload": ROLLOUT | {"name": "web"}}
    cluster.apply(runbook(targets=[target], killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    change = changing("rollouts/status", "argoproj.io", ("status", "abort"), value=False, tried=True)
    where = api.path("rollout", cluster.namespace, "web") + "/status"

    with policy(cluster.namespace, change, where):
        cluster.throw("shop-stop")
        cluster.until_reason("switch", "shop-stop", "NotInForce")
        assert 1 <= writes(operator) <= MOST
    released(cluster)

    assert not cluster.get("rollout", "web")["status"].get("abort")


def test_notification_event_changed_by_a_policy_is_created_once(cluster: Cluster, operator: Operator) -> None:
    decoy = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "decoy"},
        "reason": "Decoy",
        "involvedObject": {"namespace": cluster.namespace},
    }
    cluster.apply(decoy)
    action = {"notify": {"contact": "primary", "message": "It is off."}}
    contact = {"name": "primary", "role": "Primary On-Call"}
    entry = {"name": "stop", "actions": [action]}
    cluster.apply(deployment(), runbook(contacts=[contact], killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    change = changing("events", "", ("message",), "policy", "none")

    with policy(cluster.namespace, change, api.path("event", cluster.namespace, "decoy")):
        cluster.throw("shop-stop")
        eventually("the Event is made", lambda: cluster.events("Notified"))
        cluster.until_phase("shop-stop", "Engaged")
        assert len(cluster.events("Notified")) == 1
        assert writes(operator) == 1
    released(cluster)
