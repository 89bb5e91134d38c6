"""The schema of an entry of metricSources.sources: the fields of the backend that its type names."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from runbook_operator.monitoring.backends import REGISTRY
from runbook_operator.monitoring.backends.metric_backend import USUAL
from tools.chart.schema import Schema, inlined


def _entry() -> Schema:
    """An entry may have the fields of every backend; those of its own are checked by the part of its type."""
    every: Schema = {name: {} for one in REGISTRY.values() for name in inlined(one.Spec)["properties"]}
    return {
        "type": "object",
        "description": "An entry of the file of metric sources.",
        "additionalProperties": False,
        "properties": every
        | {
            "type": {
                "enum": sorted(REGISTRY),
                "default": USUAL,
                "description": "; ".join(f"{kind}: {one.__doc__}" for kind, one in sorted(REGISTRY.items())),
            }
        },
        "allOf": [{"if": _is(kind), "then": inlined(one.Spec)} for kind, one in sorted(REGISTRY.items())],
    }


def _is(kind: str) -> Schema:
    named: Schema = {"properties": {"type": {"const": kind}}}
    return named if kind == USUAL else named | {"required": ["type"]}


MetricSource = Annotated[dict[str, Any], WithJsonSchema(_entry())]
