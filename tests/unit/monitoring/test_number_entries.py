"""Metrics whose number is no query's: what is watched, and what cannot be by the field that is wrong."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.api.monitoring_spec import Metric
from runbook_operator.api.parsing import parse_runbook
from runbook_operator.core.monitors import (
    AskHttp,
    AskNumber,
    AskObject,
    AskPods,
    SecretKeyRef,
    Secured,
    ServiceEndpoint,
    Watches,
)
from runbook_operator.core.references import Ref
from runbook_operator.monitoring.declared_monitors import settle_of, watches
from tests.builders import NAMESPACE, WEB, Body, runbook_body
from tests.contract.sources import CASES

TARGETS = [
    {"name": "web", "workload": {"name": "web"}},
    {"name": "db", "workload": {"kind": "StatefulSet", "name": "db"}},
    {"name": "queue", "service": {"name": "queue"}},
]
QUEUE = ServiceEndpoint(Ref("v1", "Service", NAMESPACE, "queue"), "8080")


def declared(**entry: Any) -> Watches:
    metrics = [{"name": "depth", "critical": "> 5"} | entry]
    return watches(parse_runbook(runbook_body(targets=TARGETS, metrics=metrics)), {})


def asked(**entry: Any) -> AskNumber:
    found = declared(**entry)
    assert found.problems == ()
    ask = found.watches[0].ask
    assert isinstance(ask, AskNumber)
    return ask


def http(**rest: Any) -> Body:
    return {"http": {"service": {"name": "queue", "port": 8080}, "jsonPath": "$.depth"} | rest}


def test_http_number_is_requested_like_a_check() -> None:
    kept = {"name": "queue", "key": "token"}
    ask = asked(**http(path="/stats?all=1", expect="200", headers=[{"name": "Key", "secret": kept}], tls={"ca": kept}))

    secret = SecretKeyRef(Ref("v1", "Secret", NAMESPACE, "queue"), "token")
    assert (ask.source, ask.spec.model_dump()["json_path"], ask.worst) == ("http", "$.depth", "high")
    assert isinstance(ask.request, AskHttp)
    assert (ask.request.where, ask.request.path) == (QUEUE, "/stats?all=1")
    assert (ask.request.headers, ask.request.tls) == ((("Key", secret),), Secured(secret))


def test_url_number_is_requested() -> None:
    ask = asked(http={"url": "https://status.example.com/depth", "jsonPath": "$"})

    assert ask.request == AskHttp("https://status.example.com/depth")


def test_object_and_pod_numbers_use_namespace_and_target() -> None:
    assert asked(object=CASES["object"].spec).request == AskObject(WEB)
    assert asked(pods={"target": "web", "measure": "Waiting"}).request == AskPods(WEB)
    assert asked(pods={"target": "queue", "measure": "Waiting"}).request == AskPods(QUEUE.service)
    assert asked(rollout={"target": "web"}).request == AskObject(WEB)


def test_number_with_a_lower_bound_takes_the_lowest_series() -> None:
    assert asked(**http(), critical="< 5").worst == "low"


@pytest.mark.parametrize(
    ("entry", "field", "said"),
    [
        (http(jsonPath="$..depth"), "http.jsonPath", "at every depth"),
        (http(jsonPath="$[?"), "http.jsonPath", "not a JSONPath"),
        (http(path="/a%2fb"), "http.path", "not escape a slash"),
        (http(expect="299-200"), "http.expect", "the smaller one first"),
        ({"http": {"url": "https://[::1", "jsonPath": "$"}}, "http.url", "host"),
        ({"object": CASES["object"].spec | {"field": "status.[x"}}, "object.field", "cannot be parsed"),
        ({"pods": {"target": "web", "measure": "Restarts", "within": "2d"}}, "pods.within", "from 1m to 1d"),
        ({"rollout": {"target": "queue"}}, "rollout.target", "queue has no workload"),
        ({"rollout": {"target": "db"}}, "rollout.measure", "measure Unavailable"),
    ],
)
def test_invalid_number_entry_names_its_field(entry: Body, field: str, said: str) -> None:
    found = declared(**entry)

    assert found.watches == ()
    (problem,) = found.problems
    assert problem.field == f"spec.metrics[0].{field}"
    assert said in problem.message


@pytest.mark.parametrize("kind", ["pods", "rollout"])
def test_undeclared_target_is_refused(kind: str) -> None:
    spec = CASES[kind].spec | {"target": "ghost"}
    parsed = parse_runbook(runbook_body(targets=TARGETS, metrics=[{"name": "a", "critical": "> 1", kind: spec}]))

    assert parsed.spec is None
    assert "metrics names ghost, which " in parsed.error


def test_baseline_window_without_query_is_refused() -> None:
    entry = {"name": "depth", "critical": "> 2x", **http()}
    with pytest.raises(ValidationError, match="past times; set baselineValue instead"):
        Metric.model_validate(entry | {"baseline": "7d"})

    assert asked(**http(), critical="> 2x", baselineValue="10").source == "http"


@pytest.mark.parametrize(
    ("entry", "settle"),
    [
        (http(), timedelta()),
        ({"pods": {"target": "web", "measure": "Restarts", "within": "5m"}}, timedelta(minutes=5)),
        ({"pods": {"target": "web", "measure": "Restarts"}, "settle": "1m"}, timedelta(minutes=1)),
        ({"query": "rate(errors[3m])"}, timedelta(minutes=3)),
    ],
)
def test_settle_time_of_a_number_covers_its_lookback(entry: Body, settle: timedelta) -> None:
    assert settle_of(Metric.model_validate({"name": "depth", "critical": "> 1"} | entry), {}) == settle
