"""One HTTP GET to a Service of the namespace, to see whether it answers. Nothing of the answer but its status is kept.

The address is the Service's own, as the API server gives it, so that no name is resolved.
"""

from collections.abc import Mapping

from runbook_operator import errors
from runbook_operator.io.egress import Fault
from runbook_operator.io.http import Answer, Endpoint, How, Outbound
from runbook_operator.io.kube import Kube
from runbook_operator.io.paths import path_of
from runbook_operator.model import services
from runbook_operator.model.queries import Answering, End
from runbook_operator.model.refs import Ref
from runbook_operator.model.unasked import UnaskedError

HOW = How(seconds=2.0)
ENDS: Mapping[Fault, End] = {
    Fault.UNREACHABLE: "Unreachable",
    Fault.CLOSED: "Closed",
    Fault.TIMEOUT: "Late",
    Fault.GARBLED: "Answered",
}
"""What a fault says of who was asked; with every other one nobody was."""


async def probe(kube: Kube, out: Outbound, service: Ref, port: str, path: str) -> Answering:
    """What came of it."""
    try:
        spec = (await kube.get(path_of(service, "services")))["spec"]
    except errors.NotFoundError:
        return _unasked(f"{service} does not exist")
    try:
        address, number = services.entrance(service, spec, port)
    except UnaskedError as error:
        return _unasked(str(error))
    return _answering(await out.ask(Endpoint(address, number, path), HOW))


def _unasked(why: str) -> Answering:
    return Answering(None, why, "Unasked")


def _answering(answer: Answer) -> Answering:
    if answer.fault is None:
        return Answering(answer.status)
    return Answering(None, answer.why, ENDS.get(answer.fault, "Unasked"))
