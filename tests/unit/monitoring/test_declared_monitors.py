"""What a Runbook declares as what is watched, and what cannot be watched by the field that is wrong."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.api.monitoring_spec import Metric
from runbook_operator.api.parsing import parse_runbook
from runbook_operator.core.http_statuses import FINE, statuses
from runbook_operator.core.level_tracker import Timing
from runbook_operator.core.monitors import (
    AskGrpc,
    AskHttp,
    AskMetric,
    AskTcp,
    Key,
    Measure,
    Problem,
    SecretKeyRef,
    Secured,
    ServiceEndpoint,
    Watch,
    Watches,
)
from runbook_operator.core.references import Ref
from runbook_operator.core.thresholds import parse
from runbook_operator.monitoring.declared_alerts import METRIC_TIMEOUT
from runbook_operator.monitoring.declared_monitors import settle_of, watches
from tests.builders import NAMESPACE, Body, runbook_body

RUNBOOK = Ref("runbooks.dev/v1alpha1", "Runbook", NAMESPACE, "shop")
WEB = Ref("v1", "Service", NAMESPACE, "web")
SITE = ServiceEndpoint(WEB, "http")
QUERY = "sum(rate(errors[5m]))"
TARGETS = [
    {"name": "web", "workload": {"name": "web"}, "service": {"name": "web", "port": "http"}},
    {"name": "worker", "workload": {"name": "worker"}},
]
SECRET = {"name": "keys", "key": "token"}
KEPT = SecretKeyRef(Ref("v1", "Secret", NAMESPACE, "keys"), "token")


def declared(**spec: Any) -> Watches:
    return watches(parse_runbook(runbook_body(targets=TARGETS, **spec)), {})


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def endpoint(**rest: Any) -> Body:
    return {"name": "ready", "target": "web"} | rest


def dependency(check: Body, **rest: Any) -> Body:
    return {"name": "model", "check": check} | rest


def metric(**rest: Any) -> Body:
    usual = {} if {"normal", "warning", "critical"} & set(rest) else {"warning": "> 5%"}
    return {"name": "errors", "query": QUERY} | usual | rest


def watch_of(**spec: Any) -> Watch:
    found = declared(**spec)
    assert found.problems == ()
    return found.watches[0]


def problem_of(**spec: Any) -> tuple[str, str]:
    found = declared(**spec)
    assert found.watches == ()
    return found.problems[0].field, found.problems[0].message


def test_runbook_without_entries_has_no_monitors() -> None:
    assert declared() == Watches()


def test_unparsable_runbook_has_no_monitors() -> None:
    assert watches(parse_runbook(runbook_body(title="")), {}) == Watches()


def test_default_health_endpoint_checks_its_service_by_counts() -> None:
    assert declared(healthEndpoints=[endpoint()]).watches == (
        Watch(
            key=Key(RUNBOOK, "HealthEndpoint", "ready"),
            ask=AskHttp(SITE, "/", FINE),
            period=seconds(10),
            timeout=seconds(2),
            timing=Timing(seconds(0), seconds(0), seconds(300), failures=3, successes=1),
        ),
    )


@pytest.mark.parametrize(
    ("rest", "ask"),
    [
        ({"path": "/health?deep=1", "expect": 204}, AskHttp(SITE, "/health?deep=1", statuses("204"))),
        ({"bodyContains": "well", "each": True}, AskHttp(ServiceEndpoint(WEB, "http", each=True), contains="well")),
        (
            {"headers": [{"name": "X-Tier", "value": "gold"}, {"name": "Authorization", "secret": SECRET}]},
            AskHttp(SITE, headers=(("X-Tier", "gold"), ("Authorization", KEPT))),
        ),
        ({"headers": [{"name": "X-Empty", "value": ""}]}, AskHttp(SITE, headers=(("X-Empty", ""),))),
        ({"tls": {}}, AskHttp(SITE, tls=Secured())),
        (
            {"tls": {"ca": SECRET, "serverName": "Web.Shop.svc", "skipVerify": True}},
            AskHttp(SITE, tls=Secured(KEPT, "web.shop.svc", skip_verify=True)),
        ),
        ({"protocol": "TCP", "each": True}, AskTcp(ServiceEndpoint(WEB, "http", each=True))),
        ({"protocol": "GRPC"}, AskGrpc(SITE)),
        ({"protocol": "GRPC", "healthService": "shop.Cart", "tls": {}}, AskGrpc(SITE, "shop.Cart", Secured())),
    ],
)
def test_health_endpoint_fields_set_the_check(rest: Body, ask: AskHttp | AskTcp | AskGrpc) -> None:
    assert watch_of(healthEndpoints=[endpoint(**rest)]).ask == ask


def test_health_endpoint_fields_set_the_timing() -> None:
    pace = {
        "period": "1m30s",
        "timeout": "60s",
        "failureThreshold": 5,
        "successThreshold": 2,
        "noDataAfter": "1h",
    }
    found = watch_of(healthEndpoints=[endpoint(**pace)])

    assert (found.period, found.timeout) == (seconds(90), seconds(60))
    assert found.timing == Timing(seconds(0), seconds(0), seconds(3600), failures=5, successes=2)


@pytest.mark.parametrize(
    ("check", "ask"),
    [
        ({"http": {"service": {"name": "web"}}}, AskHttp(ServiceEndpoint(WEB))),
        (
            {"http": {"service": {"name": "web", "port": 80}, "path": "/up", "expect": "200,404", "tls": {}}},
            AskHttp(ServiceEndpoint(WEB, "80"), "/up", statuses("200,404"), tls=Secured()),
        ),
        ({"http": {"url": "https://status.example.com/v2?x=1"}}, AskHttp("https://status.example.com/v2?x=1")),
        (
            {"http": {"url": "https://api.example.com/", "headers": [{"name": "Key", "secret": SECRET}]}},
            AskHttp("https://api.example.com/", headers=(("Key", KEPT),)),
        ),
        ({"tcp": {"service": {"name": "web", "port": "amqp"}}}, AskTcp(ServiceEndpoint(WEB, "amqp"))),
        (
            {"grpc": {"service": {"name": "web"}, "healthService": "a.B", "tls": {"ca": SECRET}}},
            AskGrpc(ServiceEndpoint(WEB), "a.B", Secured(KEPT)),
        ),
    ],
)
def test_dependency_check_sets_the_monitor(check: Body, ask: AskHttp | AskTcp | AskGrpc) -> None:
    assert watch_of(dependencies=[dependency(check)]).ask == ask


def test_dependency_times_set_the_timing() -> None:
    check = {"tcp": {"service": {"name": "web"}}}

    assert watch_of(dependencies=[dependency(check)]).timing == Timing(seconds(30), seconds(60), seconds(300), 3, 1)
    changed = dependency(check, **{"for": "0s", "recoverAfter": "5m", "successThreshold": 4})
    assert watch_of(dependencies=[changed]).timing == Timing(seconds(0), seconds(300), seconds(300), 3, 4)


def test_metric_fields_set_source_thresholds_and_unit() -> None:
    told = {
        "source": "long-term",
        "unit": "percent",
        "normal": "< 1%",
        "warning": "> 5%",
        "critical": "> 10%",
        "period": "30s",
        "for": "3m",
        "clearFor": "4m",
        "noDataAfter": "10m",
    }

    assert watch_of(metrics=[metric(**told)]) == Watch(
        key=Key(RUNBOOK, "Metric", "errors"),
        ask=AskMetric("long-term", QUERY, "high"),
        period=seconds(30),
        timeout=METRIC_TIMEOUT,
        timing=Timing(seconds(180), seconds(240), seconds(600)),
        measure=Measure(parse("< 1%", "percent"), parse("> 5%", "percent"), parse("> 10%", "percent"), unit="percent"),
    )


def test_metric_defaults_are_used() -> None:
    found = watch_of(metrics=[metric()])

    assert found.ask == AskMetric("default", QUERY, "high")
    assert (found.period, found.timing) == (seconds(15), Timing(seconds(60), seconds(120), seconds(300)))
    assert found.measure == Measure(warning=parse("> 5%"))


@pytest.mark.parametrize(
    ("rules", "worst"),
    [
        ({"critical": "> 10"}, "high"),
        ({"critical": "10"}, "high"),
        ({"critical": "< 10"}, "low"),
        ({"warning": "> 10"}, "high"),
        ({"warning": "<= 10"}, "low"),
        ({"normal": "< 1"}, "high"),
        ({"normal": "1"}, "high"),
        ({"normal": "> 99%"}, "low"),
        ({"normal": "1 .. 5"}, "high"),
        ({"normal": "1 .. 5", "warning": "< 1"}, "low"),
        ({"normal": "> 99%", "critical": "< 90%"}, "low"),
    ],
)
def test_worst_series_follows_the_direction_of_the_thresholds(rules: Body, worst: str) -> None:
    ask = watch_of(metrics=[metric(**rules)]).ask

    assert isinstance(ask, AskMetric)
    assert ask.worst == worst


@pytest.mark.parametrize(
    ("rest", "baseline"),
    [
        ({"baseline": "7d"}, timedelta(days=7)),
        ({"baseline": "5m1s"}, seconds(301)),
        ({"baselineValue": "100"}, 100.0),
        ({"baselineValue": "6000 req/min"}, 100.0),
        ({"baselineValue": "2s", "unit": "ms"}, 2000.0),
        ({"baselineValue": "100 req/s", "unit": "req/s"}, 100.0),
    ],
)
def test_baseline_window_is_part_of_the_measure(rest: Body, baseline: float | timedelta) -> None:
    measure = watch_of(metrics=[metric(critical="> 2x", **rest)]).measure

    assert measure is not None
    assert measure.baseline == baseline


TLS_NAME = {"serverName": "web shop"}
HTTP_ONLY = "path, expect, bodyContains and headers are only for protocol HTTP"
HEADERS = [{"name": "A", "value": "b"}]


@pytest.mark.parametrize(
    ("rest", "field", "message"),
    [
        ({"target": "worker"}, "target", "worker has no service to send the check to; add it in spec.targets"),
        ({"protocol": "TCP", "path": "/up"}, "path", HTTP_ONLY),
        ({"protocol": "GRPC", "path": "/up"}, "path", HTTP_ONLY),
        ({"protocol": "TCP", "expect": 200}, "expect", HTTP_ONLY),
        ({"protocol": "GRPC", "expect": 200}, "expect", HTTP_ONLY),
        ({"protocol": "TCP", "bodyContains": "well"}, "bodyContains", HTTP_ONLY),
        ({"protocol": "GRPC", "bodyContains": "well"}, "bodyContains", HTTP_ONLY),
        ({"protocol": "TCP", "headers": HEADERS}, "headers", HTTP_ONLY),
        ({"protocol": "GRPC", "headers": HEADERS}, "headers", HTTP_ONLY),
        ({"protocol": "TCP", "tls": {}}, "tls", "tls is only for the protocols HTTP and GRPC"),
        ({"protocol": "TCP", "healthService": "a.B"}, "healthService", "healthService is only for protocol GRPC"),
        ({"healthService": "a.B"}, "healthService", "healthService is only for protocol GRPC"),
        ({"expect": "299-200"}, "expect", "the smaller one first"),
        ({"path": "/a/../b"}, "path", "no segment . or .."),
        ({"path": "/ä"}, "path", "path and query of a URL must be ASCII"),
        ({"bodyContains": "ü" * 513}, "bodyContains", "at most 1024 bytes"),
        ({"tls": TLS_NAME}, "tls.serverName", "be a name of letters"),
        ({"protocol": "GRPC", "tls": TLS_NAME}, "tls.serverName", "be a name of letters"),
        ({"protocol": "GRPC", "healthService": "ü" * 129}, "healthService", "at most 256 bytes"),
        ({"period": "999ms"}, "period", "period must be at least"),
        ({"period": "0d"}, "period", "period must be at least"),
        ({"timeout": "0s"}, "timeout", "at most 1m"),
        ({"timeout": "1m1s"}, "timeout", "at most 1m"),
        ({"period": "10s", "noDataAfter": "19s"}, "noDataAfter", "twice the period:"),
    ],
)
def test_invalid_health_endpoint_names_its_field(rest: Body, field: str, message: str) -> None:
    where, why = problem_of(healthEndpoints=[endpoint(**rest)])

    assert where == f"spec.healthEndpoints[0].{field}"
    assert message in why


WITH_USER = "https://me:secret@example.com/"


@pytest.mark.parametrize(
    ("check", "field", "message"),
    [
        (
            {"http": {"url": WITH_USER}},
            "check.http.url",
            "a URL must not contain a user name; take credentials from a Secret",
        ),
        ({"http": {"url": "https://a_b.example.com/"}}, "check.http.url", "be a name of letters"),
        ({"http": {"service": {"name": "web"}, "expect": "299-200"}}, "check.http.expect", "the smaller one first"),
        ({"http": {"service": {"name": "web"}, "path": "/%2e%2e/"}}, "check.http.path", "no segment . or .."),
        ({"http": {"url": "https://x.io/", "bodyContains": "ü" * 513}}, "check.http.bodyContains", "1024 bytes"),
        ({"http": {"service": {"name": "web"}, "tls": TLS_NAME}}, "check.http.tls.serverName", "be a name"),
        ({"grpc": {"service": {"name": "web"}, "tls": TLS_NAME}}, "check.grpc.tls.serverName", "be a name"),
        ({"grpc": {"service": {"name": "web"}, "healthService": "ü" * 129}}, "check.grpc.healthService", "256 bytes"),
    ],
)
def test_invalid_check_names_its_field_without_secrets(check: Body, field: str, message: str) -> None:
    where, why = problem_of(dependencies=[dependency(check)])

    assert where == f"spec.dependencies[0].{field}"
    assert message in why
    assert "secret" not in why


@pytest.mark.parametrize(
    ("rest", "field", "message"),
    [
        ({"period": "0s"}, "period", "at least 1s"),
        ({"timeout": "0ms"}, "timeout", "at most 1m"),
        ({"period": "3m"}, "noDataAfter", "twice the period:"),
    ],
)
def test_invalid_dependency_timing_names_its_field(rest: Body, field: str, message: str) -> None:
    where, why = problem_of(dependencies=[dependency({"tcp": {"service": {"name": "web"}}}, **rest)])

    assert where == f"spec.dependencies[0].{field}"
    assert message in why


@pytest.mark.parametrize(
    ("rest", "field", "message"),
    [
        ({"warning": "> 5 mb"}, ".warning", "'> 5 mb', character 5: mb is not a unit"),
        ({"critical": "> five"}, ".critical", "'> five', character 3: a number is expected"),
        ({"normal": "5% - 1%"}, ".normal", "character 6: a range must go from the lower to the higher end"),
        ({"warning": "1 .. 5"}, ".warning", "warning must be one bound"),
        ({"critical": "> 10s", "unit": "USD"}, ".critical", "10s is a time and cannot be compared with values in USD"),
        ({"warning": "> 5", "unit": "pods"}, ".unit", "pods is not a unit of percent, time, bytes or money"),
        ({"warning": "> 5", "unit": "mb"}, ".unit", "did you mean MB?"),
        ({"warning": "> 5%", "critical": "< 1%"}, "", "point in different directions"),
        ({"warning": "> 5%", "critical": "> 3%"}, "", "critical > 3% is reached before warning > 5%"),
        ({"normal": "< 9%", "critical": "> 5%"}, "", "normal < 9% and critical > 5% overlap"),
        ({"warning": "> 5%", "critical": "> 10s"}, "", "warning > 5% is a ratio and critical > 10s is a time"),
        ({"warning": "> 2x"}, ".warning", "needs a baseline or a baselineValue"),
        ({"normal": "0.5x .. 2x", "critical": "> 9"}, ".normal", "needs a baseline or a baselineValue"),
        ({"warning": "> 2x", "baseline": "5m"}, ".baseline", "longer than the 5m that the query itself looks back"),
        ({"warning": "> 2x", "baseline": "0s", "query": "up"}, ".baseline", "longer than the 0s"),
        ({"warning": "> 2x", "baselineValue": "ten"}, ".baselineValue", "'ten', character 1: a number is expected"),
        ({"warning": "> 2x", "baselineValue": "10s", "unit": "USD"}, ".baselineValue", "10s is a time"),
        ({"warning": "> 2x", "baselineValue": "3x"}, ".baselineValue", "a quantity above zero"),
        ({"warning": "> 2x", "baselineValue": "0"}, ".baselineValue", "a quantity above zero"),
        ({"warning": "> 2x", "baselineValue": "-1s"}, ".baselineValue", "a quantity above zero"),
        ({"period": "999ms"}, ".period", "at least 1s"),
        ({"period": "1m", "noDataAfter": "1m59s"}, ".noDataAfter", "twice the period:"),
    ],
)
def test_invalid_metric_names_its_field(rest: Body, field: str, message: str) -> None:
    where, why = problem_of(metrics=[metric(**rest)])

    assert where == f"spec.metrics[0]{field}"
    assert message in why


def test_no_data_after_may_be_zero_or_short() -> None:
    assert watch_of(metrics=[metric(noDataAfter="0s")]).timing.no_data_after == seconds(0)
    assert watch_of(metrics=[metric(period="1m", noDataAfter="2m")]).timing.no_data_after == seconds(120)


def test_invalid_entry_names_its_field_and_the_others_are_monitored() -> None:
    found = declared(
        healthEndpoints=[endpoint(name="a"), endpoint(name="b", target="worker"), endpoint(name="c")],
        dependencies=[
            dependency({"http": {"url": "https://:1/"}}),
            dependency({"tcp": {"service": {"name": "web"}}}, name="d"),
        ],
        metrics=[metric(name="e"), metric(name="f"), metric(name="g", critical="> 5 mb")],
    )

    assert [one.key for one in found.watches] == [
        Key(RUNBOOK, "HealthEndpoint", "a"),
        Key(RUNBOOK, "HealthEndpoint", "c"),
        Key(RUNBOOK, "Dependency", "d"),
        Key(RUNBOOK, "Metric", "e"),
        Key(RUNBOOK, "Metric", "f"),
    ]
    assert [(one.key, one.field) for one in found.problems] == [
        (Key(RUNBOOK, "HealthEndpoint", "b"), "spec.healthEndpoints[1].target"),
        (Key(RUNBOOK, "Dependency", "model"), "spec.dependencies[0].check.http.url"),
        (Key(RUNBOOK, "Metric", "g"), "spec.metrics[2].critical"),
    ]


def test_entry_with_several_problems_reports_the_first() -> None:
    assert declared(metrics=[metric(unit="pods", warning="> five", critical="> six")]).problems == (
        Problem(
            Key(RUNBOOK, "Metric", "errors"),
            "spec.metrics[0].unit",
            "'pods', character 1: pods is not a unit of percent, time, bytes or money, nor a rate such as req/s; "
            "a count of things is written as the number alone",
        ),
    )


@pytest.mark.parametrize(
    ("rest", "settled"),
    [
        ({}, seconds(300)),
        ({"query": "sum(up)"}, seconds(0)),
        ({"query": "max_over_time(rate(errors[5m] offset 1d)[1h:1m])"}, seconds(3900)),
        ({"settle": "30s"}, seconds(30)),
        ({"settle": "0s"}, seconds(0)),
    ],
)
def test_settle_time_covers_the_lookback_of_the_query(rest: Body, settled: timedelta) -> None:
    assert settle_of(Metric.model_validate(metric(**rest)), {}) == settled


WRITTEN = st.text(alphabet="<>=x .%1s5/$", max_size=8)
ENTRIES = st.fixed_dictionaries(
    {"warning": st.text(min_size=1, max_size=64) | WRITTEN.filter(bool)},
    optional={
        "critical": WRITTEN.filter(bool),
        "normal": WRITTEN.filter(bool),
        "unit": st.sampled_from(["", "seconds", "percent", "pods", "req/s"]) | st.text(max_size=32),
        "baselineValue": WRITTEN.filter(bool),
        "query": st.text(min_size=1, max_size=200),
    },
)


@given(st.lists(ENTRIES, max_size=4))
def test_every_metric_is_monitored_or_has_a_problem(entries: list[Body]) -> None:
    named = [metric(**entry) | {"name": f"m{number}"} for number, entry in enumerate(entries)]
    found = declared(metrics=named)

    every: list[Watch | Problem] = [*found.watches, *found.problems]
    told = {one.key.name: one for one in every}
    assert set(told) == {one["name"] for one in named}
    assert len(found.watches) + len(found.problems) == len(named)
    for number, one in enumerate(named):
        problem = told[one["name"]]
        if isinstance(problem, Problem):
            assert problem.field.startswith(f"spec.metrics[{number}]")
            assert problem.message
