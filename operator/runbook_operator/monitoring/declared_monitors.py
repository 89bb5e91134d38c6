"""Turn the entries that a Runbook declares into watches. An invalid entry is reported; the others stay watched."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Literal, TypeVar

from runbook_operator.api import health_checks, monitoring_spec
from runbook_operator.api.health_checks import Check, CheckTls, GrpcCheck, HttpCheck, Pace, SecretKey, ServicePort
from runbook_operator.api.monitoring_spec import Dependency, HealthEndpoint, Metric
from runbook_operator.api.parsing import RunbookObject
from runbook_operator.api.response_spec import Alert
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core import quantities, thresholds, url_policy
from runbook_operator.core.durations import duration, spoken
from runbook_operator.core.http_statuses import statuses
from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import (
    SECTIONS,
    Ask,
    AskGrpc,
    AskHttp,
    AskMetric,
    AskNumber,
    AskTcp,
    Group,
    InvalidEntryError,
    Key,
    Measure,
    Problem,
    SecretKeyRef,
    Secured,
    ServiceEndpoint,
    Watch,
    Watches,
    under,
)
from runbook_operator.core.query_languages import Languages
from runbook_operator.core.references import Ref
from runbook_operator.core.thresholds import Role, Threshold
from runbook_operator.monitoring import declared_alerts
from runbook_operator.monitoring.declared_alerts import METRIC_TIMEOUT
from runbook_operator.monitoring.promql import language_of
from runbook_operator.reconcile.acting_identity import declared
from runbook_operator.sources import REGISTRY
from runbook_operator.sources.source_base import UnreadableSpecError

Worst = Literal["high", "low"]
Entry = TypeVar("Entry", HealthEndpoint, Dependency, Metric, Alert)

ROLES: tuple[Role, ...] = ("normal", "warning", "critical")
USUAL = HealthEndpoint.model_fields
AT_ONCE = timedelta()
FOREIGN = {
    "HTTP": {"health_service": monitoring_spec.GRPC_ONLY},
    "TCP": {
        **dict.fromkeys(("path", "expect", "body_contains", "headers"), monitoring_spec.HTTP_ONLY),
        "health_service": monitoring_spec.GRPC_ONLY,
        "tls": monitoring_spec.NO_TLS,
    },
    "GRPC": dict.fromkeys(("path", "expect", "body_contains", "headers"), monitoring_spec.HTTP_ONLY),
}
"""By protocol, the fields that a health endpoint must not set, each with the reason."""


def watches(runbook: RunbookObject, languages: Languages) -> Watches:
    """Return the watches and the problems of a Runbook, in the order of its spec; none if the spec does not parse."""
    spec, ref = runbook.spec, runbook.meta.ref
    if spec is None:
        return Watches()
    made = (
        *_each(ref, "HealthEndpoint", spec.health_endpoints, partial(_endpoint, spec)),
        *_each(ref, "Dependency", spec.dependencies, _dependency),
        *_each(ref, "Metric", spec.metrics, partial(_metric, spec, languages)),
        *_each(ref, "Alert", spec.alerts, partial(declared_alerts.watch, languages)),
    )
    account = declared(runbook)
    return Watches(
        tuple(under(one, account) for one in made if isinstance(one, Watch)),
        tuple(one for one in made if isinstance(one, Problem)),
    )


def settle_of(metric: Metric, languages: Languages) -> timedelta:
    """Return for how long after a write to a target the metric still includes data from before it."""
    if metric.settle is not None:
        return duration(metric.settle)
    if metric.source_kind:
        return REGISTRY[metric.source_kind].lookback(metric.source_spec)
    return language_of(languages, metric.source).settle(metric.query or "")


def patience_of(entry: Metric | HealthEndpoint, languages: Languages) -> timedelta:
    """Return for how long after a change the entry's level may still rest on older data.

    It includes the time that a level must last before it is reported.
    """
    if isinstance(entry, HealthEndpoint):
        return duration(entry.period) * (entry.failure_threshold + entry.success_threshold) + duration(entry.timeout)
    lasting = duration(entry.for_) + duration(entry.clear_for)
    return settle_of(entry, languages) + lasting + 2 * duration(entry.period)


def _each(
    ref: Ref, group: Group, entries: Sequence[Entry], watch: Callable[[Key, Entry], Watch]
) -> Iterator[Watch | Problem]:
    for index, entry in enumerate(entries):
        key = Key(ref, group, entry.name)
        try:
            yield watch(key, entry)
        except InvalidEntryError as invalid:
            where = f"spec.{SECTIONS[group]}[{index}]"
            yield Problem(key, f"{where}.{invalid.field}" if invalid.field else where, str(invalid))


def _endpoint(spec: RunbookSpec, key: Key, entry: HealthEndpoint) -> Watch:
    target = spec.target(entry.target, key.runbook.namespace)
    if target.service is None:
        raise InvalidEntryError("target", f"{entry.target} has no service to send the check to; add it in spec.targets")
    for name, why in FOREIGN[entry.protocol].items():
        if getattr(entry, name) != USUAL[name].get_default(call_default_factory=True):
            raise InvalidEntryError(USUAL[name].alias or name, why)
    ask = _request(entry, ServiceEndpoint(target.service, target.port, entry.each), key.runbook.namespace)
    return _paced(key, ask, entry, AT_ONCE, AT_ONCE)


def _request(entry: HealthEndpoint, place: ServiceEndpoint, namespace: str) -> Ask:
    if entry.protocol == "TCP":
        return AskTcp(place)
    return _grpc(place, entry, namespace, "") if entry.protocol == "GRPC" else _http(place, entry, namespace, "")


def _dependency(key: Key, entry: Dependency) -> Watch:
    ask = _check(entry.check, key.runbook.namespace)
    return _paced(key, ask, entry, duration(entry.for_), duration(entry.recover_after))


def _metric(spec: RunbookSpec, languages: Languages, key: Key, entry: Metric) -> Watch:
    measure = _measure(entry, languages)
    ask = _number(spec, key, entry, _worst(measure))
    timing = Timing(duration(entry.for_), duration(entry.clear_for), _no_data_after(entry))
    return Watch(key, ask, duration(entry.period), METRIC_TIMEOUT, timing, measure)


def _number(spec: RunbookSpec, key: Key, entry: Metric, worst: Worst) -> Ask:
    kind, declared = entry.source_kind, entry.source_spec
    if kind is None or declared is None:
        return AskMetric(entry.source, entry.query or "", worst, entry.absent == "Zero")
    namespace = key.runbook.namespace
    try:
        request = REGISTRY[kind].request(declared, namespace, spec.target(entry.target, namespace))
    except UnreadableSpecError as unfit:
        raise InvalidEntryError(f"{kind}.{unfit.field}", str(unfit)) from None
    if request is None and isinstance(declared, HttpCheck):
        return AskNumber(kind, declared, _placed(declared, namespace, f"{kind}."), worst)
    assert request is not None  # noqa: S101 # only an HttpCheck has no request of its own
    return AskNumber(kind, declared, request, worst)


def _paced(key: Key, ask: Ask, pace: Pace, for_: timedelta, clear_for: timedelta) -> Watch:
    timeout = duration(pace.timeout)
    if not AT_ONCE < timeout <= health_checks.SLOWEST:
        raise InvalidEntryError("timeout", health_checks.TIMEOUT)
    timing = Timing(for_, clear_for, _no_data_after(pace), pace.failure_threshold, pace.success_threshold)
    return Watch(key, ask, duration(pace.period), timeout, timing)


def _no_data_after(entry: Pace | Metric) -> timedelta:
    """Return noDataAfter. Raises InvalidEntryError if the period is too short, or noDataAfter less than two periods."""
    period, no_data_after = duration(entry.period), duration(entry.no_data_after)
    if period < health_checks.QUICKEST:
        raise InvalidEntryError("period", health_checks.PERIOD)
    if AT_ONCE < no_data_after < 2 * period:
        raise InvalidEntryError("noDataAfter", health_checks.NO_DATA)
    return no_data_after


def _check(check: Check, namespace: str) -> Ask:
    if check.tcp:
        return AskTcp(_service_endpoint(check.tcp.service, namespace))
    if check.grpc:
        return _grpc(_service_endpoint(check.grpc.service, namespace), check.grpc, namespace, "check.grpc.")
    http = check.http
    assert http  # noqa: S101 # exactly one is set
    return _placed(http, namespace, "check.http.")


def _placed(http: HttpCheck, namespace: str, at: str) -> AskHttp:
    where = _service_endpoint(http.service, namespace) if http.service else _url(http.url or "", at)
    return _http(where, http, namespace, at)


def _service_endpoint(service: ServicePort, namespace: str) -> ServiceEndpoint:
    return ServiceEndpoint(service.ref(namespace), service.port)


def _url(text: str, at: str) -> str:
    with _at(f"{at}url"):
        url_policy.parse(text)
    return text


def _http(where: ServiceEndpoint | str, asked: HttpCheck | HealthEndpoint, namespace: str, at: str) -> AskHttp:
    """Return the HTTP request; `at` is the path from the entry to the check, which prefixes a problem's field."""
    with _at(f"{at}path"):
        url_policy.parse(f"http://service{asked.path}")
    with _at(f"{at}expect"):
        expected = statuses(asked.expect)
    contains = _bounded(asked.body_contains, health_checks.LONGEST, f"{at}bodyContains")
    headers = tuple((one.name, _secret_key(one.secret, namespace) or one.value or "") for one in asked.headers)
    return AskHttp(where, asked.path, expected, contains, headers, _secured(asked.tls, namespace, at))


