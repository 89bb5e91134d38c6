"""What a runbook watches: health endpoints, dependencies and metrics, and what follows from them."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from runbook_operator.api.health_checks import (
    MOST_HEADERS,
    PERIODIC,
    Body,
    Check,
    CheckTls,
    Header,
    Name,
    Pace,
    Path,
    Protocol,
)
from runbook_operator.api.metric_source_union import BASELINE, CountedNumber
from runbook_operator.api.name_types import EntryName, Text, mapped_by
from runbook_operator.core.durations import Duration
from runbook_operator.core.http_statuses import Expected
from runbook_operator.core.model_base import ApiModel, Rule, StatusModel

MEASURED = "set at least one of normal, warning and critical"
ONE_BASELINE = "set one of baseline and baselineValue, not both"
NO_BASELINE = 'a multiple in normal, warning or critical, as "> 2x", needs a baseline or a baselineValue'
ABSENT = "absent is for a query, which may give no series"
HTTP_ONLY = "path, expect, bodyContains and headers are for protocol HTTP"
GRPC_ONLY = "healthService is for protocol GRPC"
NO_TLS = "tls is for the protocols HTTP and GRPC"
PROBE_ONLY = "enforce and container are for a container's probe: set probe to startup, readiness or liveness"
UNFILLED = ("period", "timeout", "failureThreshold", "successThreshold")
"""What of a health endpoint is held against a container's probe, where it is declared."""
NO_THRESHOLD = 'write a threshold such as "< 1%", "> 5%", "> 10s" or "> 2x": docs/thresholds.md has all forms'
Threshold = Annotated[
    str,
    Field(min_length=1, max_length=64),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 64,
            "x-kubernetes-validations": [
                {
                    "rule": "self.matches('^[^0-9A-Za-z<>=!~≤≥]*([<>]=?|≤|≥)?[^<>=!~≤≥]*[0-9][^<>=!~≤≥]*$')",
                    "message": NO_THRESHOLD,
                }
            ],
        }
    ),
]
"""The API server refuses a text of no valid form; monitoring/declared_monitors compares its unit with the metric's."""
Level = Literal["Ok", "Warning", "Critical", "Unknown", "Stale"]


class Engage(ApiModel):
    """A kill switch of this runbook that is held engaged for as long as it lasts."""

    engage: EntryName = Field(description="Its name in spec.killSwitches; not a momentary one.")


def _in_words(schema: dict[str, Any]) -> None:
    """The defaults of the pace in words only: what the API server fills in could not be told from what was declared."""
    for name in UNFILLED:
        field = schema["properties"][name]
        field["description"] += f" Default: {field.pop('default')}."


def _unfilled(rule: Rule) -> Rule:
    """The rule where the API server does not fill in period and timeout."""
    text = rule.rule
    for name in ("period", "timeout"):
        usual = Pace.model_fields[name].default
        text = text.replace(f"self.{name}", f"(has(self.{name}) ? self.{name} : '{usual}')")
    return Rule(text, rule.message)


class HealthEndpoint(Pace):
    """Where a target says how it is."""

    model_config = ConfigDict(json_schema_extra=_in_words)

    name: EntryName = Field(description="What it is called in the status.")
    meaning: Text = Field("", description="What it means when it is well: Service can handle traffic.")
    target: EntryName = Field(description="The target in spec.targets; it must have a service.")
    protocol: Protocol = Field("HTTP", description="How it is asked.")
    path: Path = Field("/", description="The path and query, for HTTP.")
    expect: Expected = Field("200-299", description="The statuses of a target that is well, for HTTP.")
    body_contains: Body = Field("", description="A text that the body must hold; the body itself is never kept.")
    headers: Annotated[list[Header], Field(max_length=MOST_HEADERS)] = Field(
        default_factory=list, description="Headers to send.", json_schema_extra=mapped_by("name")
    )
    health_service: Name = Field("", description="The gRPC service to ask about; empty for the whole server.")
    tls: CheckTls | None = Field(None, description="Ask by TLS.")
    each: bool = Field(
        False, description="Ask each ready pod behind the Service instead of whichever answers; the worst one counts."
    )
    probe: Literal["startup", "readiness", "liveness"] | None = Field(
        None, description="The container's own probe that this is meant to be: where it differs, that is told."
    )
    enforce: bool = Field(
        False,
        description="Set the container's probe to what is declared, which replaces the pods one after the other; "
        "switched off, what was there before is put back.",
    )
    container: EntryName | None = Field(
        None, description="The container whose probe it is; absent for the workload's first one."
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *map(_unfilled, Pace.cel_rules),
        Rule("has(self.probe) || (!self.enforce && !has(self.container))", PROBE_ONLY),
        Rule(
            "self.protocol == 'HTTP' || (self.path == '/' && self.expect == '200-299' && (!has(self.bodyContains) || "
            "self.bodyContains == '') && (!has(self.headers) || self.headers.size() == 0))",
            HTTP_ONLY,
        ),
        Rule("self.protocol == 'GRPC' || !has(self.healthService) || self.healthService == ''", GRPC_ONLY),
        Rule("self.protocol != 'TCP' || !has(self.tls)", NO_TLS),
    )


