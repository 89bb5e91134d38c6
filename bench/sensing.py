"""What sensing costs: 5,000 Runbooks with two checks every 10 s, beside one task for each check in the same run.

Both ask in the same way, one after the other, each in a process of its own: `http` by the guarded client, from a server
on loopback in another process; `nothing` is answered at once, so that only the scheduling is left. The loop's delay is
what a thrown switch would wait for its turn. Ratios are what counts: sensor divided by tasks.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

from bench.peers import tasks
from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import AskHttp, Key, Reading, ServiceEndpoint, Watch
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.egress import health_protocols
from runbook_operator.egress.http_client import Endpoint, Outbound, RequestOptions
from runbook_operator.monitoring.io.check_scheduler import Asker, CheckScheduler
from runbook_operator.telemetry.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = int(os.environ.get("RUNBOOKS", "5000"))
SECONDS = float(os.environ.get("SECONDS", "12"))
"""How long each of the four is measured."""
WARM = 2.0
PERIOD = timedelta(seconds=10)
LOOK = 0.02
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
Figures = dict[str, float]


class Noted(Metrics):
    """Every lateness as it was, beside the histogram's buckets."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[float] = []

    def late(self, seconds: float) -> None:
        super().late(seconds)
        self.all.append(seconds)


class Server(asyncio.Protocol):
    """Answers whatever is asked with 200, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        del data
        assert isinstance(self.transport, asyncio.Transport)  # noqa: S101 # a connection's transport is one
        self.transport.write(ANSWER)
        self.transport.close()


async def serve() -> None:
    """Say the port on a line, and answer for ever."""
    server = await asyncio.get_running_loop().create_server(Server, "0.0.0.0", 0, backlog=1024)  # noqa: S104 # all of 127/8
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def declared() -> dict[Ref, list[Watch]]:
    timing = Timing(timedelta(), timedelta(), timedelta(minutes=5), failures=3)
    found: dict[Ref, list[Watch]] = {}
    for number in range(RUNBOOKS):
        runbook = Ref(API_VERSION, "Runbook", f"team-{number % 50}", f"shop-{number}")
        service = Ref("v1", "Service", runbook.namespace, f"127.1.{number // 250}.{number % 250 + 1}")
        found[runbook] = [
            Watch(
                Key(runbook, "HealthEndpoint", name),
                AskHttp(ServiceEndpoint(service)),
                PERIOD,
                timedelta(seconds=2),
                timing,
            )
            for name in ("ready", "live")
        ]
    return found


def asker(port: int) -> Asker:
    """Asks each Runbook's own address by HTTP; nobody where there is no port."""
    out = Outbound(allowed_networks=[IPv4Network("127.0.0.0/8")])

    async def http(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        (watch,) = watches
        assert isinstance(watch.ask, AskHttp)  # noqa: S101 # declared above
        assert isinstance(watch.ask.where, ServiceEndpoint)  # noqa: S101 # as above
        where = Endpoint(watch.ask.where.service.name, port, "/health")
        result = await health_protocols.http(
            out, where, watch.ask.expected, how=RequestOptions(seconds=watch.timeout.total_seconds())
        )
        return {watch.key: Reading(ok=result.ok, reason=result.status, latency=result.latency)}

    async def nothing(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        return {one.key: Reading(ok=True, reason="200") for one in watches}

    return http if port else nothing


async def subject(way: str, port: int) -> Figures:
    """Run one of the two for a while and measure it."""
    runbooks, meter, ask = declared(), Noted(), asker(port)
    began = time.perf_counter()
    if way == "sensor":
        scheduler = CheckScheduler(ask, lambda _: None, lambda _runbook: True, meter)
        for runbook, watches in runbooks.items():
            scheduler.watch(runbook, watches, {})
        work: Awaitable[None] = scheduler.run()
    else:
        work = tasks.run([one for watches in runbooks.values() for one in watches], ask, meter)
    running = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    starting = time.perf_counter() - began
    await asyncio.sleep(WARM)
    meter.all.clear()
    began, before = time.perf_counter(), time.process_time()
    delays = await delays_of_the_loop()
    share = (time.process_time() - before) / (time.perf_counter() - began)
    running.cancel()
    failed = meter.readings.labels("HealthEndpoint", "failed")._value.get()  # noqa: SLF001 # a client has no other way
    return {
        "cpu_share": share,
        "cpu_ms_per_ask": 1000 * share * SECONDS / len(meter.all),
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "asked_per_second": len(meter.all) / SECONDS,
        "failed": failed,
        "lateness_p50_ms": statistics.median(meter.all) * 1000,
        "lateness_p99_ms": statistics.quantiles(meter.all, n=100)[98] * 1000,
        "loop_delay_p50_ms": statistics.median(delays) * 1000,
        "loop_delay_p99_ms": statistics.quantiles(delays, n=100)[98] * 1000,
        "starting_s": starting,
    }


async def delays_of_the_loop() -> list[float]:
    """How much later than it wanted somebody else has its turn, for as long as is measured."""
    delays: list[float] = []
    end = time.perf_counter() + SECONDS
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(LOOK)
        delays.append(max(0.0, time.perf_counter() - before - LOOK))
    return delays


def main() -> None:
    """Run both ways of scheduling with both ways of asking, and print one document."""
    server = subprocess.Popen([*command("serve")], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout  # noqa: S101 # it is a pipe
        port = server.stdout.readline().strip()
        figures = {name: measured(port if name == "http" else "0") for name in ("http", "nothing")}
    finally:
        server.terminate()
        server.wait(timeout=10)
    print(json.dumps({"checks": 2 * RUNBOOKS, "seconds": SECONDS} | figures, indent=2))


def measured(port: str) -> dict[str, Figures]:
    ways = {}
    for way in ("sensor", "tasks"):
        done = subprocess.run(command(way, port), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        ways[way] = {name: round(value, 3) for name, value in json.loads(done.stdout).items()}
    scheduler, peer = ways["sensor"], ways["tasks"]
    ratios = {name: round(scheduler[name] / peer[name], 2) for name in scheduler if peer[name] and name != "failed"}
    return {"ratios": ratios} | ways


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench.sensing", *arguments]


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(serve())
        case [way, port]:
            print(json.dumps(asyncio.run(subject(way, int(port)))))
        case []:
            main()
        case unknown:
            raise SystemExit(f"bench: no arguments are wanted, got {unknown}")
