"""The channel `alertmanager` against a real Alertmanager."""

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from lab.monitoring import Alertmanager
from runbook_operator.delivery.channel_config import read
from runbook_operator.delivery.channel_egress import ChannelOutbound
from runbook_operator.delivery.transport import Transport
from runbook_operator.notifiers.message import Message, Problem
from runbook_operator.notifiers.notifier_base import Delivered, KubernetesEvent
from runbook_operator.runtime.watched_files import Files
from tests.e2e.alertmanager import alertmanager, alerts
from tests.e2e.harness import eventually

AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as running:
        yield running


def message(incident: str, **fields: object) -> Message:
    return Message.model_validate(
        {
            "id": f"{incident}.0.opened",
            "dedup_key": f"{incident}.0",
            "kind": "opened",
            "at": AT,
            "severity": "SEV2",
            "namespace": "shop",
            "runbook": "shop",
            "incident": incident,
            "title": 'error rate "high" {{ .Labels }}',
            "problem": Problem(name="error-rate", value="12 %", threshold="> 5 %", since=AT),
            "links": [{"text": "Dashboard", "url": "https://grafana.example.com/d/1"}],
            "acknowledge": "kubectl -n shop patch incidents.runbooks.dev shop-1",
            **fields,
        }
    )


async def send(receiver: Alertmanager, folder: Path, sent: Message) -> None:
    async def create(_: KubernetesEvent) -> Delivered:
        raise AssertionError

    path = folder / "channels.yaml"
    path.write_text(f"pager: {{kind: alertmanager, url: '{receiver.url}'}}\n")
    found = read(path, Files())
    assert found.problems == {}
    out = ChannelOutbound((ip_network("127.0.0.0/8"),))

    assert await Transport(out, create).attempt(found.channels["pager"], sent) == Delivered()


def active(receiver: Alertmanager, incident: str) -> list[dict[str, Any]]:
    return [one for one in alerts(receiver) or () if one["labels"]["incident"] == incident]


async def test_opened_incident_is_an_alert_with_its_labels_and_text(receiver: Alertmanager, tmp_path: Path) -> None:
    await send(receiver, tmp_path, message("shop-1"))

    (alert,) = eventually("the alert is active", lambda: active(receiver, "shop-1"))
    assert alert["labels"] == {
        "alertname": "RunbookIncident",
        "incident": "shop-1",
        "namespace": "shop",
        "runbook": "shop",
        "sev": "SEV2",
        "severity": "critical",
    }
    texts = alert["annotations"]
    assert texts["summary"] == (
        'SEV2: error rate "high" {{ .Labels }}: error-rate is 12 % (threshold > 5 %) since 2026-11-29 03:00:00 UTC'
    )
    assert "kubectl -n shop patch incidents.runbooks.dev shop-1" in texts["description"]
    assert texts["link_1"] == "https://grafana.example.com/d/1"


async def test_repeated_message_updates_the_alert_and_resolution_ends_it(
    receiver: Alertmanager, tmp_path: Path
) -> None:
    await send(receiver, tmp_path, message("shop-2"))
    await send(receiver, tmp_path, message("shop-2", kind="escalated"))
    assert len(eventually("the alert is active", lambda: active(receiver, "shop-2"))) == 1

    await send(receiver, tmp_path, message("shop-2", kind="resolved"))

    eventually("the alert is resolved", lambda: active(receiver, "shop-2") == [])