class Dependency(Pace):
    """Something that the system needs and does not run itself."""

    name: EntryName = Field(description="What it is called in the status.")
    purpose: Text = Field("", description="Shown only: what it is for, such as AI generation.")
    impact_if_down: Text = Field("", description="What users notice: No AI responses. It goes with every message.")
    check: Check = Field(description="How it is asked.")
    for_: Duration = Field("30s", alias="for", description="For so long it must fail before it counts as down.")
    recover_after: Duration = Field("1m", description="For so long it must be well before it counts as back.")
    targets: Annotated[list[EntryName], Field(max_length=32)] = Field(
        default_factory=list,
        description="The targets in spec.targets that need it: they are told as degraded while it is down.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    fallback: Engage | None = Field(None, description="What is engaged while it is down.")
    suppress: Annotated[list[EntryName], Field(max_length=32)] = Field(
        default_factory=list,
        description="The kill switches that nothing automatic engages while it is down, since they would not help.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class Response(ApiModel):
    """What is known of the alert, and what is done about it."""

    likely_cause: Text = Field("", description="What it usually is: Deployment, provider issue.")
    first_action: Engage | None = Field(None, description="What is engaged while it lasts.")
    at: Literal["Warning", "Critical"] = Field("Critical", description="From which level on.")


class Metric(CountedNumber):
    """A number, and when it is normal, a warning, or critical."""

    name: EntryName = Field(description="What it is called in the status.")
    description: Text = Field("", description="Shown only: what the number is.")
    source: EntryName = Field(
        "default", description="For a query: the source to ask, by the name that the administrator has given it."
    )
    unit: Annotated[str, Field(max_length=32)] = Field(
        "",
        description="What its numbers are: seconds, ratio, percent, bytes, USD, req/s; empty for plain ones.",
    )
    normal: Threshold | None = Field(None, description='When all is well: "< 1%". What was bad is bad until it holds.')
    warning: Threshold | None = Field(None, description='When it is worth a look: "> 5%".')
    critical: Threshold | None = Field(None, description='When something must be done: "> 10%".')
    baseline: Duration | None = Field(
        None, description='What "> 2x" is a multiple of: the median of the query over this time, such as 7d.'
    )
    baseline_value: Threshold | None = Field(None, description='The same as a fixed quantity: "100 req/s".')
    period: Duration = Field("15s", description="How often it is asked; 1s at least.")
    for_: Duration = Field("1m", alias="for", description="For so long a worse level must last before it is told.")
    clear_for: Duration = Field("2m", description="For so long a better level must last before it is told.")
    no_data_after: Duration = Field(
        "5m", description="After this time without data it is told as Stale; it is neither good nor bad news."
    )
    absent: Literal["Zero", "Unknown"] = Field(
        "Unknown",
        description="What a query that gives no series means. Unknown: no data, which engages and releases nothing. "
        "Zero: 0, for a count or a rate of what may never have occurred.",
    )
    settle: Duration | None = Field(
        None,
        description="For so long after an act it engages nothing, since the number still tells of what was before. "
        "Absent, it is the longest time in the query's brackets, or that within which restarts are counted.",
    )
    response: Response | None = Field(None, description="What is known of the alert, and what is done about it.")

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *CountedNumber.cel_rules,
        Rule("!has(self.baseline) || has(self.query)", BASELINE),
        Rule("self.absent == 'Unknown' || has(self.query)", ABSENT),
        Rule("has(self.normal) || has(self.warning) || has(self.critical)", MEASURED),
        Rule("!has(self.baseline) || !has(self.baselineValue)", ONE_BASELINE),
        Rule(
            "has(self.baseline) || has(self.baselineValue) || ((!has(self.normal) || !self.normal.endsWith('x')) && "
            "(!has(self.warning) || !self.warning.endsWith('x')) && "
            "(!has(self.critical) || !self.critical.endsWith('x')))",
            NO_BASELINE,
        ),
        *PERIODIC,
    )

    @model_validator(mode="after")
    def _measured(self) -> "Metric":
        if not (self.normal or self.warning or self.critical):
            raise ValueError(MEASURED)
        if self.baseline and self.baseline_value:
            raise ValueError(ONE_BASELINE)
        if self.baseline and self.query is None:
            raise ValueError(BASELINE)
        if self.absent == "Zero" and self.query is None:
            raise ValueError(ABSENT)
        return self

    @property
    def engages(self) -> str | None:
        action = self.response.first_action if self.response else None
        return action.engage if action else None


class Sensed(StatusModel):
    """How something that is watched is. It is written when its level or its cause changes, not at each reading."""

    name: str = Field(description="Its name in the spec.")
    level: Level = Field("Unknown", description="How it is; Stale where nothing is known for too long.")
    known: Level = Field("Unknown", description="The last level that came from data, under Stale.")
    since: str = Field(description="Since when, RFC 3339.")
    reason: str = Field("", description="Why, in one word.")
    message: str = Field("", description="What was seen.")
    value: str = Field("", description="The number, in the metric's unit, when the level was told.")
    series: str = Field("", description="The worst of several series.")
    baseline: str = Field("", description="What the thresholds are multiples of.")
    remark: str = Field("", description="What is likely to be wrong with how it is declared.")
