"""What two runs of the same story must have in common, however often one of them crashed."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.e2e import api
from tests.e2e.harness import Body, Cluster

OURS = "runbook-operator"
LATENCY = "latencyMilliseconds"
"""There only where the operator that saw the throw also did it."""
MASKED = frozenset(
    {
        *(
            "lastTransitionTime",
            "engagedAt",
            "releasedAt",
            "appliedAt",
            "since",
            "last",
            "expiresAt",
            "engagementId",
            "duration",
        ),
        *("uid", "generation", "observedGeneration"),
    }
)
"""Times and names that every run has its own of; a generation counts a person's writes and is theirs."""


def view(cluster: Cluster) -> Body:
    """The end state as JSON has it: targets, Switches, Runbooks, and what was said about them how often."""
    events = api.items("event", cluster.namespace)
    return {
        "targets": {one["metadata"]["name"]: one["spec"]["replicas"] for one in _items(cluster, "deployment")},
        "flags": {
            name: one["data"] for one in _items(cluster, "configmap") if (name := one["metadata"]["name"]) == "flags"
        },
        "selectors": {one["metadata"]["name"]: one["spec"]["selector"] for one in _items(cluster, "service")},
        "switches": {one["metadata"]["name"]: _own(one) for one in _items(cluster, "switch")},
        "runbooks": {one["metadata"]["name"]: _own(one) for one in _items(cluster, "runbook")},
        "events": sorted(map(_said, (event for event in events if event["source"].get("component") == OURS))),
    }


def summary(writes: Iterable[str], namespace: str, beside: str = "") -> Counter[str]:
    """How often each object was created, patched and deleted; an Event counts by its collection.

    The status of a Runbook counts its switches: two changes that come close together may be told as one. So may those
    that the status of the Switch `beside` the thrown ones reports: its target is held, and is held no more.
    """
    once = re.compile(rf"/runbooks/|/switches/{beside}/status$" if beside else "/runbooks/")
    names = [re.sub(r"/events/.*", "/events", write).replace(namespace, "NAMESPACE") for write in writes]
    found = Counter(names)
    return Counter({name: 1 if once.search(name) else times for name, times in found.items()})


def _items(cluster: Cluster, kind: str) -> list[Body]:
    return api.items(kind, cluster.namespace)


def _own(one: Body) -> Any:
    finalizers = one["metadata"].get("finalizers", [])
    return {"spec": one["spec"], "finalizers": finalizers, "status": masked(one.get("status", {}))}


def _said(event: Body) -> list[Any]:
    about = event["involvedObject"]
    return [event["reason"], about["kind"], masked(about["name"]), event.get("count", 1)]


def masked(value: Any) -> Any:
    """The value without what each run has of its own: times, the engagement's id, the namespace in a command."""
    if isinstance(value, dict):
        return {
            key: "*" if key in MASKED else masked(one) for key, one in value.items() if key != "latencyMilliseconds"
        }
    if isinstance(value, str):
        return re.sub(r"\bt-[0-9a-f]{8}\b", "NAMESPACE", re.sub(r"-[0-9a-f]{12}-", "-ID-", value))
    return [masked(one) for one in value] if isinstance(value, list) else value
