"""The check of the installed CRDs, with an API server that answers as the test says."""

from copy import deepcopy
from typing import cast

from structlog.testing import capture_logs

from runbook_operator import __version__
from runbook_operator.kube.client import Kube
from runbook_operator.kube.crd_check import Crds
from tests.crd_documents import schema_of
from tests.fakes.crd_server import Server


def crds(server: Server) -> Crds:
    return Crds(cast("Kube", server))


async def test_older_crd_is_logged_once_and_counted_until_replaced() -> None:
    server = Server()
    checked, whole = crds(server), deepcopy(server.document)
    assert server.document
    del schema_of(server.document, "Switch", "status")["title"]
    del schema_of(server.document, "Switch", "status")["contacts"]

    with capture_logs() as logs:
        await checked.check()
        await checked.check()

    (line,) = logs
    assert line["event"] == (
        f"the CRD switches.runbooks.dev lacks status.title, status.contacts; apply the CRDs of version {__version__}"
    )
    assert line["hint"] == "runbook-operator crds | kubectl apply --server-side --force-conflicts -f -"
    assert checked.count() == 2
    assert checked.cause("Switch") == f"{line['event']}: {line['hint']}"
    assert checked.cause("Runbook") == ""
    assert checked.warnings() == [checked.cause("Switch")]

    server.document = whole
    with capture_logs() as logs:
        await checked.check()
    assert [line["log_level"] for line in logs] == ["info"]
    assert (checked.count(), checked.warnings()) == (0, [])


async def test_crd_that_lacks_much_is_reported_with_a_few_fields() -> None:
    server = Server()
    assert server.document
    schema_of(server.document, "Switch", "status").clear()

    with capture_logs() as logs:
        await crds(server).check()

    assert " and " in logs[0]["event"]


async def test_refused_crd_check_changes_no_count() -> None:
    server = Server()
    server.document = None

    checked = crds(server)
    await checked.check()

    assert checked.count() == 0
