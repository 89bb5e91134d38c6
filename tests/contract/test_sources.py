"""What holds for every source of numbers there is: a new file in sources/ is tested the moment it exists."""

from pathlib import Path
from typing import Any

import pytest

from runbook_operator.api.crd_generation import structural
from runbook_operator.api.metric_source_union import CountedNumber
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.monitors import AskObject, AskPods
from runbook_operator.core.rbac_rules import Right
from runbook_operator.core.target_kinds import TargetRefs
from runbook_operator.sources import REGISTRY, Source
from runbook_operator.sources.source_base import Found
from tests.builders import NAMESPACE, NOW, WEB
from tests.contract.sources import CASES, declared

every_source = pytest.mark.parametrize("kind", sorted(REGISTRY))
PAGE = Path(__file__).resolve().parents[2] / "docs" / "metric-sources.md"
TARGET = TargetRefs("web", workload=WEB)


def spec(kind: str) -> ApiModel:
    found = CountedNumber.model_validate(declared(kind)).source_spec
    assert found is not None
    return found


@every_source
def test_source_has_a_described_structural_schema(kind: str) -> None:
    member = structural(CountedNumber)["properties"][kind]

    assert member["description"] == " ".join((REGISTRY[kind].__doc__ or "").split())
    assert all("description" in field for field in member["properties"].values())


@every_source
def test_source_reads_objects_pods_or_http_of_the_namespace(kind: str) -> None:
    source = REGISTRY[kind]
    request = source.request(spec(kind), NAMESPACE, TARGET)

    assert (request is None) == source.over_http
    if request is not None:
        ref = request.ref if isinstance(request, AskObject) else request.of
        assert isinstance(request, AskObject | AskPods)
        assert ref.namespace == NAMESPACE


@every_source
def test_source_finds_the_number_of_its_case_twice(kind: str) -> None:
    source, case = REGISTRY[kind], CASES[kind]
    first = source.number(spec(kind), Found(case.found, NOW))
    second = source.number(spec(kind), Found(case.found, NOW, before=first.memory))

    assert first.value == second.value == case.number
    assert source.lookback(spec(kind)).total_seconds() >= 0


@every_source
def test_source_only_reads(kind: str) -> None:
    assert all(set(right.verbs) <= {"get", "list", "watch"} for right in REGISTRY[kind].rights)
    assert all(isinstance(right, Right) for right in REGISTRY[kind].rights)


@every_source
def test_source_is_documented_with_every_field(kind: str) -> None:
    text = PAGE.read_text()
    fields: dict[str, Any] = structural(REGISTRY[kind].Spec)["properties"]

    assert f"`{kind}`" in text
    assert [name for name in fields if f"`{name}`" not in text] == []


def test_two_sources_of_one_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="two sources are called pods: PodsNumber and Twin"):
        type("Twin", (Source,), {"kind": "pods"})
