"""event: a core/v1 Event on the incident, or on the Runbook if there is none."""

from datetime import UTC, datetime
from hashlib import sha256

from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import API_VERSION, MANAGER
from runbook_operator.notifiers.message import Message, cut
from runbook_operator.notifiers.notifier_base import ChannelSpec, Config, KubernetesEvent, Notifier

LARGEST = 1024


class Event(Notifier):
    """Creates a core/v1 Event, which `kubectl describe` shows."""

    kind = "event"
    Spec = ChannelSpec
    per_minute = 60

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> KubernetesEvent:  # noqa: ARG004 # the base signature
        at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kind, name = ("Incident", message.incident) if message.incident else ("Runbook", message.runbook)
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            # The same message is the same Event, however often it is sent.
            "metadata": {"name": f"message-{sha256(message.id.encode()).hexdigest()[:40]}"},
            "involvedObject": {"apiVersion": API_VERSION, "kind": kind, "namespace": message.namespace, "name": name},
            "type": "Normal" if message.kind in ("resolved", "acknowledged", "test") else "Warning",
            "reason": Reason.NOTIFIED.value,
            "message": cut(message.summary, LARGEST),
            "firstTimestamp": at,
            "lastTimestamp": at,
            "count": 1,
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
        }
        return KubernetesEvent(message.namespace, body)
