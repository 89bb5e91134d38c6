"""Which addresses are the API server's own, and what is made of a cluster that does not tell."""

from ipaddress import ip_address

import pytest

from runbook_operator.egress.egress_guard import SystemResolver
from runbook_operator.egress.http_client import Endpoint, Outbound
from runbook_operator.kube import errors
from runbook_operator.kube.apiserver_addresses import own_addresses
from runbook_operator.kube.client import Kube
from tests.builders import Body
from tests.fakes.address_kube import TellingKube

SERVICE: Body = {"spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00:96::1"]}}
SLICE: Body = {"endpoints": [{"addresses": ["192.168.7.2"]}, {"addresses": ["192.168.7.3"]}]}


async def told(kube: Kube) -> set[str]:
    return {str(one) for one in await own_addresses(kube, SystemResolver())}


async def test_own_addresses_include_client_service_and_endpoints() -> None:
    kube = TellingKube(SERVICE, SLICE, "203.0.113.9")

    assert await told(kube) == {"203.0.113.9", "10.96.0.1", "fd00:96::1", "192.168.7.2", "192.168.7.3"}


async def test_api_server_name_is_resolved_and_unresolvable_one_omitted() -> None:
    assert "127.0.0.1" in await told(TellingKube(SERVICE, SLICE, "localhost"))
    assert "10.96.0.1" in await told(TellingKube(SERVICE, SLICE, "nowhere.invalid"))


async def test_unreadable_or_missing_objects_are_omitted() -> None:
    assert await told(TellingKube(errors.ForbiddenError("403"), SLICE)) == {"10.96.0.1", "192.168.7.2", "192.168.7.3"}
    assert await told(TellingKube(SERVICE, errors.NotFoundError("404"))) == {"10.96.0.1", "fd00:96::1"}


async def test_slice_without_endpoints_has_no_addresses() -> None:
    assert await told(TellingKube(SERVICE, {"endpoints": None})) == {"10.96.0.1", "fd00:96::1"}


async def test_unavailable_api_server_is_an_error_and_no_empty_list() -> None:
    with pytest.raises(errors.UnavailableError):
        await own_addresses(TellingKube(errors.UnavailableError("503"), SLICE), SystemResolver())


async def test_own_addresses_are_refused_as_check_targets() -> None:
    forbidden = set(await own_addresses(TellingKube(SERVICE, SLICE), SystemResolver()))
    answer = await Outbound((), (), forbidden).ask(Endpoint("192.168.7.2", 6443, scheme="https"))

    assert (
        answer.why
        == "192.168.7.2: the API server's own addresses are refused unless RUNBOOK_ALLOWED_NETWORKS lists them"
    )
    assert ip_address("192.168.7.2") in forbidden
