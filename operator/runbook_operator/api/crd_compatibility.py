"""Compare the CRDs that the API server serves with those of this version."""

from collections.abc import Iterator, Mapping
from typing import Any

from runbook_operator.api.crd_generation import crd
from runbook_operator.api.registered_kinds import RESOURCE_KINDS

Schema = Mapping[str, Any]
OPEN = "x-kubernetes-preserve-unknown-fields"


def missing_fields(document: Schema) -> dict[str, list[str]]:
    """Return the missing fields by CRD name; `document` is the API server's OpenAPI v3 document of the group."""
    schemas = (document.get("components") or {}).get("schemas") or {}
    served = {one["kind"]: schema for schema in schemas.values() for one in schema.get(KIND, ())}
    ours = {kind.kind: (kind.crd_name, _schema(crd(kind))) for kind in RESOURCE_KINDS.values()}
    found = {name: list(_missing(schema, served[kind], "")) for kind, (name, schema) in ours.items() if kind in served}
    return {name: fields for name, fields in found.items() if fields}


KIND = "x-kubernetes-group-version-kind"


def _schema(document: Schema) -> Schema:
    (version,) = document["spec"]["versions"]
    schema: Schema = version["schema"]["openAPIV3Schema"]
    return schema


def _missing(ours: Schema, served: Schema, path: str) -> Iterator[str]:
    if served.get(OPEN):
        return
    there = served.get("properties") or {}
    for name, child in ours.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        if name in there:
            yield from _missing(child, there[name], place)
        else:
            yield place
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if isinstance(inner := ours.get(key), Mapping):
            yield from _missing(inner, served.get(key) or {}, f"{path}{suffix}")
