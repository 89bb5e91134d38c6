"""Where Services and pods are: from watches alone, and never where somebody else would like them to be."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.monitors import ServiceEndpoint
from runbook_operator.core.references import Ref
from runbook_operator.kube import dynamic_watcher
from runbook_operator.kube import endpoint_cache as module
from runbook_operator.kube.discovery import Paths
from runbook_operator.kube.endpoint_cache import MOST_NAMESPACES, MOST_PODS, SLACK, UNUSED, Addresses, Destination
from tests.fakes.watched_cluster import (
    NAMESPACE,
    Body,
    Clock,
    Cluster,
    cluster,
    endpoint,
    endpoints,
    forbids,
    pod,
    refused,
    service,
)

WEB = Ref("v1", "Service", NAMESPACE, "web")
ONE, TWO = pod("web-1", "10.0.0.1"), pod("web-2", "10.0.0.2")
READY = endpoints(endpoint(ONE), endpoint(TWO), port=8080)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(dynamic_watcher, "backoff", lambda _failures: 0.01)


@asynccontextmanager
async def following(*bodies: Body, **options: Any) -> AsyncIterator[tuple[Cluster, Addresses]]:
    async with cluster(*bodies) as (there, kube):
        made = Addresses(Paths(kube), **options)
        running = asyncio.create_task(made.run())
        try:
            yield there, made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(observed: Callable[[], object]) -> None:
    """Wait for what is on its way already."""
    async with asyncio.timeout(60):
        while not observed():  # noqa: ASYNC110 # there is no event for what others do
            await asyncio.sleep(0.005)


async def where(addresses: Addresses, *, each: bool = False, port: str = "", of: Ref = WEB) -> Sequence[Destination]:
    return await addresses.destinations(ServiceEndpoint(of, port, each))


async def why(addresses: Addresses, *, each: bool = False, port: str = "", of: Ref = WEB) -> tuple[str, str]:
    with pytest.raises(CheckNotPerformedError) as raised:
        await where(addresses, each=each, port=port, of=of)
    return raised.value.reason, str(raised.value)


async def names(addresses: Addresses, of: Ref = WEB) -> list[str]:
    """The pods that are asked."""
    with suppress(CheckNotPerformedError):
        return [one.ref.name for one in await where(addresses, each=True, of=of)]
    return []


async def until_asked(addresses: Addresses, *wanted: str) -> None:
    async with asyncio.timeout(60):
        while await names(addresses) != list(wanted):  # noqa: ASYNC110 # as above
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("port", ["", "http", "80"])
async def test_service_is_addressed_by_its_cluster_ip(port: str) -> None:
    async with following(service(address="10.96.0.7")) as (_, addresses):
        assert await where(addresses, port=port) == (Destination(WEB, "10.96.0.7", 80),)


async def test_thousand_lookups_cost_one_list_and_one_watch() -> None:
    async with following(service()) as (there, addresses):
        for _ in range(1000):
            await where(addresses)
        await until(lambda: there.open == 1)

        assert there.asked == [(verb, f"/api/v1/namespaces/{NAMESPACE}/services") for verb in ("LIST", "WATCH")]


async def test_concurrent_lookups_share_one_list() -> None:
    async with following(service()) as (there, addresses):
        found = await asyncio.gather(*(where(addresses) for _ in range(50)))

        assert set(found) == {(Destination(WEB, "127.0.0.1", 80),)}
        assert there.count("LIST") == 1


async def test_changed_deleted_and_new_services_are_noticed() -> None:
    async with following() as (there, addresses):
        assert await why(addresses) == ("ServiceNotFound", "Service/web does not exist in namespace shop")

        there.put(service(address="10.96.0.7"))
        await until(lambda: addresses.uids("v1", "Service", NAMESPACE))
        assert (await where(addresses))[0].address == "10.96.0.7"
        there.put(service(port=81, address="10.96.0.7"))
        there.put(service(name="other"))
        await until(lambda: len(addresses.uids("v1", "Service", NAMESPACE)) == 2)
        assert (await where(addresses))[0].port == 81

        there.delete(service())
        await until(lambda: len(addresses.uids("v1", "Service", NAMESPACE)) == 1)
        assert (await why(addresses))[0] == "ServiceNotFound"
        assert there.count("LIST") == 1


async def test_deletion_missed_by_the_watch_is_found_by_the_next_list() -> None:
    async with following(service(), seconds=1, resync=0.5) as (there, addresses):
        await where(addresses)
        await until(lambda: there.open)

        there.lose(service())

        await until(lambda: there.count("LIST") == 2)
        await until(lambda: not addresses.uids("v1", "Service", NAMESPACE))
        assert (await why(addresses))[0] == "ServiceNotFound"


async def test_service_replaced_between_lists_is_the_new_one() -> None:
    async with following(service()) as (there, addresses):
        await where(addresses)
        await until(lambda: there.open)
        there.lose(service())
        new = service(address="10.96.0.8")
        new["metadata"]["uid"] = "new"
        there.objects[WEB] = new

        there.cut()

        await until(lambda: "new" in addresses.uids("v1", "Service", NAMESPACE))
        assert (await where(addresses))[0].address == "10.96.0.8"


async def test_long_list_is_read_in_pages() -> None:
    async with following(*(service(name=f"web-{number}") for number in range(5)), service()) as (there, addresses):
        there.page = 2

        assert await where(addresses)
        assert there.count("LIST") == 3
        assert len(addresses.uids("v1", "Service", "")) == 6


@pytest.mark.parametrize(
    ("spec", "port", "reason", "message"),
    [
        (
            {"selector": None},
            "",
            "NoSelector",
            "Service/web has no selector: it may lead to any address, so it is not checked",
        ),
        ({"type": "ExternalName", "selector": {}}, "", "NoSelector", "it may lead to"),
        ({"clusterIP": "None"}, "", "NoClusterIP", "Service/web has no address of its own"),
        ({}, "grpc", "PortNotFound", "Service/web has no TCP port grpc"),
        ({"ports": [{"port": 53, "protocol": "UDP"}]}, "", "PortNotFound", "no TCP port number one"),
    ],
)
async def test_service_without_selector_or_address_is_refused(spec: Body, port: str, reason: str, message: str) -> None:
    async with following(service(**spec)) as (_, addresses):
        found = await why(addresses, port=port)

    assert found[0] == reason
    assert message in found[1]


async def test_each_ready_pod_is_addressed_at_its_target_port() -> None:
    async with following(service(), ONE, TWO, READY) as (there, addresses):
        found = await where(addresses, each=True)

        assert [(str(one.ref), one.address, one.port) for one in found] == [
            ("Pod/web-1", "10.0.0.1", 8080),
            ("Pod/web-2", "10.0.0.2", 8080),
        ]
        assert there.paths("LIST") == {
            f"/api/v1/namespaces/{NAMESPACE}/services",
            f"/api/v1/namespaces/{NAMESPACE}/pods",
            f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices",
        }


async def test_pods_are_watched_only_for_per_pod_checks() -> None:
    async with following(service(), ONE, READY) as (there, addresses):
        await where(addresses)

        assert there.paths("LIST") == {f"/api/v1/namespaces/{NAMESPACE}/services"}


async def test_per_pod_check_of_a_headless_service_addresses_its_pods() -> None:
    async with following(service(clusterIP="None"), ONE, TWO, READY) as (_, addresses):
        assert await names(addresses) == ["web-1", "web-2"]


async def test_added_removed_and_unready_pods_are_noticed() -> None:
    async with following(service(), ONE, TWO, READY) as (there, addresses):
        assert await names(addresses) == ["web-1", "web-2"]
        three = pod("web-3", "10.0.0.3")
        there.put(three, endpoints(endpoint(ONE, ready=False), endpoint(TWO), endpoint(three), port=8080))
        await until_asked(addresses, "web-2", "web-3")
        there.delete(TWO)
        await until_asked(addresses, "web-3")
        there.delete(READY)
        await until_asked(addresses)

        assert (await why(addresses, each=True))[0] == "NoReadyPods"


@pytest.mark.parametrize("ready", [None, True])
async def test_endpoint_without_readiness_counts_as_ready(*, ready: bool | None) -> None:
    async with following(service(), ONE, endpoints(endpoint(ONE, ready=ready), port=8080)) as (_, addresses):
        assert await names(addresses) == ["web-1"]


ELSEWHERE = pod("web-1", "10.0.0.66", namespace="bank")
ENDED = pod("job-1", "10.0.0.5", phase="Succeeded")


@pytest.mark.parametrize(
    "made_by_hand",
    [
        endpoint(ONE, address="10.96.0.1"),
        endpoint(ONE, address="169.254.169.254"),
        endpoint(ONE, address="10.0.0.2"),
        endpoint(ONE, uid="of a pod that was there before"),
        endpoint(ONE, kind="Node"),
        endpoint(ELSEWHERE),
        endpoint(ELSEWHERE, namespace=NAMESPACE),
        endpoint(pod("nobody", "10.0.0.9")),
        endpoint(ENDED),
        {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
        {"addresses": ["bank.example.com"], "targetRef": endpoint(ONE)["targetRef"]},
    ],
)
async def test_manual_endpoint_is_not_addressed(made_by_hand: Body) -> None:
    by_hand = endpoints(made_by_hand, port=8080)
    async with following(service(), ONE, TWO, ELSEWHERE, ENDED, by_hand) as (_, addresses):
        reason, message = await why(addresses, each=True)

    assert reason == "NoReadyPods"
    assert message.startswith("Service/web has no ready pod")


async def test_endpoints_without_matching_pod_are_counted() -> None:
    by_hand = endpoints(endpoint(ONE, address="10.0.0.2"), port=8080)
    async with following(service(), ONE, TWO, by_hand) as (_, addresses):
        assert (await why(addresses, each=True))[1].endswith("; 1 endpoints name no pod that has their address")


async def test_slices_of_another_service_family_or_port_are_ignored() -> None:
    others = (
        endpoints(endpoint(ONE), port=8080, service="other", name="a"),
        endpoints(endpoint(ONE), port=8080, addressType="IPv6", name="b"),
        endpoints(endpoint(ONE), port=8080, ports=[{"name": "metrics", "port": 9090}], name="c"),
        endpoints(endpoint(ONE), port=8080, ports=[{"name": "http", "port": 8080, "protocol": "UDP"}], name="d"),
        endpoints(endpoint(ONE), port=8080, endpoints=None, ports=None, name="e"),
    )
    async with following(service(), ONE, *others) as (_, addresses):
        assert (await why(addresses, each=True))[1] == "Service/web has no ready pod"


async def test_pod_in_two_slices_is_addressed_once() -> None:
    twice = endpoints(endpoint(ONE), port=8080, name="web-fghij")
    async with following(service(), ONE, TWO, READY, twice) as (_, addresses):
        assert await names(addresses) == ["web-1", "web-2"]


async def test_slice_moved_to_another_service_is_followed() -> None:
    async with following(service(), service(name="other"), ONE, TWO, READY) as (there, addresses):
        assert await names(addresses) == ["web-1", "web-2"]

        there.put(endpoints(endpoint(ONE), endpoint(TWO), port=8080, service="other"))

        other = Ref("v1", "Service", NAMESPACE, "other")
        await until_asked(addresses)
        assert await names(addresses, other) == ["web-1", "web-2"]


async def test_service_with_too_many_pods_addresses_none() -> None:
    pods = [pod(f"web-{number}", f"10.0.1.{number}") for number in range(MOST_PODS + 1)]
    many = endpoints(*map(endpoint, pods), port=8080)
    async with following(service(), *pods, many) as (_, addresses):
        reason, message = await why(addresses, each=True)

    assert reason == "TooManyPods"
    assert "has 129 ready pods, and at most 128 are checked one by one" in message


@pytest.mark.parametrize(
    ("resource", "role"),
    [
        ("services", "runbook-operator"),
        ("endpointslices", "runbook-operator"),
        ("pods", "runbook-operator-sensing-pods"),
    ],
)
async def test_missing_right_is_named_with_its_role(resource: str, role: str) -> None:
    async with following(service(), ONE, READY) as (there, addresses):
        there.fault = forbids(resource)

        reason, message = await why(addresses, each=True)

    assert reason == "MissingRights"
    assert f'cannot list resource "{resource}"' in message
    assert message.endswith(f"The ClusterRole {role} has it.")


async def test_right_granted_later_restores_the_lookup() -> None:
    async with following(service()) as (there, addresses):
        there.fault = forbids("services")
        assert (await why(addresses))[0] == "MissingRights"

        there.fault = lambda _verb, _path: None

        await until(lambda: addresses.follower.following)
        assert await where(addresses)
        assert await addresses.follower.trouble(("v1", "Service", NAMESPACE)) is None


async def test_broken_watch_serves_for_seconds_and_then_reports_unknown() -> None:
    clock = Clock()
    async with following(service(), monotonic=clock) as (there, addresses):
        await where(addresses)
        await until(lambda: there.open)
        there.fault = lambda _verb, _path: refused(500, "etcd is down")
        there.cut()
        await until(lambda: there.count("LIST") > 2)

        clock.time += SLACK - 1
        assert await where(addresses)
        clock.time += 2
        reason, message = await why(addresses)

        assert reason == "Unavailable"
        assert "etcd is down" in message
        there.fault = lambda _verb, _path: None
        await until(lambda: addresses.follower.following)
        assert await where(addresses)


async def test_missing_first_list_is_awaited_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    async with cluster(service()) as (_, kube):
        addresses = Addresses(Paths(kube))

        assert await why(addresses) == (
            "NotListed",
            "the objects of kind Service in namespace shop are not listed yet",
        )


def spread(count: int) -> tuple[list[Body], list[Ref]]:
    """A Service in each of so many namespaces."""
    bodies = [service(namespace=f"team-{number}") for number in range(count)]
    return bodies, [Ref("v1", "Service", body["metadata"]["namespace"], "web") for body in bodies]


async def test_many_namespaces_use_one_cluster_watch_and_few_use_their_own() -> None:
    bodies, refs = spread(MOST_NAMESPACES + 1)
    async with following(*bodies) as (there, addresses):
        for ref in refs[:-1]:
            await where(addresses, of=ref)
        await until(lambda: there.open == MOST_NAMESPACES)

        found = await asyncio.gather(*(where(addresses, of=ref) for ref in refs))

        assert len(found) == len(refs)
        await until(lambda: there.open == 1)
        assert there.asked[-1] == ("WATCH", "/api/v1/services")
        for ref in refs:
            assert await where(addresses, of=ref)


async def test_many_namespaces_needed_at_once_wait_for_the_cluster_list() -> None:
    bodies, refs = spread(3 * MOST_NAMESPACES)
    async with following(*bodies) as (there, addresses):
        found = await asyncio.gather(*(where(addresses, of=ref) for ref in refs))

        assert len(found) == len(refs)
        assert "/api/v1/services" in there.paths("LIST")


async def test_scoped_operator_never_watches_the_cluster() -> None:
    bodies, refs = spread(MOST_NAMESPACES + 1)
    async with following(*bodies, namespaces=[ref.namespace for ref in refs]) as (there, addresses):
        for ref in refs:
            await where(addresses, of=ref)

        assert "/api/v1/services" not in there.paths("LIST")


async def test_unused_watch_ends_and_its_objects_are_forgotten() -> None:
    clock = Clock()
    bodies, refs = spread(2)
    async with following(*bodies, monotonic=clock) as (there, addresses):
        for ref in refs:
            await where(addresses, of=ref)
        await until(lambda: there.open == 2)
        clock.time += UNUSED
        await where(addresses, of=refs[0])
        addresses.forget()

        await until(lambda: there.open == 1)
        assert list(addresses.uids("v1", "Service", "").values()) == [refs[0]]
        before = there.count("LIST")
        assert await where(addresses, of=refs[1])
        assert there.count("LIST") == before + 1


async def test_used_service_stays_watched() -> None:
    clock = Clock()
    async with following(service(), monotonic=clock) as (there, addresses):
        for _ in range(4):
            assert await where(addresses)
            clock.time += UNUSED / 2
            addresses.forget()

        assert await where(addresses)
        assert there.count("LIST") == 1


async def test_unused_service_is_forgotten_by_the_running_task(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module, "UNUSED", 1.0)
    async with following(service(), monotonic=lambda: now[0]) as (there, addresses):
        await where(addresses)
        now[0] += 2

        await until(lambda: there.open == 0 and not addresses.uids("v1", "Service", ""))
