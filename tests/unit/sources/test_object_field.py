"""A number in a field of an object."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.core.monitors import AskObject
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import REGISTRY
from runbook_operator.sources.source_base import Found, NoNumberError, Number, UnreadableSpecError
from tests.builders import NAMESPACE, NOW

OBJECT = REGISTRY["object"]
HPA = Ref("autoscaling/v2", "HorizontalPodAutoscaler", NAMESPACE, "web")
BODY: dict[str, Any] = {
    "metadata": {"annotations": {"example.com/depth": "12"}},
    "spec": {"maxReplicas": 7, "image": "hunter2"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Stuck", "status": "Unknown"}],
        "twice": [{"name": "a", "n": 1}, {"name": "a", "n": 2}],
        "average": "500m",
        "used": "2Gi",
    },
}


def spec(**rest: Any) -> Any:
    named = {"apiVersion": HPA.api_version, "kind": HPA.kind, "name": HPA.name, "field": "spec.maxReplicas"}
    return OBJECT.Spec.model_validate(named | rest)


def number(field: str) -> Number:
    return OBJECT.number(spec(field=field), Found(ObservedObject(HPA, "uid", "1", BODY, whole=True), NOW))


def test_object_is_read_in_the_namespace_of_the_runbook() -> None:
    assert OBJECT.request(spec(), NAMESPACE, TargetRefs()) == AskObject(HPA)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("spec.maxReplicas", 7.0),
        ("metadata.annotations[example.com/depth]", 12.0),
        ("status.conditions[type=Ready].status", 1.0),
        ("status.average", 0.5),
        ("status.used", 2.0**31),
    ],
)
def test_number_is_read_from_the_field(field: str, expected: float) -> None:
    assert number(field) == Number(expected)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("status.nothing", "FieldNotFound"),
        ("status.conditions[type=Gone].status", "FieldNotFound"),
        ("status.conditions[type=Stuck].status", "NotANumber"),
        ("spec.image", "NotANumber"),
        ("spec", "NotANumber"),
        ("status.twice[name=a].n", "FieldUnreadable"),
    ],
)
def test_missing_number_names_the_field(field: str, reason: str) -> None:
    with pytest.raises(NoNumberError) as caught:
        number(field)

    assert caught.value.reason == reason
    assert str(caught.value).startswith("HorizontalPodAutoscaler/web has no")
    assert str(caught.value).endswith(f"at {field}")


def test_unreadable_path_is_refused_with_its_field() -> None:
    with pytest.raises(UnreadableSpecError, match="cannot be parsed from character 7 on") as caught:
        OBJECT.request(spec(field="status.[x"), NAMESPACE, TargetRefs())

    assert caught.value.field == "field"


def test_secret_object_is_refused() -> None:
    with pytest.raises(ValidationError, match="a number cannot be read from a Secret"):
        spec(apiVersion="v1", kind="Secret")


def test_time_of_reading_does_not_change_the_number() -> None:
    later = Found(ObservedObject(HPA, "uid", "1", BODY, whole=True), datetime(2030, 1, 1, tzinfo=UTC))

    assert OBJECT.number(spec(), later) == number("spec.maxReplicas")