def _grpc(place: ServiceEndpoint, asked: GrpcCheck | HealthEndpoint, namespace: str, at: str) -> AskGrpc:
    service = _bounded(asked.health_service, health_checks.LONGEST_NAME, f"{at}healthService")
    return AskGrpc(place, service, _secured(asked.tls, namespace, at))


def _secured(tls: CheckTls | None, namespace: str, at: str) -> Secured | None:
    if tls is None:
        return None
    with _at(f"{at}tls.serverName"):
        name = url_policy.hostname(tls.server_name) if tls.server_name else ""
    return Secured(_secret_key(tls.ca, namespace), name, tls.skip_verify)


def _secret_key(key: SecretKey | None, namespace: str) -> SecretKeyRef | None:
    return SecretKeyRef(Ref("v1", "Secret", namespace, key.name), key.key) if key else None


def _bounded(text: str, most: int, field: str) -> str:
    if len(text.encode(errors="replace")) > most:
        raise InvalidEntryError(field, f"it may have at most {most} bytes, and some of its characters take several")
    return text


def _measure(entry: Metric, languages: Languages) -> Measure:
    with _at("unit"):
        quantities.check_unit(entry.unit)
    normal, warning, critical = (_threshold(entry, role) for role in ROLES)
    if contradiction := thresholds.conflict(normal, warning, critical):
        raise InvalidEntryError("", contradiction)
    return Measure(normal, warning, critical, _baseline(entry, languages), entry.unit)


