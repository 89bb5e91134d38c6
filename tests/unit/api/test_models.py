"""What the models refuse, as the CRD does, and how amounts are resolved."""

from typing import Any

import pytest
from pydantic import ValidationError

from runbook_operator.actions import REGISTRY
from runbook_operator.actions.scale import Scale
from runbook_operator.actions.scaling.replica_amounts import ScaleAmount
from runbook_operator.actions.scaling.replica_amounts import amount as amount_of
from runbook_operator.api.runbook import RunbookSpec
from runbook_operator.api.target_specs import Workload
from runbook_operator.core.references import Ref
from tests.builders import kill_switch, runbook_body, scale

REFUSED: dict[str, dict[str, Any]] = {
    "an unknown field": {"killSwitch": []},
    "a negative count": {"killSwitches": [kill_switch("stop", scale(replicas=-1))]},
    "two switches of one name": {"scaling": [{"name": "stop", "target": "web", "by": 1}]},
    "an undeclared target": {"killSwitches": [kill_switch("stop", {"scale": {"target": "db", "replicas": 0}})]},
    "no action": {"killSwitches": [kill_switch("stop", {})]},
    "both amounts": {"killSwitches": [kill_switch("stop", scale(replicas=0, by=1))]},
    "bounds the wrong way round": {"killSwitches": [kill_switch("stop", scale(by=1, min=3, max=2))]},
    "flags in two places": {"targets": [{"name": "web", "flags": {"configMap": "a", "featureFlag": "b"}}]},
    "flags nowhere": {"targets": [{"name": "web", "flags": {"key": "app.yaml"}}]},
    "a document in a FeatureFlag": {"targets": [{"name": "web", "flags": {"featureFlag": "a", "key": "app.yaml"}}]},
    "a target of nothing": {"targets": [{"name": "web"}]},
    "a kind of which no version is known": {"targets": [{"name": "web", "workload": {"kind": "Foo", "name": "web"}}]},
}


@pytest.mark.parametrize("spec", REFUSED.values(), ids=REFUSED.keys())
def test_bad_input_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RunbookSpec.model_validate(runbook_body(**spec)["spec"])


@pytest.mark.parametrize(
    ("amount", "live", "held"),
    [
        ({"replicas": 0}, 3, 0),
        ({"replicas": 9, "max": 5}, 3, 5),
        ({"replicas": 1, "min": 2}, 3, 2),
        ({"by": 2}, 3, 5),
        ({"by": 2, "max": 4}, 3, 4),
        ({"by": -2}, 3, 1),
        ({"by": -5}, 3, 0),
        ({"by": -5, "min": 2}, 3, 2),
        ({"by": 2, "max": 4}, 9, 9),
        ({"by": -2, "min": 4}, 1, 1),
    ],
)
def test_scale_amount_is_limited_by_its_bounds_and_direction(amount: dict[str, int], live: int, held: int) -> None:
    assert amount_of(ScaleAmount.model_validate({"target": "web"} | amount), live) == held


def test_two_actions_with_one_name_are_refused_at_import() -> None:
    with pytest.raises(TypeError, match="two actions are called scale"):
        type("Again", (Scale,), {})

    assert REGISTRY["scale"] is Scale


@pytest.mark.parametrize(
    ("kind", "api_version"),
    [
        ("Deployment", "apps/v1"),
        ("CronJob", "batch/v1"),
        ("Rollout", "argoproj.io/v1alpha1"),
        ("HelmRelease", "helm.toolkit.fluxcd.io/v2"),
    ],
)
def test_workload_without_api_version_has_the_version_of_its_kind(kind: str, api_version: str) -> None:
    assert Workload(kind=kind, name="web").ref("ns") == Ref(api_version, kind, "ns", "web")


def test_workload_with_api_version_keeps_it() -> None:
    assert Workload(api_version="batch/v2", kind="CronJob", name="web").ref("ns").api_version == "batch/v2"
