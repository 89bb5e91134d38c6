"""An Incident: the spec, by which people answer it, and the status, in which the operator records it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from runbook_operator.api.conditions import Condition
from runbook_operator.api.name_types import ObjectName, mapped_by
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule, StatusModel
from runbook_operator.core.severities import Severity

Source = Literal["Metric", "HealthEndpoint", "Dependency", "Alert", "Deployment", "Person"]
Phase = Literal["Open", "Acknowledged", "Recovering", "Resolved"]
Event = Literal["opened", "escalated", "acknowledged", "resolved"]
DeliveryState = Literal["Owed", "Sent", "GivenUp", "Dropped"]
StepState = Literal["Waiting", "Owed", "Sent", "GivenUp", "Dropped"]
EntryKind = Literal[
    "Opened",
    "Signal",
    "Notified",
    "NotNotified",
    "Escalated",
    "Acknowledged",
    "AcknowledgementEnded",
    "SeverityChanged",
    "Note",
    "ChecklistStep",
    "SwitchEngaged",
    "SwitchReleased",
    "Recovering",
    "Reopened",
    "Resolved",
]
MOST_SIGNALS, MOST_CHAIN, MOST_DELIVERIES, MOST_SWITCHES, MOST_CHANGES = 20, 10, 32, 20, 10
FIRST_ENTRIES, LAST_ENTRIES = 20, 80
"""The timeline keeps its first and its last entries; status.timelineDropped counts the others."""


class Cause(ApiModel):
    """The entry of the Runbook that opened the incident."""

    source: Source = Field("Person", description="What opened the incident.")
    name: Annotated[str, Field(max_length=253)] = Field(
        "", description="Name of the entry or the target that became bad; empty if a person opened the incident."
    )


class PostMortem(ApiModel):
    """The parts of the post-mortem that only people know."""

    impact: Annotated[str, Field(max_length=2000)] = Field("", description="Effect on users.")
    root_cause: Annotated[str, Field(max_length=2000)] = Field("", description="The root cause.")
    went_well: Annotated[str, Field(max_length=2000)] = Field("", description="What went well.")
    went_wrong: Annotated[str, Field(max_length=2000)] = Field("", description="What did not go well.")
    got_lucky: Annotated[str, Field(max_length=2000)] = Field("", description="Where we got lucky.")
    action_items: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=20)] = Field(
        default_factory=list, description="What is to be done so that it does not occur again."
    )


class IncidentSpec(ApiModel):
    """What people say about an incident. The operator writes it only when it opens one or an acknowledgement ends."""

    runbook: ObjectName = Field(description="Name of the Runbook of this namespace that the incident is about.")
    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n\r]*$")] = Field(
        description="What is wrong, in one line: the title of every message."
    )
    summary: Annotated[str, Field(max_length=2000)] = Field("", description="More about what is wrong.")
    severity: Severity = Field("SEV3", description="Severity, from SEV1 (most severe) to SEV4. People may change it.")
    cause: Cause = Field(default_factory=Cause, description="What opened the incident. It cannot be changed.")
    acknowledged: Literal[True] | None = Field(
        None,
        description="true if somebody works on the incident: nobody else is notified. The operator removes it after "
        "acknowledgedFor. Without it (null in a patch) the escalation goes on, and contacts whose time has passed are "
        "notified at once.",
    )
    acknowledged_for: Duration = Field(
        "2h",
        description="Time after which the operator removes acknowledged. A change while acknowledged is set has no "
        "effect.",
    )
    resolved: Literal[True] | None = Field(
        None,
        description="true resolves the incident, and the operator does not reopen it. A person reopens it by removing "
        "the field (null in a patch).",
    )
    resolution: Annotated[str, Field(max_length=2000)] = Field("", description="How the incident was resolved.")
    commander: Annotated[str, Field(max_length=200)] = Field("", description="Who leads the response.")
    note: Annotated[str, Field(max_length=1000)] = Field(
        "",
        description="A note. Each change becomes an entry of status.timeline with its author, cut after 200 "
        "characters.",
    )
    checklist: Annotated[dict[str, bool], Field(max_length=20)] = Field(
        default_factory=dict, description="Steps of the initial response that are done: {assess: true}."
    )
    post_mortem: PostMortem = Field(
        default_factory=PostMortem, description="The parts of the post-mortem that people write."
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.runbook == oldSelf.runbook", "runbook cannot be changed; open another incident"),
        Rule(
            "has(self.cause) == has(oldSelf.cause) && (!has(self.cause) || self.cause == oldSelf.cause)",
            "cause cannot be changed; open another incident",
        ),
    )


class IncidentSignal(StatusModel):
    """One entry of the Runbook that is or was bad during the incident."""

    source: Source = Field(description="The section of the Runbook.")
    name: str = Field(description="Name of the entry.")
    level: str = Field(description="Level of the entry: Ok, Warning, Critical, Unknown or Stale.")
    since: str = Field(description="Time since which it has that level, RFC 3339.")
    message: str = Field("", description="Explanation of the level.")
    value: str = Field("", description="The number at the last change of level.")
    threshold: str = Field("", description="The threshold of the worst level that it has crossed.")


class EscalationStep(StatusModel):
    """One contact of the chain, as declared when the incident opened, and when it is notified."""

    contact: str = Field(description="Name of the contact.")
    role: str = Field("", description="Role of the contact.")
    channel: str = Field(description="Name of the channel.")
    to: str = Field("", description="Address within the channel.")
    due_at: str = Field(description="Time when the contact is notified if nobody has acknowledged, RFC 3339.")
    round: int = Field(0, description="Number of the repetition of the chain, from 0.")
    state: StepState = Field("Waiting", description="State of the notification.")


class Escalation(StatusModel):
    """The pinned escalation chain."""

    chain: list[EscalationStep] = Field(default_factory=list, description="The contacts in their order.")
    repeat: int = Field(0, description="How often the chain starts again.")
    interval: str = Field(
        "",
        description="Time between the starts of two repetitions: from the opening to the last contact, and once more "
        "the time between the last two contacts; at least 5m.",
    )
    next_at: str = Field("", description="Time of the next notification; empty if none is due.")


class IncidentDelivery(StatusModel):
    """One message that is owed, sent or given up."""

    id: str = Field(description="Id of the message: the same at each attempt.")
    event: Event = Field(description="What the message reports.")
    contact: str = Field(description="Name of the contact.")
    channel: str = Field(description="Name of the channel.")
    to: str = Field("", description="Address within the channel.")
    due_at: str = Field(description="Time when it was due, RFC 3339.")
    state: DeliveryState = Field(
        "Owed",
        description="State of the message: Owed (not sent yet), Sent (the channel accepted it), GivenUp (it failed), "
        "Dropped (no longer needed).",
    )
    at: str = Field("", description="Time of its outcome, RFC 3339.")
    tries: int = Field(0, description="Number of attempts.")
    why: str = Field("", description="Why it was given up or dropped.")


class TimelineEntry(StatusModel):
    """One entry of the timeline."""

    at: str = Field(description="Time, RFC 3339.")
    kind: EntryKind = Field(description="What happened.")
    by: str = Field("", description="Who did it; empty if it was the operator or is not recorded.")
    text: str = Field("", description="A sentence, 200 characters at most.")


class IncidentSwitch(StatusModel):
    """A switch of the Runbook that was engaged during the incident."""

    switch: str = Field(description="Name of the switch in the Runbook.")
    engaged_at: str = Field(description="Time of the engagement, RFC 3339.")
    released_at: str = Field("", description="Time of the release, RFC 3339; empty while it is engaged.")
    by: str = Field("", description="Who or what engaged it.")


class IncidentChange(StatusModel):
    """A change right before the incident."""

    at: str = Field(description="Time of the change, RFC 3339.")
    text: str = Field(description="What changed: a new revision, or an engaged switch.")


class IncidentAction(StatusModel):
    """The first thing to do, and the command that does it."""

    text: str = Field(description="What to do.")
    command: str = Field("", description="The kubectl command; empty if there is none.")


class IncidentLink(StatusModel):
    """A link of the Runbook."""

    title: str = Field(description="Text of the link.")
    url: str = Field(description="Address of the link.")


class IncidentColumns(StatusModel):
    """Texts of the columns of kubectl get."""

    cause: str = Field("", description="What opened it.")
    next: str = Field("", description="Who is notified next, and when.")


class IncidentStatus(ObjectStatus):
    """Record of the incident, as the operator keeps it."""

    phase: Phase = Field("Open", description="Open, Acknowledged, Recovering or Resolved.")
    severity: Severity | None = Field(
        None, description="The severity in force: that of spec.severity, or a more severe one of a signal or an issue."
    )
    declared_severity: Severity | None = Field(
        None, description="The value of spec.severity that the severity in force is based on."
    )
    cycle: int = Field(0, description="How often the incident has been reopened.")
    bad_since: str = Field("", description="Time when the cause became bad, RFC 3339.")
    opened_at: str = Field("", description="Time when the incident opened, RFC 3339.")
    delivered_at: str = Field("", description="Time of the first delivered message, RFC 3339.")
    acknowledged_at: str = Field("", description="Time of the first acknowledgement, RFC 3339.")
    acknowledged_since: str = Field("", description="Time of the current acknowledgement, RFC 3339.")
    acknowledged_by: str = Field("", description="Who acknowledged it; empty while nobody does.")
    acknowledged_until: str = Field("", description="Time when the operator removes the acknowledgement, RFC 3339.")
    recovered_at: str = Field("", description="Time since which all signals are Ok, RFC 3339; empty before.")
    resolved_at: str = Field("", description="Time of the resolution, RFC 3339.")
    resolved_by: str = Field("", description="Who resolved it; empty for the operator.")
    respond_by: str = Field("", description="Time by which somebody must acknowledge, RFC 3339.")
    issue: str = Field("", description="Name of the common issue that the signals match; empty for none.")
    likely_cause: str = Field("", description="The likely cause, from the issue or the entry.")
    first_action: IncidentAction | None = Field(None, description="The first thing to do.")
    escalation: Escalation = Field(default_factory=Escalation, description="The pinned escalation chain.")
    deliveries: list[IncidentDelivery] = Field(default_factory=list, description="The messages.")
    signals: list[IncidentSignal] = Field(default_factory=list, description="The entries that are or were bad.")
    signals_dropped: int = Field(0, description="Number of signals that the list had no room for.")
    switches: list[IncidentSwitch] = Field(default_factory=list, description="Switches engaged during the incident.")
    changes: list[IncidentChange] = Field(default_factory=list, description="Changes right before the incident.")
    links: list[IncidentLink] = Field(default_factory=list, description="Links of the Runbook at the opening.")
    checklist: list[str] = Field(default_factory=list, description="Steps of the initial response that are not done.")
    note: str = Field("", description="The last note that the timeline has.")
    done: list[str] = Field(default_factory=list, description="Checklist steps that the timeline has as done.")
    previous: str = Field("", description="Name of the last incident with the same cause.")
    timeline: list[TimelineEntry] = Field(default_factory=list, description="What happened, the oldest first.")
    timeline_dropped: int = Field(0, description="Number of entries between the first and the last ones that are gone.")
    columns: IncidentColumns = Field(default_factory=IncidentColumns, description="Texts of the columns.")
    conditions: list[Condition] = Field(
        default_factory=list,
        description="Ready, Acknowledged, Notified and ResponseOverdue.",
        json_schema_extra=mapped_by("type"),
    )
