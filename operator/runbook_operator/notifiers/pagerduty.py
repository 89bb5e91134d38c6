"""pagerduty: an integration of PagerDuty, by version 2 of the Events API, or of what accepts the same events."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from runbook_operator.core.severities import Severity
from runbook_operator.notifiers.json_body import post
from runbook_operator.notifiers.message import Message, cut
from runbook_operator.notifiers.message_sections import sections
from runbook_operator.notifiers.notifier_base import Config, FileName, Notifier, Request, TlsSpec, check_url
from runbook_operator.notifiers.text_markup import PLAIN

LARGEST_SUMMARY = 1024
SEVERITIES: dict[Severity, str] = {"SEV1": "critical", "SEV2": "error", "SEV3": "warning", "SEV4": "info"}
ACTIONS = {"acknowledged": "acknowledge", "resolved": "resolve"}


class PagerDutySpec(TlsSpec):
    """The integration key, and the address of the API."""

    routing_key_file: FileName = Field(description="A file with the integration key.")
    url: str = Field(
        "https://events.pagerduty.com/v2/enqueue",
        max_length=2048,
        description="The address of the API; `https://events.eu.pagerduty.com/v2/enqueue` in the EU's region.",
    )


class PagerDuty(Notifier):
    """Sends events to PagerDuty: all messages of one cycle of an incident belong to one alert there."""

    kind = "pagerduty"
    Spec = PagerDutySpec
    per_minute = 60
    keeps_state = True

    @classmethod
    def check(cls, config: Config) -> None:
        check_url(config, cls.schemes)

    @staticmethod
    def render(message: Message, config: Config, now: datetime) -> Request:  # noqa: ARG004 # the base signature
        event: dict[str, Any] = {
            "routing_key": config.secrets["routing_key"],
            "event_action": ACTIONS.get(message.kind, "trigger"),
            "dedup_key": message.dedup_key,
        }
        return post(config, event if message.kind in ACTIONS else event | _payload(message))


def _payload(message: Message) -> dict[str, Any]:
    details = {one.label or "Problem": PLAIN.render(replace(one, label="")) for one in sections(message)}
    payload = {
        "summary": cut(message.summary, LARGEST_SUMMARY),
        "source": f"{message.namespace}/{message.runbook}",
        "severity": SEVERITIES[message.severity],
        "timestamp": message.at.astimezone(UTC).isoformat(),
        "component": message.runbook,
        "group": message.namespace,
        "class": "RunbookIncident",
        "custom_details": details | {"Message": message.id},
    }
    links = [{"href": one.url, "text": one.text} for one in message.links]
    return {"payload": payload, "client": "Runbook Operator", "links": links}
