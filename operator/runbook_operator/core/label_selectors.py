"""Convert the label selector of an object to the text form of the API server's labelSelector parameter."""

from collections.abc import Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]
OPERATORS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}


def selector(body: Body) -> str:
    """Return the label selector by which a workload or a Service selects its pods; empty if it selects none."""
    found = (body.get("spec") or {}).get("selector") or {}
    if body.get("kind") == "Service":
        found = {"matchLabels": found}
    return ",".join([*_labels(found.get("matchLabels") or {}), *map(_expression, found.get("matchExpressions") or ())])


def _labels(labels: Mapping[str, str]) -> Iterator[str]:
    return (f"{key}={value}" for key, value in sorted(labels.items()))


def _expression(one: Body) -> str:
    return OPERATORS[one["operator"]].format(key=one["key"], values=",".join(one.get("values") or ()))
