"""The human half of a Runbook: severities, the initial response, links, common issues, and the limits of incidents."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from runbook_operator.api.health_checks import QUICK_ENOUGH
from runbook_operator.api.name_types import EntryName, Text, Title
from runbook_operator.core.durations import Duration
from runbook_operator.core.model_base import ApiModel, Rule
from runbook_operator.core.severities import Severity

SymptomSource = Literal["Metric", "HealthEndpoint", "Dependency", "Alert"]
OWN_LABELS = frozenset({"__name__", "alertname", "alertstate"})
OWN_LABEL = "labels: __name__, alertname and alertstate are set by the operator; remove them"
LABEL_NAME = "labels: the name of a label has letters, digits and underscores, and begins with no digit"
ONE_SYMPTOM = "set exactly one of metric, healthEndpoint, dependency and alert"


class SeverityLevel(ApiModel):
    """What a severity means for this system, and how soon somebody must answer."""

    level: Severity = Field(description="The severity, from SEV1 (most severe) to SEV4.")
    definition: Text = Field("", description="Meaning of the severity: Critical outage. Every message about it has it.")
    respond_within: Duration | None = Field(
        None,
        description="Time from the opening within which somebody must acknowledge the incident. Default: 5m for SEV1, "
        "15m for SEV2, 1h for SEV3, 4h for SEV4.",
    )
    examples: Annotated[list[Title], Field(max_length=8)] = Field(
        default_factory=list, description="Shown only: examples, such as complete service outage."
    )


class ResponseStep(ApiModel):
    """One step of the checklist that every incident of this Runbook begins with."""

    name: EntryName = Field(description="Name of the step, as in spec.checklist of an Incident: assess.")
    description: Text = Field(
        "", description="Shown only: what to do in this step: confirm the severity on the dashboard."
    )


class RunbookLink(ApiModel):
    """A link that messages and incidents show."""

    name: EntryName = Field(description="Name of the link: dashboard.")
    title: Annotated[str, Field(max_length=60)] = Field("", description="Text of the link. Default: its name.")
    url: Annotated[str, Field(min_length=8, max_length=400, pattern=r"^https?://[^\s\"'<>\\]+$")] = Field(
        description="Address of the link, http or https."
    )


class Symptom(ApiModel):
    """One sign of a common issue: an entry of this Runbook that is bad."""

    metric: EntryName | None = Field(None, description="Name of an entry of spec.metrics.")
    health_endpoint: EntryName | None = Field(None, description="Name of an entry of spec.healthEndpoints.")
    dependency: EntryName | None = Field(None, description="Name of an entry of spec.dependencies.")
    alert: EntryName | None = Field(None, description="Name of an entry of spec.alerts.")
    at: Literal["Warning", "Critical"] = Field("Critical", description="Lowest level of the entry that counts.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.metric), has(self.healthEndpoint), has(self.dependency), has(self.alert)]"
            ".filter(one, one).size() == 1",
            ONE_SYMPTOM,
        ),
    )

    @model_validator(mode="after")
    def _one_entry(self) -> "Symptom":
        if sum(name is not None for _, name in self._names) != 1:
            raise ValueError(ONE_SYMPTOM)
        return self

    @property
    def entry(self) -> tuple[SymptomSource, str]:
        """The section and the name of the entry, as the signals of an incident have them."""
        return next((source, name) for source, name in self._names if name is not None)

    @property
    def _names(self) -> tuple[tuple[SymptomSource, str | None], ...]:
        return (
            ("Metric", self.metric),
            ("HealthEndpoint", self.health_endpoint),
            ("Dependency", self.dependency),
            ("Alert", self.alert),
        )


class ResolutionStep(ApiModel):
    """One step that usually resolves the issue; a person decides to take it."""

    text: Annotated[str, Field(min_length=1, max_length=300)] = Field(description="What to do: turn on the fallback.")
    when: Annotated[str, Field(max_length=300)] = Field("", description="Shown only: when this step is the right one.")
    engage: EntryName | None = Field(
        None,
        description="Name of an entry of spec.killSwitches or spec.scaling that carries the step out. Messages show "
        "the command that throws it.",
    )


class Issue(ApiModel):
    """A common issue: its symptoms, its likely cause and the steps that resolve it."""

    name: EntryName = Field(description="Name of the issue: high-latency.")
    title: Annotated[str, Field(max_length=200)] = Field("", description="Title of its incidents. Default: its name.")
    severity: Severity | None = Field(
        None, description="Severity of an incident with these symptoms, if it is more severe than that of the entries."
    )
    symptoms: Annotated[list[Symptom], Field(min_length=1, max_length=8)] = Field(
        description="The issue is recognized once all of these are bad."
    )
    likely_cause: Text = Field("", description="The usual cause, which messages show.")
    resolution: Annotated[list[ResolutionStep], Field(max_length=8)] = Field(
        default_factory=list, description="Steps that resolve it, the first one first."
    )
    escalate: Literal["AfterSteps", "Immediately"] = Field(
        "AfterSteps",
        description="Immediately notifies all contacts for the severity at once, without waiting for an answer.",
    )


class SuggestedSwitch(ApiModel):
    """A switch that a message suggests. A person throws it."""

    engage: EntryName = Field(description="Name of an entry of spec.killSwitches or spec.scaling.")


class Alert(ApiModel):
    """An alert that a Prometheus already fires. While it fires, it is bad as a Critical metric is."""

    name: EntryName = Field(description="Name of the alert in this Runbook and in its status.")
    alert: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\"\\\x00-\x1f]+$")] = Field(
        description="Name of the alerting rule: the label alertname."
    )
    source: EntryName = Field(
        "default", description="Name of the metric source, a Prometheus, as the administrator has configured it."
    )
    labels: Annotated[
        dict[
            Annotated[str, Field(max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")],
            Annotated[str, Field(max_length=200, pattern=r"^[^\"\\\x00-\x1f]*$")],
        ],
        Field(max_length=8),
    ] = Field(
        default_factory=dict,
        description="Labels that the alert must have. Default: namespace, with the Runbook's namespace; labels "
        "replace it.",
    )
    severity: Severity | None = Field(
        None, description="Severity of the incident that the alert opens. Without it the alert opens none."
    )
    likely_cause: Text = Field("", description="The usual cause, which messages show.")
    first_action: SuggestedSwitch | None = Field(
        None, description="The switch that messages name as the first action. The alert does not engage it."
    )
    period: Duration = Field("15s", description="Time between queries, at least 1s.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        QUICK_ENOUGH,
        Rule("!has(self.labels) || self.labels.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]*$'))", LABEL_NAME),
        Rule(f"!has(self.labels) || self.labels.all(k, !(k in {sorted(OWN_LABELS)}))", OWN_LABEL),
    )

    @model_validator(mode="after")
    def _no_own_label(self) -> "Alert":
        if OWN_LABELS & self.labels.keys():
            raise ValueError(OWN_LABEL)
        return self


class IncidentLimits(ApiModel):
    """How incidents of this Runbook recover, reopen, escalate and are kept."""

    recover_for: Duration = Field(
        "10m",
        description="Time for which all signals must be Ok before the operator resolves an incident that it opened.",
    )
    reopen_for: Duration = Field(
        "15m",
        description="Time after the resolution within which the same cause reopens the incident instead of opening "
        "another one.",
    )
    repeat: Annotated[int, Field(ge=0, le=9)] = Field(
        3, description="How often the escalation starts again from the first contact if nobody acknowledges."
    )
    keep: Annotated[int, Field(ge=1, le=100)] = Field(
        10, description="Maximum number of resolved incidents to keep; the oldest is deleted first."
    )
    keep_for: Duration = Field("90d", description="Time after its resolution when an incident is deleted.")
