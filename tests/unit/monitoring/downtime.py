"""Switches that keep a target down, for the tests of verdicts and of the Healthy condition."""

from dataclasses import replace
from typing import Any

from runbook_operator.api.conditions import timestamp
from runbook_operator.api.parsing import SwitchObject
from runbook_operator.api.switch import (
    Declared,
    FieldRecord,
    Named,
    PinnedTarget,
    SwitchStatus,
)
from runbook_operator.core.references import Ref
from runbook_operator.core.target_kinds import TargetRefs
from tests.builders import NAMESPACE, NOW, WEB, switch
from tests.stories import engaged, entry

SERVICE = Ref("v1", "Service", NAMESPACE, "web")

FLAGS = Ref("v1", "ConfigMap", NAMESPACE, "flags")

TARGET = TargetRefs("web", WEB, SERVICE, "http", FLAGS)


def pinned(action: str, target: TargetRefs = TARGET) -> Declared:
    workload, service, flags = map(Named.of, (target.workload, target.service, target.flags))
    return Declared(action=action, target=PinnedTarget(workload=workload, service=service, flags=flags))


def held(action: str, *, at: Any = NOW, result: str = "Applied", phase: Any = "Engaged", **rest: Any) -> SwitchObject:
    """A switch with an engagement of one action; `rest` is of its entry."""
    target = rest.pop("target", TARGET)
    one: FieldRecord = entry({}, {}, **{"action": action, "field": "x", "result": result} | rest)
    record = engaged(one).record
    assert record
    record = record.replace(engaged_at=timestamp(at), plan=[pinned(action, target)])
    return replace(switch("stop"), status=SwitchStatus(record=record, phase=phase))


def zero(**rest: Any) -> SwitchObject:
    values: dict[str, Any] = {"field": "spec.replicas", "held": 0} | rest
    return held("scale", **values)
