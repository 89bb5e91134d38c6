"""Many switches decide at once: the limits of what acts by itself hold all the same."""

import asyncio
from typing import Any

import pytest

from runbook_operator.core.references import Ref, switch_ref
from runbook_operator.core.signals import Signal
from runbook_operator.kube import errors
from runbook_operator.reconcile.snapshot import Policy
from tests.builders import NAMESPACE, runbook_body, switch_body
from tests.fakes.rig import Rig
from tests.fakes.slow_kube import SlowKube

MANY = 16
STATUS = "/status"


class SlowRig(Rig):
    """A Rig over a SlowKube."""

    kube_class = SlowKube


class Crowd:
    """Runbooks with a switch each, all of which a metric is to engage."""

    def __init__(self, **policy: Any) -> None:
        self.rig = SlowRig()
        self.kube = self.rig.kube
        self.rig.reconciler.policy = Policy(**policy)
        self.switches = [self._add(f"team-{number}") for number in range(MANY)]

    def _add(self, name: str) -> Ref:
        target = {"name": "web", "workload": {"name": name}}
        meta = {"name": name, "namespace": NAMESPACE, "uid": name, "resourceVersion": "1"}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 3}}
        switch = switch_body(runbook=name)
        for body in (runbook_body(name, uid=f"rb-{name}", targets=[target]), switch, deployment):
            self.rig.store.put(body)
        self.kube.objects[f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}"] = deployment
        self.kube.objects[f"/apis/runbooks.dev/v1alpha1/namespaces/{NAMESPACE}/switches/{name}-stop"] = switch
        ref = switch_ref(NAMESPACE, f"{name}-stop")
        self.rig.store.set_signals(ref, (Signal("Metric", "error-rate", "Engage", "12% > 10%"),))
        return ref

    async def visit(self, switches: list[Ref] | None = None) -> None:
        await asyncio.gather(*(self.rig.reconciler.visit(one) for one in switches or self.switches))

    def release(self, switch: Ref) -> None:
        self.rig.store.set_signals(switch, (Signal("Metric", "error-rate", "Release"),))

    @property
    def engaged(self) -> list[str]:
        """The Deployments that are scaled to 0, as the API server has them."""
        objects = self.kube.objects.values()
        found = [one for one in objects if one["kind"] == "Deployment" and one["spec"]["replicas"] == 0]
        return [one["metadata"]["name"] for one in found]


@pytest.mark.parametrize(
    "policy",
    [
        {"acting_per_namespace": 3},
        {"acting_per_namespace": 99, "acting_in_cluster": 3},
        {"acting_per_namespace": 99, "acts_per_hour": 3},
    ],
    ids=", ".join,
)
async def test_concurrent_decisions_engage_at_most_the_limit(policy: dict[str, int]) -> None:
    crowd = Crowd(**policy)

    await crowd.visit()
    await crowd.visit()

    assert len(crowd.engaged) == 3


async def test_limit_not_reached_lets_all_engage() -> None:
    crowd = Crowd(acting_per_namespace=MANY)

    await crowd.visit()

    assert len(crowd.engaged) == MANY


async def test_release_of_one_switch_lets_another_engage() -> None:
    crowd = Crowd(acting_per_namespace=1)
    await crowd.visit()
    first = crowd.engaged

    crowd.release(switch_ref(NAMESPACE, f"{first[0]}-stop"))
    await crowd.visit()
    await crowd.visit()

    assert len(crowd.engaged) == 1
    assert crowd.engaged != first


async def test_engagement_with_unknown_write_result_counts() -> None:
    crowd = Crowd(acting_per_namespace=1)
    first, *others = crowd.switches
    writes: list[str] = []

    def lose(method: str, path: str) -> None:
        if path.endswith(f"{first.name}{STATUS}") and not writes:
            writes.append(method)
            raise errors.UnavailableError("PATCH: the connection was reset")

    crowd.kube.after = lose
    await crowd.visit([first])
    assert writes
    assert crowd.rig.store.switches[first].status.record is None

    await crowd.visit(others)
    await crowd.visit()

    assert crowd.engaged == ["team-0"]


async def test_withdrawn_engagement_no_longer_counts() -> None:
    crowd = Crowd(acting_per_namespace=1)
    first, *others = crowd.switches

    def refuse(_method: str, path: str) -> None:
        if first.name in path:
            raise errors.UnavailableError("PATCH: 503")

    crowd.kube.fault = refuse
    await crowd.visit([first])
    await crowd.visit(others)
    assert crowd.engaged == []

    crowd.release(first)
    await crowd.visit([first])
    await crowd.visit(others)

    assert len(crowd.engaged) == 1
