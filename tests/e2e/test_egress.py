"""Where checks may go in a real cluster: not to its API server, whichever of its addresses somebody writes down."""

from runbook_operator.egress.egress_guard import SystemResolver
from runbook_operator.kube.apiserver_addresses import own_addresses
from runbook_operator.kube.client import connect
from tests.e2e import api

SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


async def test_every_address_of_the_api_server_is_known() -> None:
    kube = await connect(5)
    try:
        found = {str(one) for one in await own_addresses(kube, SystemResolver())}
    finally:
        await kube.close()

    service = api.get("/api/v1/namespaces/default/services/kubernetes")
    slices = api.get(f"{SLICES}?labelSelector=kubernetes.io/service-name=kubernetes")
    behind = {one for body in slices["items"] for endpoint in body["endpoints"] for one in endpoint["addresses"]}
    assert behind
    assert {*service["spec"]["clusterIPs"], *behind} <= found
