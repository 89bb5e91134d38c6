"""Numbers out of a real HTTP server's answers, and of objects that `Cluster` has, which answers as the API server does.

Left out of it: pages, watches and everything but a get and a list.
"""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Any, Literal

import pytest
from aiohttp import web

from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.monitors import AskHttp, AskNumber, AskObject, AskPods, Key, Reading, ServiceEndpoint
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.egress import health_protocols
from runbook_operator.egress.http_client import Endpoint, Matcher, Outbound
from runbook_operator.kube import errors, owned_pods
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import Paths
from runbook_operator.monitoring.io import number_reader as module
from runbook_operator.monitoring.io.number_reader import Numbers
from runbook_operator.sources import REGISTRY
from tests.builders import ACCOUNT, NAMESPACE, WEB, Body, workload_body
from tests.fakes.number_clock import Clock
from tests.fakes.number_cluster import Cluster
from tests.fakes.servers import closed_port, traffic_target
from tests.revisions import DS, STS

KEY = Key(Ref(API_VERSION, "Runbook", NAMESPACE, "shop"), "Metric", "depth")
QUEUE = ServiceEndpoint(Ref("v1", "Service", NAMESPACE, "queue"))
SELECTS: Any = {"selector": {"matchLabels": {"app": "web"}}}
SELECTED = {
    "deployments": workload_body(3, **SELECTS),
    "statefulsets": workload_body(3, ref=STS, uid="sts-1", **SELECTS),
    "daemonsets": workload_body(3, ref=DS, uid="ds-1", **SELECTS),
}
"""The workloads web of each kind, which select the same pods."""
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "svc-1", "resourceVersion": "1"},
    "spec": {"selector": {"app": "web"}},
}


def owned_by(kind: str, name: str, uid: str) -> list[Body]:
    return [{"kind": kind, "name": name, "uid": uid, "controller": True}]


def replica_set(name: str, owner: str = "web-1") -> Body:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": owned_by("Deployment", "web", owner)}}


SETS = [replica_set("web-abc"), replica_set("other-abc", "other-1")]


@pytest.fixture
def cluster() -> Cluster:
    objects = {f"/apis/apps/v1/namespaces/shop/{plural}/web": body for plural, body in SELECTED.items()}
    return Cluster(objects=objects | {"/api/v1/namespaces/shop/services/web": SERVICE}, sets=[*SETS])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def numbers(cluster: Cluster, clock: Clock) -> Numbers:
    return Numbers(Paths(cluster), clock.now, clock.monotonic)


def ask(
    source_kind: str, worst: Literal["high", "low"] = "high", *, of: TargetRefs | None = None, **spec: Any
) -> AskNumber:
    source = REGISTRY[source_kind]
    parsed = source.Spec.model_validate(spec)
    request = source.request(parsed, NAMESPACE, of or TargetRefs("web", workload=WEB))
    return AskNumber(source_kind, parsed, request or AskHttp(QUEUE, "/stats"), worst)


def pod(name: str, restarts: int = 0, waits: str = "", owners: Any = None) -> Body:
    """A pod of the Deployment web, or of those owners."""
    state = {"waiting": {"reason": waits}} if waits else {}
    meta: Body = {"name": name, "uid": name, "creationTimestamp": "2026-11-20T03:00:00Z"}
    owners = owned_by("ReplicaSet", "web-abc", "uid-web-abc") if owners is None else owners
    meta |= {"labels": {"app": "web", "pod-template-hash": "abc"}, "ownerReferences": owners}
    return {
        "metadata": meta,
        "status": {"containerStatuses": [{"name": "app", "restartCount": restarts, "state": state}]},
    }


async def nobody(_: AskHttp, __: Matcher) -> Reading:
    raise AssertionError("nobody is asked by HTTP")


async def test_number_is_read_from_a_field(numbers: Numbers) -> None:
    found = await numbers.read(
        KEY, ask("object", apiVersion="apps/v1", kind="Deployment", name="web", field="spec.replicas"), nobody
    )

    assert (found.value, found.reason, found.ok) == (3.0, "", None)