def _threshold(entry: Metric, role: Role) -> Threshold | None:
    text: str | None = getattr(entry, role)
    if text is None:
        return None
    with _at(role):
        threshold = thresholds.parse(text, entry.unit or None, role)
    if threshold.relative and entry.baseline is None and entry.baseline_value is None:
        raise InvalidEntryError(role, monitoring_spec.NO_BASELINE)
    return threshold


def _baseline(entry: Metric, languages: Languages) -> float | timedelta | None:
    if entry.baseline is not None:
        language = language_of(languages, entry.source)
        over, single = duration(entry.baseline), language.lookback(entry.query or "")
        if over <= single:
            raise InvalidEntryError(
                "baseline", f"it must be longer than the {spoken(single)} that the query itself looks back"
            )
        return over
    if entry.baseline_value is None:
        return None
    with _at("baselineValue"):
        quantity = quantities.parse(entry.baseline_value)
        value = quantities.in_unit(quantity, entry.unit or None)
    if quantity.dimension == "multiple" or value <= 0:
        raise InvalidEntryError("baselineValue", "a baseline must be a quantity above zero, such as 100 req/s")
    return value


def _worst(measure: Measure) -> Worst:
    """Return the direction of the worst of several series.

    It is "high" for a normal range alone: to catch low values, set a warning.
    """
    if bad := measure.critical or measure.warning:
        return "high" if bad.direction == "above" else "low"
    return "low" if measure.normal and measure.normal.direction == "above" else "high"


@contextmanager
def _at(field: str) -> Iterator[None]:
    """Report a ValueError inside the block as a problem of this field."""
    try:
        yield
    except ValueError as error:
        raise InvalidEntryError(field, str(error)) from None
