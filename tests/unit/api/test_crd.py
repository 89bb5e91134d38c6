"""Pydantic's schema as a CRD takes it: every construct converted, or refused with its path."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field

from runbook_operator.api.crd import KINDS, RUNBOOK, SWITCH, UnsupportedSchemaError, crd, structural

JSON_SCHEMA_PROPS = {
    *("type", "description", "default", "enum", "format", "pattern", "required", "properties", "items", "nullable"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties", "additionalProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
    "x-kubernetes-preserve-unknown-fields",
}


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    below = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for child in below:
        if isinstance(child, dict):
            yield from nodes(child)


def schema_of(kind: Any) -> dict[str, Any]:
    schema: dict[str, Any] = crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_node_is_structural(kind: Any) -> None:
    for node in nodes(schema_of(kind)):
        assert set(node) <= JSON_SCHEMA_PROPS
        assert "type" in node or "enum" in node or node.get("x-kubernetes-preserve-unknown-fields")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_the_keys_of_a_list_map_are_required(kind: Any) -> None:
    for node in nodes(schema_of(kind)):
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"]


@pytest.mark.parametrize("kind", [RUNBOOK, SWITCH], ids=lambda kind: kind.kind)
def test_everything_under_spec_is_bounded_so_that_rules_can_be_costed(kind: Any) -> None:
    for node in nodes(schema_of(kind)["properties"]["spec"]):
        if node.get("type") == "array":
            assert "maxItems" in node
        if node.get("type") == "string":
            assert "maxLength" in node or "enum" in node


class Sample(BaseModel):
    """A model with every construct that is converted."""

    model_config = ConfigDict(extra="forbid")

    optional: Optional[int] = None  # noqa: UP045 # the older spelling is what is tested
    above: Annotated[float, Field(gt=0, lt=9)] = 1
    fixed: Literal["x"]
    unique: set[str] = Field(default_factory=set)
    anything: Any = None
    described: Any = Field(None, description="Open.")
    table: dict[str, int] = Field(default_factory=dict)
    open: dict[str, Any] = Field(default_factory=dict)
    nothing: str = ""


def test_each_construct_is_converted() -> None:
    properties = structural(Sample)["properties"]

    assert properties["optional"] == {"type": "integer"}
    assert properties["above"] == {
        "type": "number",
        "default": 1,
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 9,
        "exclusiveMaximum": True,
    }
    assert properties["fixed"] == {"type": "string", "enum": ["x"]}
    assert properties["unique"] == {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}
    assert properties["anything"] == {"x-kubernetes-preserve-unknown-fields": True}
    assert properties["described"] == {"x-kubernetes-preserve-unknown-fields": True, "description": "Open."}
    assert properties["table"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert properties["open"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert properties["nothing"] == {"type": "string"}


class Tree(BaseModel):
    children: list["Tree"]


class Either(BaseModel):
    value: int | str


class Pair(BaseModel):
    value: tuple[int, str]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Tree, r"Tree.*Tree contains itself"),
        (Either, r"Either\.value: a union of 2 types"),
        (Pair, r"Pair\.value: prefixItems has no equivalent"),
    ],
)
def test_what_a_crd_cannot_say_is_refused_with_its_path(model: type[BaseModel], sentence: str) -> None:
    with pytest.raises(UnsupportedSchemaError, match=sentence):
        structural(model)
