"""Make core/v1 Events, which both `kubectl describe` and `kubectl events` show."""

from collections.abc import Mapping
from typing import Any

from runbook_operator.core.notices import Notice
from runbook_operator.core.references import MANAGER

LONGEST_MESSAGE = 1024
"""The API server refuses an Event with a longer message."""


def core_event(notice: Notice, metadata: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return the notice as an Event with this metadata; `at` is an RFC 3339 time in whole seconds."""
    about = notice.about
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": dict(metadata),
        "involvedObject": {
            "apiVersion": about.api_version,
            "kind": about.kind,
            "name": about.name,
            "namespace": about.namespace,
            "uid": notice.uid,
        },
        "type": "Warning" if notice.warning else "Normal",
        "reason": notice.reason.value,
        "message": notice.message[:LONGEST_MESSAGE],
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": notice.count,
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
    }
