"""How the pods of a workload or of a Service are asked for."""

from typing import Any

import pytest

from runbook_operator.core.label_selectors import selector


@pytest.mark.parametrize(
    ("kind", "chosen", "expected"),
    [
        ("Deployment", {"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        (
            "Deployment",
            {
                "matchLabels": {"app": "web"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "track", "operator": "NotIn", "values": ["canary"]},
                    {"key": "owned", "operator": "Exists"},
                    {"key": "gone", "operator": "DoesNotExist"},
                ],
            },
            "app=web,tier in (a,b),track notin (canary),owned,!gone",
        ),
        ("Service", {"app": "web", "tier": "front"}, "app=web,tier=front"),
        ("Service", None, ""),
        ("Deployment", {}, ""),
    ],
)
def test_selector_is_formatted_for_the_api_server(kind: str, chosen: Any, expected: str) -> None:
    assert selector({"kind": kind, "spec": {"selector": chosen}}) == expected


def test_object_without_spec_has_no_selector() -> None:
    assert selector({"kind": "ConfigMap"}) == ""
