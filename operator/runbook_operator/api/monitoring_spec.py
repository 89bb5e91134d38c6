"""Models of what a Runbook watches: health endpoints, dependencies and metrics, and the switches that they engage."""

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
from runbook_operator.core.severities import Severity

MEASURED = "set at least one of normal, warning and critical"
ONE_BASELINE = "set one of baseline and baselineValue, not both"
NO_BASELINE = 'a multiple such as "> 2x" in normal, warning or critical needs a baseline or a baselineValue'
ABSENT = "absent is only for a query, which may return no series"
HTTP_ONLY = "path, expect, bodyContains and headers are only for protocol HTTP"
GRPC_ONLY = "healthService is only for protocol GRPC"
NO_TLS = "tls is only for the protocols HTTP and GRPC"
PROBE_ONLY = "enforce and container apply to a container's probe: set probe to startup, readiness or liveness"
UNFILLED = ("period", "timeout", "failureThreshold", "successThreshold")
"""Fields of a health endpoint that are compared with the container's probe only if they are declared."""
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
"""The API server rejects an invalid form; monitoring/declared_monitors compares its unit with the metric's."""
Level = Literal["Ok", "Warning", "Critical", "Unknown", "Stale"]


class Engage(ApiModel):
    """A kill switch of this Runbook to hold engaged while the trigger lasts."""

    engage: EntryName = Field(description="Name of a kill switch in spec.killSwitches. It must not be momentary.")


def _describe_defaults(schema: dict[str, Any]) -> None:
    """Move the pace's defaults into descriptions: one filled in by the API server would look like a declared value."""
    for name in UNFILLED:
        field = schema["properties"][name]
        field["description"] += f" Default: {field.pop('default')}."


def _unfilled(rule: Rule) -> Rule:
    """Return the rule for a schema in which the API server does not fill in period and timeout."""
    text = rule.rule
    for name in ("period", "timeout"):
        usual = Pace.model_fields[name].default
        text = text.replace(f"self.{name}", f"(has(self.{name}) ? self.{name} : '{usual}')")
    return Rule(text, rule.message)


