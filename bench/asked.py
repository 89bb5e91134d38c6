"""What a contender asks of the API server: all requests by its flow's counter, writes by the lab's audit log."""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.scene import kubectl
from lab.layout import here

COUNTER = "apiserver_flowcontrol_dispatched_requests_total"


@dataclass(frozen=True)
class Asked:
    """How many requests so far, and how far the audit log had come."""

    requests: int
    offset: int


def audit_log() -> Path:
    return here().log / "audit.log"


def now(namespace: str) -> Asked:
    """As of this moment; the contender is known by the flow that is called as its namespace."""
    pattern = rf'^{COUNTER}\{{[^}}]*flow_schema="{re.escape(namespace)}"[^}}]*\}} (\S+)$'
    found = re.findall(pattern, kubectl("get", "--raw", "/metrics"), re.MULTILINE)
    log = audit_log()
    return Asked(sum(int(float(one)) for one in found), log.stat().st_size if log.exists() else 0)


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
