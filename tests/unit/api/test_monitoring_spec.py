"""What people may write of what is watched, and what is refused as a whole since it would say two things or none."""

from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.api.health_checks import (
    HTTPS,
    ONE_CHECK,
    ONE_VALUE,
    OWN_PATH,
    SERVICE_OR_URL,
    Check,
    Header,
    HttpCheck,
    ServicePort,
)
from runbook_operator.api.monitoring_spec import ABSENT, MEASURED, ONE_BASELINE, HealthEndpoint, Metric
from runbook_operator.api.parsing import parse_runbook
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.references import Ref
from tests.builders import Body, kill_switch, runbook_body

SERVICE = {"name": "model"}
SECRET = {"name": "keys", "key": "token"}
URL = "https://status.example.com/v2"
TARGETS = [{"name": "web", "workload": {"name": "web"}, "service": {"name": "web"}}]
MEASURED_BY = {"name": "errors", "query": "errors"}


def problem(model: type[ApiModel], body: Body) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    return str(refused.value)


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        (Header, {"name": "A"}, ONE_VALUE),
        (Header, {"name": "A", "value": "b", "secret": SECRET}, ONE_VALUE),
        (Header, {"name": "A", "value": "", "secret": SECRET}, ONE_VALUE),
        (Header, {"name": "A", "value": "b\nHost: c"}, "should match pattern"),
        (Header, {"name": "A", "value": "ü"}, "should match pattern"),
        (Header, {"name": "A", "value": " b"}, "should match pattern"),
        (Header, {"name": "A B", "value": "b"}, "should match pattern"),
        (HttpCheck, {}, SERVICE_OR_URL),
        (HttpCheck, {"service": SERVICE, "url": URL}, SERVICE_OR_URL),
        (HttpCheck, {"url": URL, "tls": {}}, HTTPS),
        (HttpCheck, {"url": URL, "path": "/up"}, OWN_PATH),
        (HttpCheck, {"url": "ftp://example.com"}, "should match pattern"),
        (HttpCheck, {"service": SERVICE, "path": "up"}, "should match pattern"),
        (HttpCheck, {"service": SERVICE, "expect": "2xx"}, "should match pattern"),
        (Check, {}, ONE_CHECK),
        (Check, {"tcp": {"service": SERVICE}, "grpc": {"service": SERVICE}}, ONE_CHECK),
        (Metric, MEASURED_BY, MEASURED),
        (Metric, MEASURED_BY | {"warning": "> 2x", "baseline": "7d", "baselineValue": "5"}, ONE_BASELINE),
        (Metric, {"name": "ready", "rollout": {"target": "web"}, "warning": "> 0", "absent": "Zero"}, ABSENT),
        (Metric, MEASURED_BY | {"warning": ""}, "at least 1 character"),
        (Metric, {"name": "errors", "query": "", "warning": "> 5%"}, "at least 1 character"),
        (HealthEndpoint, {"name": "up", "target": "web", "protocol": "UDP"}, "'HTTP', 'TCP' or 'GRPC'"),
        (HealthEndpoint, {"name": "up", "target": "web", "failureThreshold": 0}, "greater than or equal to 1"),
    ],
)
def test_spec_with_none_or_two_alternatives_is_refused(model: type[ApiModel], body: Body, message: str) -> None:
    assert message in problem(model, body)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (Header, {"name": "Authorization", "secret": SECRET}),
        (Header, {"name": "X-Empty", "value": ""}),
        (Header, {"name": "X-List", "value": "a,\tb c"}),
        (HttpCheck, {"url": URL}),
        (HttpCheck, {"service": SERVICE, "path": "/up?deep=1", "expect": 200, "tls": {"skipVerify": True}}),
        (Check, {"grpc": {"service": {"name": "model", "port": 9000}}}),
        (Metric, MEASURED_BY | {"normal": "< 1%"}),
        (Metric, MEASURED_BY | {"warning": "> 2x", "baselineValue": "100 req/s"}),
    ],
)
def test_spec_with_one_alternative_is_accepted(model: type[ApiModel], body: Body) -> None:
    assert model.model_validate(body).model_dump(by_alias=True, exclude_unset=True).keys() == body.keys()


@pytest.mark.parametrize(
    "entry",
    [
        MEASURED_BY | {"warning": "> five"},
        MEASURED_BY | {"warning": "> 2x"},
        MEASURED_BY | {"warning": "> 5%", "unit": "pods"},
        MEASURED_BY | {"warning": "> 5%", "period": "1ms"},
        MEASURED_BY | {"warning": "> 5%", "period": "1h"},
    ],
)
def test_invalid_threshold_is_no_error_of_the_runbook(entry: Body) -> None:
    assert parse_runbook(runbook_body(metrics=[entry])).error == ""


def test_service_port_refers_to_the_namespace_of_the_runbook() -> None:
    assert ServicePort(name="model", port="http").ref("shop") == Ref("v1", "Service", "shop", "model")


def metric(**response: Any) -> Body:
    return MEASURED_BY | {"warning": "> 5%", "response": response}


@pytest.mark.parametrize(
    ("entry", "engages"),
    [
        (MEASURED_BY | {"warning": "> 5%"}, None),
        (metric(likelyCause="Deployment"), None),
        (metric(firstAction={"engage": "stop"}), "stop"),
    ],
)
def test_metric_engages_the_switch_of_its_first_action(entry: Body, engages: str | None) -> None:
    assert Metric.model_validate(entry).engages == engages


def dependency(**rest: Any) -> Body:
    return {"name": "model", "check": {"tcp": {"service": SERVICE}}} | rest


MOMENTARY = [kill_switch(), kill_switch("once", momentary=True)]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"healthEndpoints": [{"name": "up", "target": "db"}]}, "healthEndpoints names db, which "),
        ({"dependencies": [dependency(fallback={"engage": "ghost"})]}, "dependencies names ghost, which "),
        (
            {"dependencies": [dependency(fallback={"engage": "once"})]},
            "dependencies names once, which ",
        ),
        ({"dependencies": [dependency(suppress=["stop", "ghost"])]}, "dependencies names ghost, which "),
        ({"dependencies": [dependency(targets=["db", "cache"])]}, "dependencies names cache, db, which "),
        ({"metrics": [metric(firstAction={"engage": "ghost"})]}, "metrics names ghost, which "),
        ({"metrics": [metric(firstAction={"engage": "once"})]}, "metrics names once, which "),
    ],
)
def test_undeclared_name_is_refused(spec: Body, message: str) -> None:
    assert message in problem(RunbookSpec, runbook_body(targets=TARGETS, killSwitches=MOMENTARY, **spec)["spec"])


def test_declared_names_are_accepted() -> None:
    spec: Body = {
        "healthEndpoints": [{"name": "up", "target": "web"}],
        "dependencies": [dependency(fallback={"engage": "stop"}, suppress=["stop", "once"], targets=["web"])],
        "metrics": [metric(firstAction={"engage": "stop"}), metric(likelyCause="Load") | {"name": "load"}],
    }

    parsed = parse_runbook(runbook_body(targets=TARGETS, killSwitches=MOMENTARY, **spec))

    assert parsed.error == ""
    assert parsed.spec is not None
    assert [len(one) for one in (parsed.spec.health_endpoints, parsed.spec.dependencies, parsed.spec.metrics)] == [
        1,
        1,
        2,
    ]
