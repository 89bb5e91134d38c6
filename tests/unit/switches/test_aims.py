"""What the engine does with aims, whatever the action: objects that it makes, documents that break, odd kinds."""

from typing import Any

import pytest

from runbook_operator.actions.scale import Scale
from runbook_operator.core import field_paths, field_values
from runbook_operator.core.desired_fields import DesiredField
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.queries import NeedsRead, Read
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.switches.held_field import HeldField, held_fields
from tests.builders import NAMESPACE, WEB, Body, Simulation, condition, workload_body

RULE = Ref("v1", "ConfigMap", NAMESPACE, "rule")
FLAGS = Ref("v1", "ConfigMap", NAMESPACE, "flags")
DOCUMENT = "ai: true  # as agreed\nlog: info\n"


def manifest(owner: str = "uid-stop") -> Body:
    meta = {"name": "rule", "namespace": NAMESPACE, "ownerReferences": [{"uid": owner}]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"deny": "all"}}


@pytest.fixture
def desired_fields(monkeypatch: pytest.MonkeyPatch) -> list[DesiredField]:
    """What the one action of the switch aims at."""
    found: list[DesiredField] = []
    monkeypatch.setattr(Scale, "plan", staticmethod(lambda _spec, _scene: tuple(found)))
    return found


def ready() -> Simulation:
    return Simulation().with_object(workload_body(3)).with_runbook().drive()


def test_created_object_is_reapplied_after_edit_and_deletion(
    desired_fields: list[DesiredField],
) -> None:
    desired_fields.append(DesiredField(RULE, "", manifest()))
    simulation = ready().throw().drive()
    assert simulation.status().phase == "Engaged"

    simulation.change(RULE, {"data": {"deny": "none", "mine": "too"}}).drive()
    assert simulation.live("ConfigMap", "rule")["data"] == {"deny": "all", "mine": "too"}
    simulation.after(minutes=1).remove(RULE).drive()
    assert simulation.live("ConfigMap", "rule")["data"] == {"deny": "all"}

    simulation.release().drive()
    assert RULE not in simulation.objects


def test_object_of_another_owner_is_never_taken_over(desired_fields: list[DesiredField]) -> None:
    desired_fields.append(DesiredField(RULE, "", manifest()))
    simulation = ready().with_object(manifest("somebody")).throw().drive()

    assert condition(simulation.status(), "Stalled")[1] == "NameCollision"
    assert simulation.live("ConfigMap", "rule")["metadata"]["uid"] == "uid-ConfigMap-rule"


def test_existing_object_of_the_switch_is_kept(desired_fields: list[DesiredField]) -> None:
    desired_fields.append(DesiredField(RULE, "", manifest()))

    assert ready().with_object(manifest()).throw().drive().status().phase == "Engaged"


def test_created_object_is_deleted_with_the_switch_even_with_on_delete_keep(
    desired_fields: list[DesiredField],
) -> None:
    desired_fields.extend([DesiredField(RULE, "", manifest()), DesiredField(WEB, "spec.replicas", 0)])
    simulation = ready()
    simulation.with_runbook(killSwitches=[{"name": "stop", "onDelete": "Keep", "actions": [SCALE]}]).throw().drive()

    simulation.delete().drive()

    assert RULE not in simulation.objects
    assert simulation.live("Deployment", "web")["spec"]["replicas"] == 0


SCALE = {"scale": {"target": "web", "replicas": 0}}


def test_field_of_a_missing_object_is_waited_for(desired_fields: list[DesiredField]) -> None:
    desired_fields.append(DesiredField(FLAGS, "data[ai]", "false"))
    simulation = ready().throw().drive()
    assert condition(simulation.status(), "Ready")[1] == "TargetNotFound"

    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"ai": "true"}}
    simulation.store.evict([FLAGS])
    simulation.with_object(flags).drive()

    assert simulation.status().phase == "Engaged"
    assert simulation.live("ConfigMap", "flags")["data"] == {"ai": "false"}


def test_document_broken_while_held_is_reported_and_restored_once_repaired(
    desired_fields: list[DesiredField],
) -> None:
    desired_fields.append(DesiredField(FLAGS, "data[app.yaml]#ai", "false"))
    flags = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"app.yaml": DOCUMENT}}
    simulation = ready().with_object(flags).throw().drive()
    assert simulation.live("ConfigMap", "flags")["data"]["app.yaml"] == DOCUMENT.replace("true", "false")

    simulation.change(FLAGS, {"data": {"app.yaml": "ai: [\n"}}).drive()
    assert condition(simulation.status(), "Ready")[1] == "FieldNotFound"

    simulation.after(minutes=1).change(FLAGS, {"data": {"app.yaml": DOCUMENT}}).drive()
    assert simulation.live("ConfigMap", "flags")["data"]["app.yaml"] == DOCUMENT.replace("true", "false")
    simulation.release().drive()
    assert simulation.live("ConfigMap", "flags")["data"]["app.yaml"] == DOCUMENT


def test_unreadable_path_keeps_the_action_waiting_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(_spec: Any, context: Any) -> tuple[DesiredField, ...]:
        return (DesiredField(context.workload, "spec.replicas", field_paths.get({"a": [1]}, "a[name=")),)

    monkeypatch.setattr(Scale, "plan", staticmethod(plan))
    simulation = ready().throw().drive()

    assert condition(simulation.status(), "Stalled")[1] == Reason.FIELD_NOT_FOUND


def test_object_and_field_are_never_one_write() -> None:
    assert not field_values.belong_together("", "spec.replicas", WEB)
    assert field_values.belong_together("spec.replicas", "metadata.annotations[a]", WEB)
    assert not field_values.belong_together("spec.replicas", "spec.paused", Ref("x.dev/v1", "X", NAMESPACE, "x"))
    assert not field_values.belong_together("status.abort", "spec.paused", WEB)


def test_replicas_missing_in_an_event_are_read_from_the_scale() -> None:
    simulation = ready().throw().drive()
    snapshot = simulation.snapshot()
    assert snapshot.record is not None
    odd = ObservedObject(WEB, "web-1", "9", {"metadata": {}, "spec": {"size": 3}}, whole=True)
    held_field = HeldField(simulation.snapshot(), snapshot.record, 0, snapshot.record.actions[0])
    object.__setattr__(held_field.snapshot, "observed", {WEB: odd})

    with pytest.raises(NeedsRead) as asked:
        _ = held_field.target

    assert asked.value.queries == {Read(WEB)}


def test_missing_object_shows_no_held_value() -> None:
    simulation = ready().throw().drive().remove(WEB)
    snapshot = simulation.snapshot()
    assert snapshot.record is not None

    assert [held_field.is_held for held_field in held_fields(snapshot, snapshot.record)] == [False]
