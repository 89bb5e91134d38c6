"""Make one HTTP GET to a Service of the namespace, to see if it answers. Only the status of the answer is kept.

The address is the Service's own from the API server, so that no name is resolved.
"""

from collections.abc import Mapping

from runbook_operator.core import service_addresses
from runbook_operator.core.check_not_performed import CheckNotPerformedError
from runbook_operator.core.queries import ProbeEnd, ProbeResult
from runbook_operator.core.references import Ref
from runbook_operator.egress.egress_guard import Fault
from runbook_operator.egress.http_client import Answer, Endpoint, Outbound, RequestOptions
from runbook_operator.kube import errors
from runbook_operator.kube.client import Kube
from runbook_operator.kube.discovery import path_of

HOW = RequestOptions(seconds=2.0)
ENDS: Mapping[Fault, ProbeEnd] = {
    Fault.UNREACHABLE: "Unreachable",
    Fault.CLOSED: "Closed",
    Fault.TIMEOUT: "Late",
    Fault.GARBLED: "Answered",
}
"""The outcome of the request by its fault; any other fault means that no request reached the Service (Unasked)."""


async def probe(kube: Kube, out: Outbound, service: Ref, port: str, path: str) -> ProbeResult:
    """Make the request and return its outcome."""
    try:
        spec = (await kube.get(path_of(service, "services")))["spec"]
    except errors.NotFoundError:
        return _unasked(f"{service} does not exist")
    try:
        address, number = service_addresses.entrance(service, spec, port)
    except CheckNotPerformedError as error:
        return _unasked(str(error))
    return _probe_result(await out.ask(Endpoint(address, number, path), HOW))


def _unasked(why: str) -> ProbeResult:
    return ProbeResult(None, why, "Unasked")


def _probe_result(answer: Answer) -> ProbeResult:
    if answer.fault is None:
        return ProbeResult(answer.status)
    return ProbeResult(None, answer.why, ENDS.get(answer.fault, "Unasked"))
