"""The monitors of a Runbook: the request, its period, the thresholds for the answer, and the last reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from runbook_operator.core.accounts import Account
from runbook_operator.core.http_statuses import FINE, Statuses
from runbook_operator.core.level_tracker import Level, Timing, Track, judge
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.references import Ref
from runbook_operator.core.thresholds import Threshold

Group = Literal["HealthEndpoint", "Dependency", "Metric", "Alert"]
SECTIONS: Mapping[Group, str] = {
    "HealthEndpoint": "healthEndpoints",
    "Dependency": "dependencies",
    "Metric": "metrics",
    "Alert": "alerts",
}
"""By group, the field in the spec and in the status of a Runbook that lists its entries."""


@dataclass(frozen=True, order=True)
class Key:
    """The name of a monitored entry of a Runbook."""

    runbook: Ref
    group: Group
    name: str


@dataclass(frozen=True)
class SecretKeyRef:
    """A key of a Secret in the Runbook's namespace; no object of the model has its value.

    `account` is the account under which it is read, None for the operator's own; so in AskObject and AskPods.
    """

    secret: Ref
    key: str
    account: Account | None = None


@dataclass(frozen=True)
class ServiceEndpoint:
    """A Service and the name or number of its port, empty for the first one. `each` queries every ready pod of it."""

    service: Ref
    port: str = ""
    each: bool = False


@dataclass(frozen=True)
class Secured:
    """TLS settings: the CA to trust, and the server name to verify."""

    ca: SecretKeyRef | None = None
    server_name: str = ""
    skip_verify: bool = False


@dataclass(frozen=True)
class AskHttp:
    """A GET of a path of a Service, or of a whole URL."""

    where: ServiceEndpoint | str
    path: str = "/"
    expected: Statuses = FINE
    contains: str = ""
    headers: tuple[tuple[str, str | SecretKeyRef], ...] = ()
    tls: Secured | None = None


@dataclass(frozen=True)
class AskTcp:
    """A TCP connection."""

    where: ServiceEndpoint


@dataclass(frozen=True)
class AskGrpc:
    """grpc.health.v1.Health/Check for a service; an empty name is the whole server."""

    where: ServiceEndpoint
    health_service: str = ""
    tls: Secured | None = None


@dataclass(frozen=True)
class AskMetric:
    """An instant query. Of several series the worst one counts: the highest or the lowest, by `worst`.

    If `zero_where_absent`, an answer without a series counts as 0.
    """

    source: str
    query: str
    worst: Literal["high", "low"] = "high"
    zero_where_absent: bool = False


@dataclass(frozen=True)
class AskObject:
    """A get of a whole object."""

    ref: Ref
    account: Account | None = None


@dataclass(frozen=True)
class AskPods:
    """A list of the pods that this workload owns, or that this Service selects by their labels."""

    of: Ref
    account: Account | None = None


@dataclass(frozen=True)
class AskNumber:
    """A number that a source computes from the result of `request`; `source` is its kind in sources/."""

    source: str
    spec: ApiModel
    request: AskHttp | AskObject | AskPods
    worst: Literal["high", "low"] = "high"


Ask = AskHttp | AskTcp | AskGrpc | AskMetric | AskNumber


@dataclass(frozen=True)
class Measure:
    """Thresholds in the metric's unit; `baseline` is a value, or the period whose median is the baseline."""

    normal: Threshold | None = None
    warning: Threshold | None = None
    critical: Threshold | None = None
    baseline: float | timedelta | None = None
    unit: str = ""


@dataclass(frozen=True)
class Watch:
    """One monitored entry. A check has no measure: it is healthy, unhealthy or unknown."""

    key: Key
    ask: Ask
    period: timedelta
    timeout: timedelta
    timing: Timing
    measure: Measure | None = None
    alert: str = ""
    """The name of the alerting rule, if the number is that of the firing alerts."""


class InvalidEntryError(Exception):
    """An entry cannot be watched: its first invalid field, as a path relative to the entry, and the reason."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Problem:
    """An entry that cannot be monitored: the field as people write it, `spec.metrics[2].critical`, and why."""

    key: Key
    field: str
    message: str


@dataclass(frozen=True)
class Watches:
    """The declared entries of a Runbook: those that can be monitored, and the problems of those that cannot."""

    watches: tuple[Watch, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Reading:
    """One answer. `ok` is the result of a check and `value` that of a metric, each None if unknown.

    `reason` is one CamelCase word, `message` a sentence for people; neither ever contains a body, a header or a
    credential. `note` is a remark about a value. `latency` is in seconds.
    """

    ok: bool | None = None
    value: float | None = None
    reason: str = ""
    message: str = ""
    series: str = ""
    baseline: float | None = None
    latency: float = 0.0
    note: str = ""


@dataclass(frozen=True)
class MonitorState:
    """The state of a monitor: its track and its last reading.

    `steady` is True if the reading is of the same kind as the one before it, or is the first one.
    """

    track: Track
    reading: Reading = field(default_factory=Reading)
    steady: bool = True


def under(watch: Watch, account: Account | None) -> Watch:
    """Return the monitor with all its reads of the API server under the account."""
    return replace(watch, ask=_under(watch.ask, account)) if account else watch


def _under(ask: Ask, account: Account) -> Ask:
    match ask:
        case AskHttp():
            return _http(ask, account)
        case AskGrpc():
            return replace(ask, tls=_secured(ask.tls, account))
        case AskNumber(request=AskHttp() as request):
            return replace(ask, request=_http(request, account))
        case AskNumber(request=AskObject() | AskPods() as request):
            return replace(ask, request=replace(request, account=account))
        case _:
            return ask


def _http(ask: AskHttp, account: Account) -> AskHttp:
    headers = (
        (name, replace(one, account=account) if isinstance(one, SecretKeyRef) else one) for name, one in ask.headers
    )
    return replace(ask, headers=tuple(headers), tls=_secured(ask.tls, account))


def _secured(tls: Secured | None, account: Account) -> Secured | None:
    return replace(tls, ca=replace(tls.ca, account=account)) if tls and tls.ca else tls


def level_of(watch: Watch, reading: Reading, track: Track | None) -> Level:
    """Return the level of a reading, given the track before it."""
    if watch.measure is None:
        return "Unknown" if reading.ok is None else "Ok" if reading.ok else "Critical"
    rules = watch.measure
    before = track.known if track else "Unknown"
    return judge(reading.value, reading.baseline, rules.normal, rules.warning, rules.critical, before)
