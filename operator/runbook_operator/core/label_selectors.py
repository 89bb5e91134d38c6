"""Label selectors, as an object has them and as the API server takes them."""

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
    """How a workload or a Service chooses its pods; empty where it chooses none."""
    found = (body.get("spec") or {}).get("selector") or {}
    if body.get("kind") == "Service":
        found = {"matchLabels": found}
    return ",".join([*_labels(found.get("matchLabels") or {}), *map(_expression, found.get("matchExpressions") or ())])


def _labels(labels: Mapping[str, str]) -> Iterator[str]:
    return (f"{key}={value}" for key, value in sorted(labels.items()))


def _expression(one: Body) -> str:
    return OPERATORS[one["operator"]].format(key=one["key"], values=",".join(one.get("values") or ()))
