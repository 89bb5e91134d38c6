"""What a contender asks of the API server: all requests by its flow's counter, writes by the lab's audit log."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.scene import kubectl
from lab.layout import here
from lab.up import Lab

COUNTER = "apiserver_flowcontrol_dispatched_requests_total"
WRITTEN = "etcd_disk_wal_write_bytes_total"
ETCD = "import urllib.request as u;print(u.urlopen('http://127.0.0.1:2379/metrics',timeout=5).read().decode())"


@dataclass(frozen=True)
class Asked:
    """How many requests so far, how far the audit log had come, and how many bytes etcd had written for anybody."""

    requests: int
    offset: int
    written: int | None


def audit_log() -> Path:
    return here().log / "audit.log"


def now(namespace: str) -> Asked:
    """As of this moment; the contender is known by the flow that is called as its namespace."""
    pattern = rf'^{COUNTER}\{{[^}}]*flow_schema="{re.escape(namespace)}"[^}}]*\}} (\S+)$'
    found = re.findall(pattern, kubectl("get", "--raw", "/metrics"), re.MULTILINE)
    log = audit_log()
    return Asked(sum(int(float(one)) for one in found), log.stat().st_size if log.exists() else 0, _written())


def between(namespace: str, before: Asked) -> dict[str, Any]:
    """What was asked since then; None for what only the lab can tell, where it is not the lab's cluster."""
    after = now(namespace)
    known = after.written is not None and before.written is not None
    return {
        "requests": after.requests - before.requests,
        "writes": writes(namespace, before),
        "etcd_bytes": (after.written or 0) - (before.written or 0) if known else None,
    }


def _written() -> int | None:
    lab = Lab(here())
    if lab.processes.alive("network") is None:
        return None
    done = subprocess.run(lab.run_inside([sys.executable, "-c", ETCD]), text=True, capture_output=True, check=True)
    found = re.search(rf"^{WRITTEN} (\S+)$", done.stdout, re.MULTILINE)
    return int(float(found[1])) if found else None


def writes(namespace: str, since: Asked) -> dict[str, int] | None:
    """How often each kind of write was asked since then; None where there is no audit log to read."""
    log = audit_log()
    if not log.exists():
        return None
    user = f"system:serviceaccount:{namespace}:contender"
    with log.open() as lines:
        lines.seek(since.offset)
        return dict(counted(lines.read(), user))


def counted(text: str, user: str) -> Counter[str]:
    """The user's writes, by verb and resource: patch switches/status."""
    # A line that is still being written ends without its newline.
    events = (json.loads(line) for line in text.splitlines(keepends=True) if user in line and line.endswith("\n"))
    return Counter(_write(event) for event in events if event["user"]["username"] == user)


def _write(event: dict[str, dict[str, str]]) -> str:
    what = event.get("objectRef", {})
    return "/".join(part for part in (f"{event['verb']} {what.get('resource', '')}", what.get("subresource")) if part)
