"""The delivery of a replica, with a real file of channels and a real receiver."""

import asyncio
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import yaml

from runbook_operator.delivery.orders import NoDelivery, Order, Report
from runbook_operator.delivery.service import Delivery
from runbook_operator.kube.client import Kube
from runbook_operator.settings import Settings
from tests.fakes.message_sink import sink
from tests.fakes.servers import ca, certified
from tests.messages import message


def delivery(channels: str, results: list[tuple[str, str]]) -> Delivery:
    settings = Settings(channels=channels, allowed_networks=(ip_network("127.0.0.1/32"),))
    return Delivery(settings, cast("Kube", None), (), lambda *one: results.append(one))


async def test_order_is_delivered_through_a_channel_of_the_file(tmp_path: Path) -> None:
    results: list[tuple[str, str]] = []
    reports: asyncio.Queue[Report] = asyncio.Queue()
    async with sink("slack", tls=certified("127.0.0.1")) as there:
        (tmp_path / "ca").write_bytes(ca())
        (tmp_path / "url").write_text(f"https://127.0.0.1:{there.port}/services/x")
        path = tmp_path / "channels.yaml"
        path.write_text(yaml.safe_dump({"chat": {"kind": "slack", "urlFile": "url", "caFile": "ca"}}))
        made = delivery(str(path), results)
        [work] = made.work()
        running = asyncio.create_task(work)
        order = Order("chat", "ai", message(), done=reports.put_nowait)
        while not made.submit(order):
            await asyncio.to_thread(path.exists)
        report = await reports.get()
        running.cancel()

    assert report == Report("Delivered", "chat", 1)
    assert results == [("chat", "Delivered")]


async def test_replica_without_a_file_of_channels_takes_no_order_and_names_the_setting() -> None:
    made = delivery("", [])

    assert made.work() == []
    for one in (made, NoDelivery()):
        assert not one.submit(Order("chat", "ai", message()))
        assert one.unavailable.endswith("the administrator sets RUNBOOK_CHANNELS")


async def test_replica_that_still_reads_its_file_of_channels_takes_no_order_yet() -> None:
    made = delivery("channels.yaml", [])

    assert not made.submit(Order("chat", "ai", message()))
    assert made.unavailable == ""
