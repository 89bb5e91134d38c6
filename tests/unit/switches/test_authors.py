"""A message names who changed a field as far as the API server does, and never a person."""

import ast
import re
from pathlib import Path

import pytest

from runbook_operator.core import field_manager_advice
from runbook_operator.core.field_manager_advice import author
from tests.builders import Simulation, kill_switch, scale

REPLICAS = "spec.replicas"
ROOT = Path(field_manager_advice.__file__).parents[1]
BLAME = re.compile(r"\b(somebody|someone|a person) (has )?(changed|set|wrote|scaled|edited|removed)\b")
"""Sentences that take a change for the act of a person."""


@pytest.mark.parametrize(
    ("manager", "field", "words"),
    [
        ("kubectl-scale", REPLICAS, "kubectl-scale"),
        (
            "",
            REPLICAS,
            "a client for which the API server names no manager (usually kubectl scale or an autoscaler)",
        ),
        (
            "",
            "data.ai",
            "a client for which the API server names no manager (the API server names none for a removed field)",
        ),
        ("runbook-operator", "data.ai", "an admission policy or a webhook, in a write of the operator,"),
    ],
)
def test_change_is_attributed_to_its_field_manager_or_to_none(manager: str, field: str, words: str) -> None:
    assert author(manager, field) == words


def test_skipped_restore_names_the_field_manager_and_its_value() -> None:
    simulation = Simulation().with_runbook(killSwitches=[kill_switch("stop", scale(replicas=0))]).with_target(3)
    simulation.drive().throw().drive().someone_sets(5, manager="kube-controller-manager").release().drive()

    assert simulation.status().history[0].outcome == (
        "Deployment/web left as it is, since kube-controller-manager changed it to 5; the switch held it at 0"
    )


def texts() -> list[str]:
    """Every string of the operator that is no docstring."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text())
        plain = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in plain
        ]
    return found


def test_no_message_attributes_a_change_to_a_person() -> None:
    assert [text for text in texts() if BLAME.search(text)] == []
