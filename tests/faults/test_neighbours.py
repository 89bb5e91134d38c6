"""A tenant with an odd object beside another one: the other's throws, the lease and the probes do not notice it.

Two operators that are processes of their own serve both. How long a throw takes is compared with throws of the same
run in which nobody disturbs.
"""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, pause, runbook

TURNS = 5
SLOWER = 5
"""Times that a disturbed throw may take. An operator that parses large documents on its event loop needs 14 to 90."""
SWITCHES, FLAGS = 6, 8
Disturb = Callable[[Cluster, int], None]


@dataclass(frozen=True)
class Tenants:
    """Two namespaces, a leader and a standby."""

    odd: Cluster
    other: Cluster
    leader: Operator

    def throw(self) -> float:
        """Seconds until a throw of the other tenant takes effect."""
        began = time.monotonic()
        self.other.throw("shop-stop")
        self.other.until_replicas(0)
        took = time.monotonic() - began
        self.other.until_phase("shop-stop", "Engaged")
        self.other.release("shop-stop")
        self.other.until_phase("shop-stop", "Released")
        return took

    def lease(self) -> Body:
        where = f"/apis/coordination.k8s.io/v1/namespaces/{self.odd.namespace}/leases/runbook-operator"
        spec = api.get(where)["spec"]
        return {key: spec[key] for key in ("holderIdentity", "leaseTransitions")}


@pytest.fixture
def tenants(cluster: Cluster, tmp_path: Path) -> Iterator[Tenants]:
    with ExitStack() as stack:
        other = Cluster(stack.enter_context(fresh_namespace()))
        served = {"RUNBOOK_NAMESPACES": json.dumps([cluster.namespace, other.namespace])}
        first, second = (Operator(cluster.namespace, tmp_path / name, as_typed=False, **served) for name in "ab")
        stack.callback(second.kill)
        stack.callback(first.kill)
        first.start()
        second.launch()
        eventually("the standby is ready", second.is_ready)
        other.apply(deployment(), runbook(scaling=[]))
        other.until_reason("switch", "shop-stop", "Ready")
        yield Tenants(cluster, other, first)
        for one in (cluster, other):
            one.clear()


@contextmanager
def probed(operator: Operator) -> Iterator[list[int]]:
    """The answers of /healthz meanwhile; 0 for none in the five seconds that the chart's probe waits."""
    answers: list[int] = []
    is_over = threading.Event()

    def probe() -> None:
        while not is_over.is_set():
            try:
                answers.append(operator.http("/healthz")[0])
            except OSError:
                answers.append(0)
            pause()

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        thread.join()


def flags(count: int, turn: int = 0) -> Body:
    """A document like flagd's, different in each turn."""
    about = {"description": f"switch of the shop, turn {turn}", "variants": {"off": False, "on": True}}
    return {"flags": {f"flag{n:05d}": {"defaultVariant": "off", "state": "ENABLED"} | about for n in range(count)}}


def as_json(count: int, turn: int = 0) -> str:
    return json.dumps(flags(count, turn), indent=2)


def as_yaml(count: int, turn: int = 0) -> str:
    return yaml.dump(flags(count, turn), Dumper=yaml.CSafeDumper)


DOCUMENTS: Mapping[str, tuple[Callable[..., str], int, str]] = {
    "54 KB of YAML": (as_yaml, 350, "Ready"),
    "54 KB of JSON": (as_json, 250, "Ready"),
    "430 KB of YAML": (as_yaml, 2800, "DocumentTooLarge"),
    "430 KB of JSON": (as_json, 2000, "Ready"),
}


def switches() -> list[Body]:
    """So many switches with the most actions that one may have, each a flag of the document."""
    names = [[f"flags.flag{FLAGS * n + m:05d}.defaultVariant" for m in range(FLAGS)] for n in range(SWITCHES)]
    actions = [[{"setFlag": {"target": "api", "flag": name, "value": "on"}} for name in each] for each in names]
    return [{"name": f"off-{n}", "actions": each} for n, each in enumerate(actions)]


