"""Generate CustomResourceDefinitions: convert the models' JSON schema into a structural schema.

It converts every construct that pydantic emits and apiextensions.k8s.io/v1 rejects. An unknown construct raises
UnsupportedSchemaError with its path, so that a new model fails in its author's test and not at `kubectl apply`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.core.references import GROUP, VERSION

Schema = dict[str, Any]

SCHEMA_KEYWORDS = frozenset(
    {
        *("type", "description", "default", "enum", "format", "pattern", "required", "properties", "items"),
        *("minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems"),
        *("minProperties", "maxProperties", "nullable"),
    }
)
DROPPED = frozenset({"title", "examples", "$defs", "propertyNames"})
TYPED = frozenset({"type", "enum", "const", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"})
OPEN: Schema = {"x-kubernetes-preserve-unknown-fields": True}
NULL: Schema = {"type": "null"}


class UnsupportedSchemaError(Exception):
    """A model uses a construct that a CRD cannot express; the message gives the path and the construct."""


def crd(kind: ResourceKind) -> Schema:
    """Return the CustomResourceDefinition of `kind`, ready to be printed as YAML."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["runbooks"],
            },
            "scope": "Namespaced",
            "versions": [_version(kind)],
        },
    }


def structural(model: type[BaseModel]) -> Schema:
    """Return the model's structural schema; raises UnsupportedSchemaError for constructs that a CRD cannot express."""
    schema = model.model_json_schema(by_alias=True)
    return _convert(schema, _Position(schema.get("$defs", {}), model.__name__))


@dataclass(frozen=True)
class _Position:
    """Position in the schema: the path for messages, the enclosing definitions, and if it is in an atomic list."""

    defs: Mapping[str, Schema]
    path: str
    inside: frozenset[str] = frozenset()
    atomic: bool = False

    def below(self, step: str) -> "_Position":
        return replace(self, path=f"{self.path}.{step}")

    def entering(self, name: str) -> "_Position":
        if name in self.inside:
            raise UnsupportedSchemaError(f"{self.path}: {name} contains itself, which a CRD cannot express")
        return replace(self, inside=self.inside | {name})


def _version(kind: ResourceKind) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": kind.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(kind.spec),
            # The default keeps it from being absent: kstatus considers an object without status to be ready.
            "status": {**structural(kind.status), "default": {}},
        },
        "x-kubernetes-validations": [rule.as_schema() for rule in kind.rules],
    }
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.as_crd() for column in kind.columns],
        "schema": {"openAPIV3Schema": schema},
    }


def _convert(node: Schema, place: _Position) -> Schema:
    node, place = _resolved(node, place)
    if place.atomic and "default" in node:
        node = _described_default(node)
    if not TYPED & set(node):
        return {**OPEN, **{key: node[key] for key in ("description",) if key in node}}
    converted: Schema = {}
    for key, value in node.items():
        converted |= _keyword(key, value, node, place)
    return converted


def _resolved(node: Schema, place: _Position) -> tuple[Schema, _Position]:
    """Resolve $ref and drop a null branch, since absent means null. Keywords next to these take precedence."""
    if node.get("default", 0) in (None, ""):
        return _resolved(_without(node, "default"), place)
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        return _resolved(place.defs[name] | _without(node, "$ref"), place.entering(name))
    if "anyOf" in node:
        return _resolved(_only_branch(node["anyOf"], place.path) | _without(node, "anyOf"), place)
    return node, place


def _described_default(node: Schema) -> Schema:
    """Move the node's default into its description.

    Argo CD compares an atomic list as a whole, so a default that the API server fills in would be a permanent
    difference. The models have the default too.
    """
    default = json.dumps(node["default"]) if not isinstance(node["default"], str) else node["default"]
    text = " ".join(str(node.get("description", "")).split())
    return _without(node, "default") | {"description": f"{text} Default: {default}.".strip()}


def _without(node: Schema, key: str) -> Schema:
    return {name: value for name, value in node.items() if name != key}


def _only_branch(branches: list[Schema], path: str) -> Schema:
    kept = [branch for branch in branches if branch != NULL]
    if len(kept) != 1:
        raise UnsupportedSchemaError(f"{path}: a union of {len(kept)} types; use one member per kind instead")
    return kept[0]


def _keyword(key: str, value: Any, node: Schema, place: _Position) -> Schema:
    if key in NESTED:
        return NESTED[key](value, node, place)
    if key in RENAMED:
        return RENAMED[key](value)
    if key in SCHEMA_KEYWORDS or key.startswith("x-kubernetes-"):
        return {key: value}
    if key in DROPPED:
        return {}
    raise UnsupportedSchemaError(f"{place.path}: {key} has no equivalent in a CRD")


def _properties(value: Schema, _: Schema, place: _Position) -> Schema:
    return {"properties": {name: _convert(child, place.below(name)) for name, child in value.items()}}


def _items(value: Schema, node: Schema, place: _Position) -> Schema:
    atomic = place.atomic or node.get("x-kubernetes-list-type", "atomic") == "atomic"
    return {"items": _convert(value, replace(place.below("[]"), atomic=atomic))}


def _additional(value: Any, node: Schema, place: _Position) -> Schema:
    """Convert additionalProperties: False is implied by pruning, True is an open object, a schema is for map values."""
    if value is False or ("properties" in node and value is not True):
        return {}
    return dict(OPEN) if value is True else {"additionalProperties": _convert(value, place.below("*"))}


def _keyed(value: Schema, _: Schema, place: _Position) -> Schema:
    """Convert a map with a pattern for its keys. A CRD cannot restrict keys; the operator checks them as it parses."""
    (values,) = value.values()
    return {"additionalProperties": _convert(values, place.below("*"))}


NESTED: Mapping[str, Callable[[Any, Schema, _Position], Schema]] = {
    "properties": _properties,
    "items": _items,
    "additionalProperties": _additional,
    "patternProperties": _keyed,
}
RENAMED: Mapping[str, Callable[[Any], Schema]] = {
    "const": lambda value: {"enum": [value]},
    "exclusiveMinimum": lambda value: {"minimum": value, "exclusiveMinimum": True},
    "exclusiveMaximum": lambda value: {"maximum": value, "exclusiveMaximum": True},
    "uniqueItems": lambda _: {"x-kubernetes-list-type": "set"},
    "description": lambda value: {"description": " ".join(str(value).split())},
}
