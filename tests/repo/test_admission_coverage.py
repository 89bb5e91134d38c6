"""The campaign of admission policies has a case for each field that an action writes.

The fields are found in the source: every place in which an action makes a DesiredField, with the field as written.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from runbook_operator.actions import REGISTRY, block_traffic, rate_limit
from tests.faults import admission_cases as campaign
from tests.faults import admission_field_cases as fields
from tests.faults import admission_object_cases as objects

SOURCES = Path(__file__).resolve().parents[2] / "operator" / "runbook_operator"
WRITERS = (*sorted((SOURCES / "actions").rglob("*.py")), SOURCES / "switches" / "gitops_suspension.py")
OWN = ("rollback", "runJob", "notify")
"""Actions with tests of their own in the campaign, beside the cases of its tables."""
COVERED = {
    "flag_stores.py: field": ("setFlag env", "setFlag", "setFlag document"),
    "flag_stores.py: f'{FLAGS}{Key(flag)}.defaultVariant'": ("setFlag FeatureFlag",),
    "set_flag.py: ANNOTATION": ("setFlag restart",),
    "rolling_restart.py: RESTART_AT": ("restart Rollout",),
    "rolling_restart.py: f'spec.template.metadata.annotations[{RESTARTED_AT}]'": ("restart",),
    "scale.py: REPLICAS": ("scale",),
    "suspend.py: SUSPEND": ("suspend", "suspend Job", "suspend Kustomization", "suspend HelmRelease"),
    "suspend.py: ENABLED": ("suspend Application",),
    "suspend.py: PAUSED": ("suspend ScaledObject",),
    "autoscalers.py: PAUSED": ("ScaledObject paused replicas",),
    "autoscalers.py: BOUNDS": ("HPA bounds",),
    "autoscalers.py: SCALE_UP": ("HPA select policy",),
    "autoscalers.py: BEHAVIOR": ("HPA behavior",),
    "autoscalers.py: 'spec.minReplicas'": ("HPA minimum of 1",),
    "gitops_suspension.py: f'metadata.annotations[{key}]'": ("Flux Kustomization", "Flux HelmRelease"),
    "gitops_suspension.py: ENABLED": ("Argo CD PauseAutoSync",),
    "service_selector.py: FIELD": ("blockTraffic",),
    "http_route.py: RULES": ("HTTPRoute",),
    "ingress.py: f'metadata.annotations[{PREFIX}/{key}]'": ("Ingress", "rateLimit Ingress", "rateLimit Ingress burst"),
    "kong.py: ATTACHED": ("rateLimit Kong",),
    "traefik.py: _rule_path(route, name)": ("blockTraffic Traefik",),
    "traffic_target.py: OBJECT": (
        *("NetworkPolicy", "BackendTrafficPolicy", "BackendTrafficPolicy with a minimum", "AuthorizationPolicy"),
        *("EnvoyFilter with a minimum", "Middleware", "KongPlugin"),
    ),
    "rollback.py: TEMPLATE": ("test_rollback_under_a_policy",),
    "rollback.py: ABORT": ("test_rollout_abort_reverted",),
    "run_job.py: OBJECT": ("test_job_changed_by_a_policy",),
    "notify.py: OBJECT": ("test_notification_event_changed",),
    # A deletion, which no policy can change into anything else.
    "rollback.py: OBJECT": (),
}
"""By the place and the field: the cases, or the beginnings of the names of tests."""


def written() -> Iterator[str]:
    """Each field of a DesiredField that an action makes."""
    for path in WRITERS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DesiredField":
                yield f"{path.name}: {ast.unparse(node.args[1])}"


def test_each_field_written_by_an_action_has_a_case() -> None:
    assert set(written()) == set(COVERED)


def test_each_named_case_exists() -> None:
    modules = (path.read_text() for path in Path(campaign.__file__).parent.glob("test_admission_*.py"))
    tests = [name for text in modules for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)]
    cases = {*campaign.CASES, *fields.CASES, *objects.CASES}
    named = [name for names in COVERED.values() for name in names]

    assert [one for one in named if one not in cases and not any(name.startswith(one) for name in tests)] == []
    assert cases <= set(named), "a case that no field needs"


def test_each_action_and_traffic_mechanism_has_a_case() -> None:
    actions = [one.action for one in campaign.CASES.values()] + [one.action for one in fields.CASES.values()]
    found = {(kind, way) for one in actions for kind, spec in one.items() for way in spec.get("through", ())}
    found |= {(one.action, one.through) for one in objects.CASES.values()}
    ways = {("blockTraffic", way) for way in block_traffic.MECHANISMS} | {
        ("rateLimit", way) for way in rate_limit.LIMITS
    }

    assert ways - found == set()
    assert set(REGISTRY) - {*OWN, *(one.action for one in objects.CASES.values())} <= {
        k for one in actions for k in one
    }
