"""One case for each source of numbers: how it is declared, and what it finds. One without fails its contract."""

from dataclasses import dataclass
from typing import Any

from runbook_operator.core.observed_object import observed_from
from tests.builders import Body, workload_body


@dataclass(frozen=True)
class Case:
    """`spec` as a user writes it below the kind; what was read, and the number in it."""

    spec: Body
    found: Any
    number: float


DEPLOYMENT = workload_body(3) | {"status": {"availableReplicas": 1, "updatedReplicas": 3, "replicas": 3}}
POD: Body = {
    "metadata": {"name": "web-1", "uid": "1", "creationTimestamp": "2026-11-24T02:00:00Z"},
    "status": {"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]},
}
CASES: dict[str, Case] = {
    "http": Case({"service": {"name": "queue"}, "path": "/stats", "jsonPath": "$.depth"}, b'{"depth": 12}', 12.0),
    "object": Case(
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.replicas"},
        observed_from(DEPLOYMENT, whole=True),
        3.0,
    ),
    "pods": Case({"target": "web", "measure": "Waiting"}, (POD,), 1.0),
    "rollout": Case({"target": "web", "measure": "Unavailable"}, observed_from(DEPLOYMENT, whole=True), 2.0),
}


def declared(kind: str) -> Body:
    """As it stands in a metric."""
    return {kind: CASES[kind].spec}
