"""alertmanager: an alert in an Alertmanager, whose own routes deliver it."""

from datetime import UTC, datetime

from pydantic import Field

from runbook_operator.core.durations import PlainDuration, duration
from runbook_operator.core.severities import Severity
from runbook_operator.notifiers.json_body import post
from runbook_operator.notifiers.message import Message
from runbook_operator.notifiers.message_sections import sections
from runbook_operator.notifiers.notifier_base import Config, Notifier, Request, UrlSpec
from runbook_operator.notifiers.text_markup import PLAIN

PATH = "/api/v2/alerts"
SEVERITIES: dict[Severity, str] = {"SEV1": "critical", "SEV2": "critical", "SEV3": "warning", "SEV4": "info"}


class AlertmanagerSpec(UrlSpec):
    """The address of one replica, and how long an alert lasts there without being sent again."""

    ends_after: PlainDuration = Field(
        "4h", description="Alertmanager resolves the alert after this time unless the incident is resolved before."
    )


class Alertmanager(Notifier):
    """Creates an alert in an Alertmanager, and resolves it there. The routes of Alertmanager notify people."""

    kind = "alertmanager"
    Spec = AlertmanagerSpec
    per_minute = 120
    keeps_state = True
    schemes = ("https", "http")

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:
        resolved = message.kind == "resolved"
        text = "\n".join(PLAIN.render(one) for one in sections(message))
        links = {f"link_{place}": one.url for place, one in enumerate(message.links, 1)}
        alert = {
            "labels": _labels(message),
            "annotations": {"summary": message.summary, "description": text} | links,
            "startsAt": _stamp(min(message.at, now)),
            "endsAt": _stamp(now if resolved else now + duration(config.spec.ends_after)),
        }
        request = post(config, [alert])
        base = request.url.rstrip("/").removesuffix(PATH)
        return Request(f"{base}{PATH}", request.body, request.headers)


def _labels(message: Message) -> dict[str, str]:
    """Return the alert's identity: nothing in it changes while the incident lasts, but a severity that is raised.

    `namespace` is there for routes of an AlertmanagerConfig, which match the alerts of their own namespace alone.
    """
    labels = {
        "alertname": "RunbookIncident",
        "namespace": message.namespace,
        "runbook": message.runbook,
        "incident": message.incident or message.dedup_key,
        "severity": SEVERITIES[message.severity],
        "sev": message.severity,
    }
    return {name: value for name, value in labels.items() if value}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