class HealthEndpoint(Pace):
    """A health endpoint of a target, which the operator checks periodically."""

    model_config = ConfigDict(json_schema_extra=_describe_defaults)

    name: EntryName = Field(description="Name of the health endpoint, as in the status.")
    meaning: Text = Field("", description="Meaning of its being healthy: Service can handle traffic.")
    target: EntryName = Field(description="Name of an entry of spec.targets; it must have a service.")
    protocol: Protocol = Field("HTTP", description="Protocol of the check.")
    path: Path = Field("/", description="Path and query of the request; only for HTTP.")
    expect: Expected = Field("200-299", description="Response statuses of a healthy target; only for HTTP.")
    body_contains: Body = Field(
        "", description="Text that the body must contain; only for HTTP. The body itself is never stored."
    )
    headers: Annotated[list[Header], Field(max_length=MOST_HEADERS)] = Field(
        default_factory=list, description="Headers to send; only for HTTP.", json_schema_extra=mapped_by("name")
    )
    health_service: Name = Field(
        "", description="Name of the gRPC service to check; empty for the whole server. Only for GRPC."
    )
    tls: CheckTls | None = Field(None, description="Use TLS.")
    severity: Severity | None = Field(
        None, description="Severity of the incident that opens when this becomes Critical. Without it none opens."
    )
    each: bool = Field(
        False, description="Check each ready pod behind the Service, and not only one; the worst result counts."
    )
    probe: Literal["startup", "readiness", "liveness"] | None = Field(
        None, description="The container's probe that should be equal to this endpoint; a difference is reported."
    )
    enforce: bool = Field(
        False,
        description="Set the container's probe to what is declared here, which replaces the pods one after the other. "
        "Turning it off restores the former probe.",
    )
    container: EntryName | None = Field(
        None, description="Name of the container with the probe. Default: the workload's first one."
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
    """An external system that this system depends on, and how to check it."""

    name: EntryName = Field(description="Name of the dependency, as in the status.")
    purpose: Text = Field("", description="Shown only: what the dependency is for, such as AI generation.")
    impact_if_down: Text = Field(
        "", description="Effect on users while it is down: No AI responses. Every message about it has this text."
    )
    check: Check = Field(description="The health check of the dependency.")
    for_: Duration = Field("30s", alias="for", description="Time that the check must fail before it counts as down.")
    recover_after: Duration = Field(
        "1m", description="Time that the check must succeed before the dependency counts as up again."
    )
    severity: Severity | None = Field(
        None, description="Severity of the incident that opens when this goes down. Without it none opens."
    )
    targets: Annotated[list[EntryName], Field(max_length=32)] = Field(
        default_factory=list,
        description="Names of entries of spec.targets that need it; they are reported as degraded while it is down.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    fallback: Engage | None = Field(None, description="The kill switch to engage while it is down.")
    suppress: Annotated[list[EntryName], Field(max_length=32)] = Field(
        default_factory=list,
        description="Names of kill switches that automatic sources do not engage while it is down, since they would "
        "not help.",
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class Response(ApiModel):
    """The response to a bad level of the metric."""

    likely_cause: Text = Field("", description="The usual cause: Deployment, provider issue.")
    first_action: Engage | None = Field(None, description="The kill switch to engage while the level lasts.")
    at: Literal["Warning", "Critical"] = Field("Critical", description="Lowest level at which firstAction is engaged.")


class Metric(CountedNumber):
    """A number, with the thresholds of its levels and the response to them."""

    name: EntryName = Field(description="Name of the metric, as in the status.")
    description: Text = Field("", description="Shown only: what the number is.")
    source: EntryName = Field(
        "default", description="For a query: name of the metric source, as the administrator has configured it."
    )
    unit: Annotated[str, Field(max_length=32)] = Field(
        "",
        description="Unit of the number: seconds, ratio, percent, bytes, USD, req/s; empty for plain numbers.",
    )
    normal: Threshold | None = Field(
        None, description='Threshold of the level Ok: "< 1%". A metric that was bad stays bad until this is met.'
    )
    warning: Threshold | None = Field(None, description='Threshold of the level Warning: "> 5%".')
    critical: Threshold | None = Field(None, description='Threshold of the level Critical: "> 10%".')
    baseline: Duration | None = Field(
        None,
        description='Makes the baseline, which "> 2x" is a multiple of, the median of the query over this time, such '
        "as 7d.",
    )
    baseline_value: Threshold | None = Field(None, description='The baseline as a fixed quantity: "100 req/s".')
    period: Duration = Field("15s", description="Time between readings, at least 1s.")
    for_: Duration = Field("1m", alias="for", description="Time that a worse level must last before it takes effect.")
    clear_for: Duration = Field("2m", description="Time that a better level must last before it takes effect.")
    no_data_after: Duration = Field(
        "5m", description="Time without data after which the level is Stale, which engages and releases nothing."
    )
    absent: Literal["Zero", "Unknown"] = Field(
        "Unknown",
        description="Meaning of a query that returns no series. Unknown: no data, which engages and releases nothing. "
        "Zero: 0, for a count or rate of events that may never have occurred.",
    )
    settle: Duration | None = Field(
        None,
        description="Time after an engagement in which the metric engages nothing, since it still includes data from "
        "before. Default: how far the query looks back, or the time over which restarts are counted.",
    )
    severity: Severity | None = Field(
        None, description="Severity of the incident that opens when this becomes Critical. Without it none opens."
    )
    response: Response | None = Field(None, description="The response to a bad level of the metric.")

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


class EntryStatus(StatusModel):
    """Status of a watched entry. It is written when the level or its cause changes, not at each reading."""

    name: str = Field(description="Name of the entry in the spec.")
    level: Level = Field("Unknown", description="Level of the entry; Stale after too long without data.")
    known: Level = Field("Unknown", description="Last level based on data; it remains while the level is Stale.")
    since: str = Field(description="Time since which the level is the same, RFC 3339.")
    reason: str = Field("", description="Reason of the level, in one CamelCase word.")
    message: str = Field("", description="Explanation of the level.")
    value: str = Field("", description="The number, in the metric's unit, at the time of the last status write.")
    series: str = Field("", description="The worst of several series.")
    baseline: str = Field("", description="The baseline that the thresholds are multiples of.")
    remark: str = Field("", description="A likely mistake in the declaration.")