@pytest.mark.parametrize(
    ("kind", "spec", "reason", "said"),
    [
        (
            "object",
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone", "field": "spec.replicas"},
            "TargetNotFound",
            "Deployment/gone does not exist in namespace shop",
        ),
        (
            "object",
            {"apiVersion": "example.com/v1", "kind": "Queue", "name": "a", "field": "status.depth"},
            "KindNotFound",
            "Queue/a: the cluster serves no kind Queue in example.com/v1",
        ),
        (
            "object",
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "field": "status.depth"},
            "FieldNotFound",
            "Deployment/web has nothing at status.depth",
        ),
    ],
)
async def test_missing_number_has_its_reason(numbers: Numbers, kind: str, spec: Body, reason: str, said: str) -> None:
    found = await numbers.read(KEY, ask(kind, **spec), nobody)

    assert (found.value, found.ok, found.reason, found.message) == (None, None, reason, said)


async def test_pods_are_listed_by_the_selector_of_their_workload(numbers: Numbers, cluster: Cluster) -> None:
    cluster.pods = [pod("web-1", waits="CrashLoopBackOff"), pod("web-2")]

    found = await numbers.read(KEY, ask("pods", target="web", measure="Waiting"), nobody)

    assert (found.value, found.series) == (1.0, "web-1 (CrashLoopBackOff)")
    assert ("/api/v1/namespaces/shop/pods", "app=web") in cluster.asked


WAITING: Body = {
    "own": owned_by("ReplicaSet", "web-abc", "uid-web-abc"),
    "foreign": owned_by("ReplicaSet", "other-abc", "uid-other-abc"),
    "job": owned_by("Job", "web-migrate", "job-1"),
    "bare": [],
    "set": owned_by("StatefulSet", "web", "sts-1"),
    "daemon": owned_by("DaemonSet", "web", "ds-1"),
}
"""Pods with the same labels, by their names, and who owns them."""


@pytest.mark.parametrize("denied", [False, True])
@pytest.mark.parametrize(
    ("of", "counted"),
    [
        (TargetRefs("web", workload=WEB), ["own"]),
        (TargetRefs("web", workload=STS), ["set"]),
        (TargetRefs("web", workload=DS), ["daemon"]),
        (TargetRefs("web", service=Ref("v1", "Service", NAMESPACE, "web")), [*WAITING]),
    ],
)
async def test_pods_of_other_owners_with_the_same_labels_are_ignored(
    numbers: Numbers, cluster: Cluster, of: TargetRefs, counted: list[str], *, denied: bool
) -> None:
    cluster.pods = [pod(name, waits="ErrImagePull", owners=owners) for name, owners in WAITING.items()]
    if denied:
        cluster.faults["/replicasets"] = errors.ForbiddenError("GET: 403")

    found = await numbers.read(KEY, ask("pods", target="web", measure="Waiting", of=of), nobody)

    assert found.value == len(counted)
    assert all(name in found.series for name in counted[:3])


@pytest.mark.parametrize(
    ("plural", "body", "value"),
    [
        ("deployments", workload_body(3, **SELECTS), None),
        ("deployments", workload_body(0, **SELECTS), 0.0),
        ("daemonsets", SELECTED["daemonsets"] | {"status": {"desiredNumberScheduled": 2}}, None),
        ("daemonsets", SELECTED["daemonsets"], 0.0),
        ("services", SERVICE, None),
    ],
)
async def test_target_without_pods_has_no_number_unless_scaled_to_zero(
    numbers: Numbers, cluster: Cluster, plural: str, body: Body, value: float | None
) -> None:
    refs = {"deployments": WEB, "daemonsets": DS}
    of = TargetRefs("web", refs.get(plural), Ref("v1", "Service", NAMESPACE, "web"))
    if plural in refs:
        cluster.objects[f"/apis/apps/v1/namespaces/shop/{plural}/web"] = body

    found = await numbers.read(KEY, ask("pods", target="web", measure="Waiting", of=of), nobody)

    assert (found.value, found.reason) == (value, "NoPods" if value is None else "")


