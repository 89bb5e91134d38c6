"""Every value does something: set to something else, it changes what is rendered."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from tests.chart.helm import Body, render
from tests.chart.matrix import CHANNELS, DRESSED, SOURCES
from tools.chart import CHART
from tools.chart.schema import schema
from tools.chart.values import values_model

SCHEMA = schema(values_model())
DEFAULTS: Body = yaml.safe_load((CHART / "values.yaml").read_text())
ON: Body = {
    "crds": {"enabled": False},
    "metrics": {"monitor": {"kind": "ServiceMonitor"}, "rules": {"enabled": True}, "dashboard": {"enabled": True}},
    "argocd": {"enabled": True},
    "admission": {"engageVerb": True, "respondVerbs": True},
    "metricSources": SOURCES,
    "channels": CHANNELS,
    "extraEnv": DRESSED["extraEnv"],
    "extraVolumes": DRESSED["extraVolumes"],
    "extraVolumeMounts": DRESSED["extraVolumeMounts"],
}
"""What must be on for others to count; without the CRDs, which take most of helm's time."""
WITH: dict[str, Body] = {
    "crds.keep": {"crds": {"enabled": True}},
    "serviceAccount.create": {"serviceAccount": {"name": "mine"}},
}
"""What must be on for one to count, or to be allowed."""
OTHERS: dict[str, Any] = {
    "imagePullSecrets": [{"name": "other"}],
    "channels.entries": {"other": {"kind": "event"}},
    "metricSources.sources": {"other": {"url": "http://other"}},
    "networkPolicy.from": [{"podSelector": {}}],
    "networkPolicy.egress": [{}],
    "tolerations": [{"key": "other"}],
    "affinity": {"podAntiAffinity": {}},
    "extraEnv": [{"name": "OTHER", "value": "x"}],
    "extraVolumes": [{"name": "other", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "other", "mountPath": "/other"}],
    "image.digest": f"sha256:{'1' * 64}",
    "settings.auditFile": "/var/log/other",
}
"""Other values than the default where no simple one is right."""
TEXTS = ("other", "17m", "17Mi")


def leaves(part: Body, path: str = "") -> Iterator[tuple[str, Body]]:
    """Every value that is set as one, with its schema; what umbrella charts add is read by Helm alone."""
    for name, inner in part["properties"].items():
        here = f"{path}.{name}".lstrip(".")
        if "properties" in inner:
            yield from leaves(inner, here)
        elif here not in ("global", "enabled"):
            yield here, inner


def at(path: str, values: Body) -> Any:
    for name in path.split("."):
        values = (values or {}).get(name)  # type: ignore[assignment] # a leaf at last
    return values


def other(path: str, one: Body) -> Any:
    """A value that is allowed there, and neither the default nor what is on."""
    if path in OTHERS:
        return OTHERS[path]
    now = at(path, ON)
    now = at(path, DEFAULTS) if now is None else now
    kinds = one.get("anyOf", [one])
    return next(value for kind in kinds for value in _of(kind, now) if value != now)


def _of(kind: Body, now: Any) -> Iterator[Any]:
    match kind.get("type"):
        case "boolean":
            yield not now
        case "integer" | "number":
            # More where more is allowed, and less else: the lease's times must stay in their order.
            yield from (now * 0.9, now - 1) if kind["type"] == "number" else (now + 1, now - 1)
        case "array":
            yield from ([one] for one in _of(kind["items"], None))
        case "object":
            yield {"other": "x"}
        case "string":
            yield from kind.get("enum", ())
            yield from (text for text in TEXTS if re.search(kind.get("pattern", ""), text))


def merged(one: Body, more: Body) -> Body:
    both = {key: merged(one[key], more[key]) for key in one.keys() & more.keys() if isinstance(more[key], dict)}
    return one | more | both


def set_at(path: str, value: Any) -> Body:
    for name in reversed(path.split(".")):
        value = {name: value}
    found: Body = value
    return found


def changes(leaf: tuple[str, Body]) -> bool:
    path, one = leaf
    before = merged(ON, WITH.get(path, {}))
    value = other(path, one)
    return render(**merged(before, set_at(path, value))).text != render(**before).text


def test_every_value_changes_a_rendered_object() -> None:
    # All settings take one path, and test_values.py has them all.
    every = [leaf for leaf in leaves(SCHEMA) if not leaf[0].startswith("settings.") or leaf[0] == "settings.workers"]

    with ThreadPoolExecutor(2) as workers:
        used = dict(zip((path for path, _ in every), workers.map(changes, every), strict=True))

    assert len(used) > 45
    assert [path for path, is_used in used.items() if not is_used] == []
