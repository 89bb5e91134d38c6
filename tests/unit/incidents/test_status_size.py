"""The largest status of an incident that the limits of the API allow."""

from runbook_operator.api.conditions import Condition
from runbook_operator.api.incident import (
    FIRST_ENTRIES,
    LAST_ENTRIES,
    MOST_CHAIN,
    MOST_CHANGES,
    MOST_DELIVERIES,
    MOST_SIGNALS,
    MOST_SWITCHES,
    Escalation,
    EscalationStep,
    IncidentAction,
    IncidentChange,
    IncidentDelivery,
    IncidentLink,
    IncidentSignal,
    IncidentStatus,
    IncidentSwitch,
    TimelineEntry,
)
from runbook_operator.incidents.incident_signals import MOST_MESSAGE
from runbook_operator.incidents.outbox import MOST_WHY
from runbook_operator.incidents.timeline import MOST_NAME, MOST_TEXT

AT = "2026-11-24T03:00:00.000000Z"
NAME, UID, TO, LINKS, STEPS = "n" * 63, "u" * 36, "t" * 254, 10, 20


def test_largest_status_is_below_100_kib() -> None:
    status = IncidentStatus(
        likely_cause="c" * 1024,
        first_action=IncidentAction(text="a" * 300, command="k" * 500),
        escalation=Escalation(
            chain=[EscalationStep(contact=NAME, role="r" * 256, channel=NAME, to=TO, due_at=AT)] * MOST_CHAIN
        ),
        deliveries=[
            IncidentDelivery(
                id=f"{UID}.99.9-9.acknowledged.{NAME}",
                event="acknowledged",
                contact=NAME,
                channel=NAME,
                to=TO,
                due_at=AT,
                at=AT,
                why="w" * MOST_WHY,
            )
        ]
        * MOST_DELIVERIES,
        signals=[
            IncidentSignal(
                source="HealthEndpoint",
                name=NAME,
                level="Critical",
                since=AT,
                message="m" * MOST_MESSAGE,
                value="v" * 32,
                threshold="t" * 64,
            )
        ]
        * MOST_SIGNALS,
        switches=[IncidentSwitch(switch=NAME, engaged_at=AT, released_at=AT, by="b" * MOST_NAME)] * MOST_SWITCHES,
        changes=[IncidentChange(at=AT, text="c" * 256)] * MOST_CHANGES,
        links=[IncidentLink(title="t" * 60, url="u" * 400)] * LINKS,
        checklist=[NAME] * STEPS,
        done=["d" * MOST_NAME] * STEPS,
        note="n" * 1000,
        timeline=[TimelineEntry(at=AT, kind="AcknowledgementEnded", by="b" * MOST_NAME, text="t" * MOST_TEXT)]
        * (FIRST_ENTRIES + LAST_ENTRIES),
        conditions=[
            Condition(type="Notified", status="False", reason="NoAnswer", message="m" * 512, last_transition_time=AT)
        ]
        * 4,
    )

    assert len(status.model_dump_json(by_alias=True)) < 100 * 1024