async def test_replica_sets_are_listed_once_and_again_for_an_unknown_owner(
    numbers: Numbers, cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owned_pods, "MOST", 1)
    waiting = ask("pods", target="web", measure="Waiting")

    async def read() -> float | None:
        clock.seconds += 60
        return (await numbers.read(KEY, waiting, nobody)).value

    def lists() -> int:
        return sum(path.endswith("/replicasets") for path, _ in cluster.asked)

    cluster.pods = [pod("web-1", waits="ErrImagePull")]
    assert [await read(), await read()] == [1.0, 1.0]
    assert lists() == 1
    cluster.sets.append(replica_set("web-def"))
    cluster.pods = [pod("web-2", waits="ErrImagePull", owners=owned_by("ReplicaSet", "web-def", "uid-web-def"))]

    assert [await read(), await read()] == [1.0, 1.0]
    assert lists() == 2


async def test_workload_without_selector_lists_no_pods(numbers: Numbers, cluster: Cluster) -> None:
    cluster.objects["/apis/apps/v1/namespaces/shop/deployments/web"] = workload_body(3)

    found = await numbers.read(KEY, ask("pods", target="web", measure="Waiting"), nobody)

    assert (found.value, found.reason) == (None, "NoSelector")
    assert not any(path.endswith("/pods") for path, _ in cluster.asked)


async def test_metrics_of_one_target_share_one_pod_list(numbers: Numbers, cluster: Cluster, clock: Clock) -> None:
    async def both() -> None:
        asked = (ask("pods", target="web", measure=measure) for measure in ("Waiting", "Restarts"))
        await asyncio.gather(*(numbers.read(KEY, one, nobody) for one in asked))

    await both()
    assert sum(path.endswith("/pods") for path, _ in cluster.asked) == 1
    clock.seconds += module.SAME
    await both()
    assert sum(path.endswith("/pods") for path, _ in cluster.asked) == 2


async def test_source_memory_belongs_to_one_metric_and_expires(
    numbers: Numbers, cluster: Cluster, clock: Clock
) -> None:
    restarts = ask("pods", target="web", measure="Restarts")
    other = Key(KEY.runbook, "Metric", "other")
    cluster.pods = [pod("web-1", restarts=5)]
    assert (await numbers.read(KEY, restarts, nobody)).value == 0.0
    clock.seconds += 60
    cluster.pods = [pod("web-1", restarts=8)]

    assert (await numbers.read(other, restarts, nobody)).value == 0.0
    assert (await numbers.read(KEY, restarts, nobody)).value == 3.0

    cluster.faults["/pods"] = errors.UnavailableError("GET: 503")
    clock.seconds += 60
    assert (await numbers.read(KEY, restarts, nobody)).value is None
    cluster.faults.clear()
    assert (await numbers.read(KEY, restarts, nobody)).value == 3.0

    clock.seconds += module.CACHED_SECONDS
    await numbers.read(other, restarts, nobody)
    assert set(numbers._memories) == {other}


@pytest.mark.parametrize(
    ("source", "denied", "hint"),
    [
        (ask("pods", target="web", measure="Waiting"), "/pods", "The ClusterRole runbook-operator-source-pods has it."),
        (ask("rollout", target="web"), "/web", "The ClusterRole runbook-operator-source-rollout has it."),
        (
            ask("object", apiVersion="apps/v1", kind="Deployment", name="web", field="spec.replicas"),
            "/web",
            "A ClusterRole of your own with the label rbac.runbooks.dev/aggregate-to-operator can have it.",
        ),
    ],
)
async def test_missing_right_is_named_with_its_grant(
    numbers: Numbers, cluster: Cluster, source: AskNumber, denied: str, hint: str
) -> None:
    cluster.faults[denied] = errors.ForbiddenError("GET: 403 cannot get it")

    found = await numbers.read(KEY, source, nobody)

    assert (found.value, found.reason) == (None, "MissingRights")
    assert found.message.startswith("GET: 403 cannot get it. Grant the operator's service account")
    assert found.message.endswith(hint)


async def test_unavailable_api_server_gives_no_number(numbers: Numbers, cluster: Cluster) -> None:
    cluster.faults["/web"] = errors.UnavailableError("GET /web: TimeoutError")

    found = await numbers.read(KEY, ask("rollout", target="web"), nobody)

    assert (found.value, found.ok, found.reason) == (None, None, "Unavailable")
    assert "The ClusterRole" not in found.message


