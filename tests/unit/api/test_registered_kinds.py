"""A kind that is registered: what is generated from it, and how it is parsed and uninstalled."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import Field, ValidationError

from runbook_operator.api.conditions import Condition
from runbook_operator.api.crd_generation import crd
from runbook_operator.api.object_status import ObjectStatus
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.rbac_generation import people, roles
from runbook_operator.api.registered_kinds import RESOURCE_KINDS
from runbook_operator.api.resource_kind import AGE, ResourceKind, Uninstall
from runbook_operator.api.switch import FINALIZER
from runbook_operator.api.switch_kind import SWITCH, UNINSTALLING
from runbook_operator.cache.resync import watched_kinds
from runbook_operator.core.model_base import ApiModel
from runbook_operator.core.rbac_rules import READ
from runbook_operator.core.references import API_VERSION, Ref
from runbook_operator.kube.discovery import own, plural_of
from tests.builders import switch_body
from tools.chart import kinds as chart_kinds

Body = dict[str, Any]


class DrillSpec(ApiModel):
    """What to rehearse."""

    runbook: str = Field(description="Name of the Runbook.")


class DrillStatus(ObjectStatus):
    """Result of the rehearsal."""

    conditions: list[Condition] = Field(default_factory=list, description="Ready.")


DRILL = ResourceKind(
    kind="Drill",
    plural="drills",
    short_names=("dr",),
    spec=DrillSpec,
    status=DrillStatus,
    description="A rehearsal.",
    summary="A rehearsal.",
    columns=(AGE,),
    people={"runbook-viewer": (READ,)},
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RESOURCE_KINDS, DRILL.gvk, DRILL)


def drill(**spec: Any) -> Body:
    meta = {"name": "restore", "namespace": "shop", "uid": "1", "resourceVersion": "1"}
    return {"apiVersion": API_VERSION, "kind": "Drill", "metadata": meta, "spec": spec}


def verbs(made: list[Body], role: str, resource: str) -> set[str]:
    rules = next(one["rules"] for one in made if one["metadata"]["name"] == role)
    return {verb for rule in rules if resource in rule["resources"] for verb in rule["verbs"]}


def test_registered_kind_has_a_crd_and_is_watched_and_has_paths() -> None:
    assert crd(DRILL)["metadata"]["name"] == "drills.runbooks.dev"
    assert DRILL.gvk in watched_kinds()
    assert plural_of(DRILL.gvk) == "drills"
    assert own(Ref(API_VERSION, "Drill", "shop", "restore")) == f"/apis/{API_VERSION}/namespaces/shop/drills/restore"


def test_registered_kind_is_granted_to_the_operator_and_to_the_roles_that_it_names() -> None:
    assert verbs(roles(), "runbook-operator", "drills") == {"get", "list", "watch"}
    assert verbs(roles(), "runbook-operator", "drills/status") == {"patch"}
    assert verbs(people(), "runbook-viewer", "drills") == {"get", "list", "watch"}
    assert verbs(people(), "switch-operator", "drills") == set()


def test_kind_that_grants_verbs_to_an_unknown_role_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RESOURCE_KINDS, DRILL.gvk, replace(DRILL, people={"runbook-reader": (READ,)}))

    with pytest.raises(ValueError, match="runbook-reader, which is no role"):
        people()


def test_registered_kind_is_in_the_helpers_of_the_chart() -> None:
    text = chart_kinds.template()

    assert "runbooks,switches,incidents,drills\n" in text
    assert "drills/status\n" in text
    assert '"resources": ["drills"], "verbs": ["get", "list", "patch"]' in text


def test_object_is_parsed_by_the_models_of_its_kind() -> None:
    parsed = DRILL.parsed(drill(runbook="shop"))

    assert parsed.meta.ref == Ref(API_VERSION, "Drill", "shop", "restore")
    assert (parsed.status, parsed.written) == (DrillStatus(), DrillStatus())
    assert DRILL.runbook_of(parsed) is None
    with pytest.raises(ValidationError):
        DRILL.parsed(drill())


def switch(*finalizers: str, status: Body | None = None, **meta: Any) -> Body:
    engaged = meta.pop("engaged", None)
    body = switch_body(**({} if engaged is None else {"engaged": engaged}))
    return body | {"metadata": body["metadata"] | {"finalizers": [*finalizers]} | meta, "status": status or {}}


def uninstall() -> Uninstall:
    assert SWITCH.uninstall is not None
    return SWITCH.uninstall


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (switch(), None),
        (switch(engaged=True), UNINSTALLING),
        (switch(FINALIZER), UNINSTALLING),
        (switch(FINALIZER, engaged=False), None),
        (switch(FINALIZER, engaged=True, deletionTimestamp="2026-11-24T03:00:00Z"), None),
    ],
    ids=["released", "thrown", "held", "released-by-a-person", "deleted"],
)
def test_uninstall_releases_a_switch_that_is_thrown_or_held(body: Body, change: Body | None) -> None:
    assert uninstall().release(body) == change


def test_uninstall_describes_a_held_switch_with_the_command_that_releases_it() -> None:
    command = """kubectl -n shop patch switch shop-stop --type merge -p '{"spec":{"engaged":false}}'"""
    ready = {"type": "Ready", "status": "False", "reason": "Forbidden", "message": "may not patch"}
    status = {"phase": "Engaged", "engagedAt": "2026-11-24T03:00:00Z"}

    assert uninstall().describe(switch()) == f"Switch shop/shop-stop is thrown since just now; {command}"
    assert uninstall().describe(switch(status=status | {"conditions": [ready]})) == (
        f"Switch shop/shop-stop is Engaged since 2026-11-24T03:00:00Z, Forbidden: may not patch; {command}"
    )


def test_kind_with_a_parser_is_parsed_by_it() -> None:
    parsed = SWITCH.parsed(switch_body(engaged=True))

    assert isinstance(parsed, SwitchObject)
    assert parsed.spec.engaged is True
