"""Where a metric's number comes from, as it is declared."""

from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.api.crd_generation import structural
from runbook_operator.api.health_checks import HttpCheck
from runbook_operator.api.metric_source_union import CountedNumber
from runbook_operator.sources import REGISTRY
from tests.contract.sources import CASES, declared

SERVICE = {"name": "queue", "port": 8080}


def test_query_has_no_source() -> None:
    one = CountedNumber.model_validate({"query": "up"})

    assert (one.source_kind, one.source_spec, one.target) == (None, None, None)


@pytest.mark.parametrize("kind", sorted(REGISTRY))
def test_source_is_declared_by_its_kind(kind: str) -> None:
    one = CountedNumber.model_validate(declared(kind))

    assert one.source_kind == kind
    assert isinstance(one.source_spec, REGISTRY[kind].Spec)
    assert one.target == CASES[kind].spec.get("target")
    assert CountedNumber.model_validate(one.model_dump(by_alias=True, exclude_none=True)) == one


@pytest.mark.parametrize("given", [{}, {"query": "up"} | declared("pods"), declared("pods") | declared("rollout")])
def test_metric_with_none_or_two_sources_is_refused(given: dict[str, Any]) -> None:
    said = f"set exactly one of query, {', '.join(sorted(REGISTRY))}"
    with pytest.raises(ValidationError, match=said):
        CountedNumber.model_validate(given)

    (rule,) = structural(CountedNumber)["x-kubernetes-validations"]
    assert rule["message"] == said
    assert all(f"has(self.{kind})" in rule["rule"] for kind in ("query", *REGISTRY))


def test_http_source_has_the_fields_and_rules_of_a_check() -> None:
    headers = [{"name": "Authorization", "secret": {"name": "queue", "key": "token"}}]
    asked = {"service": SERVICE, "path": "/stats", "headers": headers, "tls": {}, "jsonPath": "$.depth"}
    one = CountedNumber.model_validate({"http": asked}).source_spec

    assert isinstance(one, HttpCheck)
    assert one.path == "/stats"
    schema = structural(CountedNumber)["properties"]["http"]
    assert schema["required"] == ["jsonPath"]
    assert [rule["rule"] for rule in schema["x-kubernetes-validations"]] == [rule.rule for rule in HttpCheck.cel_rules]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"jsonPath": "$"}, "set exactly one of service and url"),
        ({"service": SERVICE, "url": "https://example.com", "jsonPath": "$"}, "set exactly one of service and url"),
        ({"service": SERVICE}, "jsonPath"),
        ({"service": SERVICE, "jsonPath": "depth"}, "jsonPath"),
    ],
)
def test_invalid_http_source_is_refused_with_the_message_of_a_check(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CountedNumber.model_validate({"http": asked})
