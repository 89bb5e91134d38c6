"""A number in an HTTP answer."""

import json
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import REGISTRY
from runbook_operator.sources.source_base import Found, NoNumberError, Number, UnreadableSpecError

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
HTTP = REGISTRY["http"]
QUEUES = {"depth": 12, "queues": [{"depth": 3}, {"depth": 9}, {"depth": None}, {"depth": 9}, {"depth": "1"}]}


def number(path: str, answer: Any, worst: Literal["high", "low"] = "high") -> Number:
    spec = HTTP.Spec.model_validate({"jsonPath": path})
    assert HTTP.request(spec, "shop", TargetRefs()) is None
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return HTTP.number(spec, Found(body, NOW, worst))


def test_number_is_read_at_the_path() -> None:
    assert number("$.depth", QUEUES) == Number(12.0)


@pytest.mark.parametrize(
    ("worst", "expected"), [("high", Number(9.0, "value 2 of 5")), ("low", Number(1.0, "value 5 of 5"))]
)
def test_worst_of_several_numbers_is_named_by_its_position(worst: Literal["high", "low"], expected: Number) -> None:
    assert number("$.queues[*].depth", QUEUES, worst) == expected


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("$.nothing", QUEUES, "NoMatch"),
        ("$.queues[2].depth", QUEUES, "NotANumber"),
        ("$.queues", QUEUES, "NotANumber"),
        ("$.word", {"word": "hunter2"}, "NotANumber"),
        ("$.depth", b"hunter2", "NotJSON"),
    ],
)
def test_answer_without_number_is_refused_without_its_text(path: str, answer: Any, reason: str) -> None:
    with pytest.raises(NoNumberError) as caught:
        number(path, answer)

    assert caught.value.reason == reason
    assert "hunter2" not in str(caught.value)


def test_unsupported_path_is_refused_with_its_field() -> None:
    with pytest.raises(UnreadableSpecError, match="at every depth") as caught:
        number("$..depth", QUEUES)

    assert caught.value.field == "jsonPath"


def test_http_source_has_no_lookback() -> None:
    assert not HTTP.lookback(HTTP.Spec.model_validate({"jsonPath": "$"}))