def disturbed(tenants: Tenants, disturb: Disturb) -> tuple[list[float], list[float]]:
    """Throws of the other tenant, undisturbed and disturbed in turns, so that a busy machine slows both."""
    calm, busy = [], []
    for turn in range(TURNS):
        calm.append(tenants.throw())
        disturb(tenants.odd, turn)
        busy.append(tenants.throw())
    return calm, busy


def is_unnoticed(tenants: Tenants, disturb: Disturb) -> None:
    before = tenants.lease()
    with probed(tenants.leader) as answers:
        calm, busy = disturbed(tenants, disturb)
    assert tenants.lease() == before
    assert set(answers) == {HTTPStatus.OK}
    assert statistics.median(busy) < SLOWER * statistics.median(calm), (calm, busy)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_large_flag_document_slows_no_other_tenant(tenants: Tenants, kind: str) -> None:
    text, count, reason = DOCUMENTS[kind]
    meta = {"name": "flags"}
    tenants.odd.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"flags": text(count)}})
    target = {"name": "api", "flags": {"configMap": "flags", "key": "flags"}}
    tenants.odd.apply(runbook("big", targets=[target], killSwitches=switches(), scaling=[]))

    def disturb(odd: Cluster, turn: int) -> None:
        """All switches are looked at closely, with a document that nobody has parsed yet."""
        api.patch(api.path("configmap", odd.namespace, "flags"), {"data": {"flags": text(count, turn + 1)}})
        api.patch(api.path("runbook", odd.namespace, "big"), {"spec": {"title": f"Turn {turn}"}})

    is_unnoticed(tenants, disturb)

    tenants.odd.until_reason("switch", "big-off-0", reason)
    if reason == "Ready":
        last = text(count, TURNS)
        tenants.odd.throw("big-off-0")
        tenants.odd.until_phase("big-off-0", "Engaged")
        before, after = last.splitlines(), tenants.odd.get("configmap", "flags")["data"]["flags"].splitlines()
        assert sum(one != other for one, other in zip(before, after, strict=True)) == FLAGS
        tenants.odd.release("big-off-0")
        tenants.odd.until_phase("big-off-0", "Released")
        assert tenants.odd.get("configmap", "flags")["data"]["flags"] == last


def test_repeatedly_added_variable_slows_no_other_tenant(tenants: Tenants) -> None:
    body, other = deployment(name="assistant"), deployment(name="other")
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "AI", "value": "true"}]
    targets = [{"name": name, "workload": {"name": name}} for name in ("assistant", "other")]
    actions = [
        {"setFlag": {"target": "assistant", "flag": "AI", "value": "false", "env": {}}},
        {"scale": {"target": "other", "replicas": 0}},
    ]
    switch = {"name": "ai-off", "actions": actions}
    tenants.odd.apply(body, other, runbook("assistant", targets=targets, killSwitches=[switch], scaling=[]))
    tenants.odd.throw_when_there("assistant-ai-off")
    tenants.odd.until_phase("assistant-ai-off", "Engaged")

    def disturb(odd: Cluster, turn: int) -> None:
        twice = [{"name": "AI", "value": "false"}, {"name": "AI", "value": f"true-{turn}"}]
        containers = [body["spec"]["template"]["spec"]["containers"][0] | {"env": twice}]
        api.patch(
            api.path("deployment", odd.namespace, "assistant"),
            {"spec": {"template": {"spec": {"containers": containers}}}},
        )
        odd.scale(1, "other")

    is_unnoticed(tenants, disturb)

    eventually("the other action is held", lambda: tenants.odd.replicas("other") == 0)
    assert "Traceback" not in tenants.leader.log()
    assert '"event": "an unexpected error in a visit' not in tenants.leader.log()
