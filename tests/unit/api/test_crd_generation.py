"""Pydantic's schema as a CRD takes it: every construct converted, or refused with its path."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, ConfigDict, Field

from runbook_operator.api.crd_generation import UnsupportedSchemaError, crd, structural
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.runbook_kind import RUNBOOK
from runbook_operator.api.switch_kind import SWITCH

JSON_SCHEMA_PROPS = {
    *("type", "description", "default", "enum", "format", "pattern", "required", "properties", "items", "nullable"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties", "additionalProperties"),
    *("x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations"),
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
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


@pytest.mark.parametrize("kind", RESOURCE_KINDS.values(), ids=lambda kind: kind.kind)
def test_every_schema_node_is_structural(kind: Any) -> None:
    for node in nodes(schema_of(kind)):
        assert set(node) <= JSON_SCHEMA_PROPS
        untyped = ("enum", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")
        assert "type" in node or any(node.get(key) for key in untyped)


@pytest.mark.parametrize("kind", RESOURCE_KINDS.values(), ids=lambda kind: kind.kind)
def test_list_map_keys_are_required(kind: Any) -> None:
    for node in nodes(schema_of(kind)):
        for key in node.get("x-kubernetes-list-map-keys", ()):
            assert key in node["items"]["required"]


@pytest.mark.parametrize("kind", [RUNBOOK, SWITCH], ids=lambda kind: kind.kind)
def test_every_spec_field_is_bounded(kind: Any) -> None:
    for node in nodes(schema_of(kind)["properties"]["spec"]):
        if node.get("type") == "array":
            assert "maxItems" in node
        if node.get("type") == "string":
            assert "maxLength" in node or "enum" in node or node.get("format") == "date-time"


FREE = {
    *(
        "title",
        "description",
        "reason",
        "role",
        "notify",
        "purpose",
        "impactIfDown",
        "meaning",
        "likelyCause",
        "message",
    ),
    *(
        "bodyContains",
        "serverName",
        "healthService",
        "query",
        "field",
        "unit",
        "value",
        "normal",
        "warning",
        "critical",
    ),
    *("baselineValue", "until", "target", "contact", "container", "text", "when", "definition"),
}
"""Texts that are shown, sent, measured or compared with what is declared, and are never a part of an object's path."""


def is_matched(schema: Any) -> bool:
    """Whether a CEL rule holds the text to a pattern, so that its sentence stands for the pattern."""
    return any(one["rule"].startswith("self.matches('^") for one in schema.get("x-kubernetes-validations", ()))


@pytest.mark.parametrize("kind", [RUNBOOK, SWITCH], ids=lambda kind: kind.kind)
def test_every_restricted_text_has_a_pattern(kind: Any) -> None:
    fields = [
        one for node in nodes(schema_of(kind)["properties"]["spec"]) for one in node.get("properties", {}).items()
    ]
    texts = {name: one for name, one in fields if one.get("type") == "string" and "enum" not in one}

    bounded = {name for name, one in texts.items() if "pattern" in one or is_matched(one)}
    assert texts.keys() - bounded <= FREE


@pytest.mark.parametrize("kind", [RUNBOOK, SWITCH], ids=lambda kind: kind.kind)
def test_no_spec_field_takes_a_namespace(kind: Any) -> None:
    names = {name for node in nodes(schema_of(kind)["properties"]["spec"]) for name in node.get("properties", {})}

    assert [name for name in names if "namespace" in name.lower()] == []


def test_only_an_inline_job_preserves_unknown_fields() -> None:
    spec = schema_of(RUNBOOK)["properties"]["spec"]
    action = spec["properties"]["killSwitches"]["items"]["properties"]["actions"]["items"]["properties"]
    everywhere, of_jobs = (
        sum("x-kubernetes-preserve-unknown-fields" in node for node in nodes(part)) for part in (spec, action["runJob"])
    )

    assert everywhere == of_jobs > 0


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
    keyed: dict[Annotated[str, Field(max_length=9, pattern="^a$")], int] = Field(default_factory=dict)
    open: dict[str, Any] = Field(default_factory=dict)
    nothing: str = ""


class Open(BaseModel):
    """A model that says something and leaves the rest open."""

    model_config = ConfigDict(extra="allow")

    known: int


def test_open_model_preserves_unknown_fields() -> None:
    assert structural(Open) == {
        "type": "object",
        "description": "A model that says something and leaves the rest open.",
        "required": ["known"],
        "properties": {"known": {"type": "integer"}},
        "x-kubernetes-preserve-unknown-fields": True,
    }
    assert "x-kubernetes-preserve-unknown-fields" not in structural(Sample)


def test_each_schema_construct_is_converted() -> None:
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
    assert properties["keyed"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert properties["table"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert properties["open"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert properties["nothing"] == {"type": "string"}


class Tree(BaseModel):
    children: list["Tree"]


class Either(BaseModel):
    value: int | str


class Pair(BaseModel):
    value: tuple[int, str]


class Inner(BaseModel):
    wait: bool = Field(True, description="Whether to wait.")


class Outer(BaseModel):
    atomic: list[Inner] = Field(default_factory=list)
    mapped: list[Inner] = Field(default_factory=list, json_schema_extra={"x-kubernetes-list-type": "map"})


def test_default_inside_an_atomic_list_is_described_and_not_set() -> None:
    properties = structural(Outer)["properties"]

    assert properties["atomic"]["items"]["properties"]["wait"] == {
        "description": "Whether to wait. Default: true.",
        "type": "boolean",
    }
    assert properties["mapped"]["items"]["properties"]["wait"]["default"] is True


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Tree, r"Tree.*Tree contains itself"),
        (Either, r"Either\.value: a union of 2 types"),
        (Pair, r"Pair\.value: prefixItems has no equivalent"),
    ],
)
def test_model_without_crd_equivalent_is_refused_with_its_path(model: type[BaseModel], sentence: str) -> None:
    with pytest.raises(UnsupportedSchemaError, match=sentence):
        structural(model)