async def test_concurrent_reads_are_limited(cluster: Cluster) -> None:
    under_way, most, go_on = 0, 0, asyncio.Event()

    class Slow(Cluster):
        async def request(self, method: str, path: str, **rest: Any) -> Body:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await go_on.wait()
            under_way -= 1
            return await super().request(method, path, **rest)

    numbers = Numbers(Paths(Slow(objects=cluster.objects)))
    reading = [asyncio.create_task(numbers.read(KEY, ask("rollout", target="web"), nobody)) for _ in range(30)]
    await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.gather(*reading)

    assert most == module.AT_ONCE


def by_http(port: int) -> Callable[[AskHttp, Matcher], Awaitable[Reading]]:
    """As the checks ask a Service whose address this is."""
    out = Outbound((), [ip_network("127.0.0.0/8")])

    async def fetch(request: AskHttp, match: Matcher) -> Reading:
        result = await health_protocols.http(out, Endpoint("127.0.0.1", port, request.path), request.expected, match)
        return Reading(result.ok, reason=result.status, message=f"{result.status} from queue", latency=result.latency)

    return fetch


async def test_number_is_read_from_an_http_answer() -> None:
    async with traffic_target(lambda: web.json_response({"queues": [{"depth": 3}, {"depth": 7}]})) as served:
        numbers = Numbers(Paths(Cluster()))
        found = await numbers.read(KEY, ask("http", jsonPath="$.queues[*].depth"), by_http(served.port))

    assert (found.value, found.reason, found.series, found.ok) == (7.0, "", "value 2 of 2", None)
    assert found.latency > 0
    assert served.requests[0].path == "/stats"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: web.json_response({"depth": "hunter2"}), "NotANumber"),
        (lambda: web.Response(text="hunter2"), "NotJSON"),
        (lambda: web.json_response({"depth": 3}, status=503), "503"),
        (lambda: web.Response(text="1" * 100_000), "TooLarge"),
    ],
)
async def test_failed_answer_gives_no_number_and_hides_its_body(
    response: Callable[[], web.Response], reason: str
) -> None:
    async with traffic_target(response) as served:
        found = await Numbers(Paths(Cluster())).read(KEY, ask("http", jsonPath="$.depth"), by_http(served.port))

    assert (found.value, found.ok, found.reason) == (None, None, reason)
    assert "hunter2" not in found.message
    assert found.message.endswith("from queue")


async def test_unreachable_service_gives_no_number() -> None:
    found = await Numbers(Paths(Cluster())).read(KEY, ask("http", jsonPath="$.depth"), by_http(closed_port()))

    assert (found.value, found.ok, found.reason) == (None, None, "Unreachable")


async def test_unavailable_secret_gives_no_number_with_the_reason() -> None:
    async def unasked(_: AskHttp, __: Matcher) -> Reading:
        raise CheckNotPerformedError("SecretNotFound", "Secret/queue does not exist in namespace shop")

    found = await Numbers(Paths(Cluster())).read(KEY, ask("http", jsonPath="$.depth"), unasked)

    assert (found.value, found.reason) == (None, "SecretNotFound")
    assert found.message == "Secret/queue does not exist in namespace shop"


async def test_object_is_read_as_the_required_account() -> None:
    read: list[str] = []

    class Naming(Kube):
        def __init__(self) -> None:
            """Nothing is connected."""

        async def request(self, method: str, path: str, **rest: Any) -> Body:
            del method, rest
            read.append(f"{self.account} {path.rsplit('/', 1)[1]}")
            if path.endswith("/pods"):
                raise errors.ForbiddenError("403")
            return SELECTED["deployments"]

    numbers = Numbers(Paths(Naming()), requires_account=True)
    replicas = REGISTRY["object"].Spec.model_validate(
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.replicas"}
    )
    waiting = REGISTRY["pods"].Spec.model_validate({"target": "web", "measure": "Waiting"})

    async def asked(kind: str, spec: Any, request: AskObject | AskPods) -> Reading:
        return await numbers.read(KEY, AskNumber(kind, spec, request), nobody)

    assert (await asked("object", replicas, AskObject(WEB, ACCOUNT))).value == 3
    denied = await asked("pods", waiting, AskPods(WEB, ACCOUNT))
    assert (denied.reason, "ClusterRole" in denied.message) == ("MissingRights", False)
    assert (await asked("object", replicas, AskObject(WEB))).reason == "ServiceAccountRequired"
    assert read == [f"{ACCOUNT} web", f"{ACCOUNT} web", f"{ACCOUNT} pods"]
