"""A mutating admission policy for the fields that actions write: few writes, the right condition, the original back.

Each action is thrown under a policy that changes the field itself, and under one that sets something else beside it.
How often a value is written over time is held by tests/unit/switches/test_not_in_force.py, with a clock that is set.
"""

import signal
from pathlib import Path

import pytest

from tests.e2e import api
from tests.e2e.harness import Cluster, Operator, deployment, eventually, runbook
from tests.e2e.policies import policy, remove, writes
from tests.faults.admission_cases import (
    CASES,
    Case,
)
from tests.faults.proxy import Proxy, end

MOST = 10


def declare(cluster: Cluster, case: Case) -> None:
    target = {"name": "web"} | case.targets
    entry = {"name": "stop", "actions": [case.action]}
    cluster.apply(deployment(), *case.objects, runbook(targets=[target], killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")


@pytest.mark.parametrize("name", CASES)
def test_policy_on_a_written_field_is_reported_and_the_original_restored(
    cluster: Cluster, operator: Operator, name: str
) -> None:
    case = CASES[name]
    declare(cluster, case)
    where = api.path(case.kind, cluster.namespace, "web")
    before = case.live(cluster.get(case.kind, "web"))

    for change in case.changes:
        done = writes(operator)
        with policy(cluster.namespace, change, where + case.way):
            cluster.throw("shop-stop")
            message = cluster.until_reason("switch", "shop-stop", "NotInForce")["message"]
            assert "kubectl get mutatingadmissionpolicies,mutatingwebhookconfigurations" in message
            assert 1 <= writes(operator) - done <= MOST
        cluster.release("shop-stop")
        cluster.until_phase("shop-stop", "Released")
        assert case.live(cluster.get(case.kind, "web")) == before

    done = writes(operator)
    with policy(cluster.namespace, case.beside, where):
        cluster.throw("shop-stop")
        cluster.until_phase("shop-stop", "Engaged")
        cluster.release("shop-stop")
        cluster.until_phase("shop-stop", "Released")
    assert case.live(cluster.get(case.kind, "web")) == before
    assert writes(operator) - done <= 2


def test_minimum_policy_stalls_the_switch_until_removed(cluster: Cluster, operator: Operator) -> None:
    case = CASES["scale"]
    entry = {"name": "stop", "actions": [case.action | {"timeout": "2s"}]}
    cluster.apply(deployment(), runbook(killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    where, minimum = api.path("deployment", cluster.namespace, "web"), case.changes[1]

    with policy(cluster.namespace, minimum, f"{where}/scale"):
        cluster.throw("shop-stop")
        found = cluster.until_phase("shop-stop", "Stalled")
        assert cluster.condition("switch", "shop-stop", "Stalled")["reason"] == "NotInForce"
        assert found["status"]["record"]["actions"][0]["saved"] == 3
        remove(cluster.namespace, minimum, f"{where}/scale")
        cluster.until_phase("shop-stop", "Engaged")

    assert writes(operator) <= MOST
    cluster.release("shop-stop")
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 3


def test_kill_after_an_altered_write_restores_the_first_saved_value(
    cluster: Cluster, stopped_operator: Operator
) -> None:
    operator, case = stopped_operator, CASES["scale"]
    operator.start()
    declare(cluster, case)
    where = api.path("deployment", cluster.namespace, "web") + case.way

    with policy(cluster.namespace, case.changes[1], where):
        cluster.throw("shop-stop")
        eventually("the policy's minimum is stored", lambda: cluster.replicas() == 1)
        operator.kill()
        operator.start()
        cluster.until_reason("switch", "shop-stop", "NotInForce")
        cluster.release("shop-stop")
        cluster.until_phase("shop-stop", "Released")

    assert cluster.replicas() == 3


@pytest.mark.parametrize("held", [1, 0])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_crash_after_any_write_of_an_altered_release_restores_the_saved_value(
    cluster: Cluster, tmp_path: Path, write: int, held: int
) -> None:
    """The API server names no field manager of a scale from 0."""
    proxy, change = Proxy(tmp_path / "proxy"), CASES["scale"].changes[0]
    operator = Operator(cluster.namespace, tmp_path, KUBECONFIG=str(proxy.kubeconfig))
    operator.start()
    entry = {"name": "stop", "actions": [{"scale": {"target": "web", "replicas": held}}]}
    cluster.apply(deployment(), runbook(killSwitches=[entry], scaling=[]))
    cluster.until_reason("switch", "shop-stop", "Ready")
    cluster.throw("shop-stop")
    cluster.until_phase("shop-stop", "Engaged")
    where = api.path("deployment", cluster.namespace, "web") + "/scale"

    with policy(cluster.namespace, change, where):
        proxy.crash_at(write, lambda: operator.signal(signal.SIGKILL))
        cluster.release("shop-stop")
        operator.wait()
        operator.start()
        cluster.until_reason("switch", "shop-stop", "NotInForce")
        assert cluster.replicas() == 7
        remove(cluster.namespace, change, where)
        found = cluster.until_phase("shop-stop", "Released")

    assert cluster.replicas() == 3
    assert found["status"]["history"][0]["outcome"] == "Deployment/web back to 3"
    end([operator], [proxy])


def test_two_switches_under_a_policy_share_ten_writes_a_minute(cluster: Cluster, operator: Operator) -> None:
    """Thrown and released one after the other within seconds."""
    entries = [
        {"name": name, "actions": [{"scale": {"target": "web", "replicas": held}}]}
        for name, held in (("half", 1), ("stop", 0))
    ]
    cluster.apply(deployment(), runbook(killSwitches=entries, scaling=[]))
    for name in ("shop-half", "shop-stop"):
        cluster.until_reason("switch", name, "Ready")
    where, change = api.path("deployment", cluster.namespace, "web") + "/scale", CASES["scale"].changes[0]

    with policy(cluster.namespace, change, where):
        for name in ("shop-half", "shop-stop"):
            cluster.throw(name)
            cluster.until_reason("switch", name, "NotInForce")
        assert 2 <= writes(operator) <= MOST
    for name in ("shop-stop", "shop-half"):
        cluster.release(name)
        cluster.until_phase(name, "Released")

    assert cluster.replicas() == 3
