"""Where feature flags live, and what setting one there is."""

from typing import Any

from runbook_operator.actions.rolling import left_alone, rollable
from runbook_operator.actions.scene import Scene
from runbook_operator.model import fields
from runbook_operator.model.aims import Aim, Refused, Remark
from runbook_operator.model.documents import AbsentError
from runbook_operator.model.fields import FieldError, Key, quoted
from runbook_operator.model.reasons import Reason
from runbook_operator.model.seen import Seen

FLAGS = "spec.flagSpec.flags"
CONTAINERS = "spec.template.spec.containers"


def at_home(scene: Scene, flag: str, value: str) -> tuple[Aim | Remark, ...]:
    """The flag where the target's `flags` says that it lives."""
    seen = scene.look(scene.flags)
    if seen.ref.kind == "FeatureFlag":
        return _in_feature_flag(seen, flag, value)
    if seen.body.get("immutable"):
        text = f"{seen.ref} is immutable, so no flag in it can be set; make it anew without immutable: true"
        raise Refused(Reason.IMMUTABLE, text)
    if scene.target.flags_key:
        return (_in_document(seen, f"data{Key(scene.target.flags_key)}", flag, value),)
    return _in_config_map(seen, flag, value)


def in_environment(scene: Scene, container: str, flag: str, value: str) -> tuple[Aim | Remark, ...]:
    """The flag as a variable of a container of the workload, which is rolled out by that."""
    seen = rollable(scene)
    name = quoted(_container(seen, container))
    field = f"{CONTAINERS}[name={name}].env[name={quoted(flag)}]"
    # The API server leaves an empty value out, so that one written would always seem to be taken away.
    held = {"name": flag, "value": value} if value else {"name": flag}
    aim = Aim(seen.ref, field, held)
    if fields.get(seen.body, field) == held:
        return (aim,)
    text = f"{flag} is in the pod template of {seen.ref}: setting it replaces every pod, and so does the release"
    return (aim, Remark(Reason.ROLLS_OUT, text), *left_alone(seen))


def _in_config_map(seen: Seen, flag: str, value: str) -> tuple[Aim | Remark, ...]:
    field = f"data{Key(flag)}"
    aim = Aim(seen.ref, field, value)
    if fields.get(seen.body, field) is not None:
        return (aim,)
    return (aim, Remark(Reason.FLAG_ADDED, f"{seen.ref} had no flag {flag}: it is added, and removed by the release"))


def _in_document(seen: Seen, text: str, flag: str, value: str) -> Aim:
    if fields.get(seen.body, text) is None:
        raise Refused(Reason.FIELD_NOT_FOUND, f"{seen.ref} has no {text}; correct flags.key of the target")
    field = f"{text}#{''.join(str(Key(key)) for key in flag.split('.')).removeprefix('.')}"
    try:
        return Aim(seen.ref, field, fields.written(seen.body, field, value))
    except AbsentError as error:
        why = f"{seen.ref}: {error}; write the flag into the document first, since a release could not take it away"
        raise Refused(Reason.FIELD_NOT_FOUND, why) from None
    except FieldError as error:
        raise Refused(Reason.FIELD_NOT_FOUND, f"{seen.ref}: {error}") from None


def _in_feature_flag(seen: Seen, flag: str, value: str) -> tuple[Aim | Remark, ...]:
    found: Any = fields.get(seen.body, f"{FLAGS}{Key(flag)}")
    if found is None:
        raise Refused(Reason.FIELD_NOT_FOUND, f"{seen.ref} has no flag {flag}; declare it under {FLAGS}")
    variants = found.get("variants") or {}
    if value not in variants:
        text = f"{seen.ref}: flag {flag} has no variant {value}; set one of {', '.join(variants)}"
        raise Refused(Reason.INVALID_SPEC, text)
    said = []
    if found.get("state") == "DISABLED":
        said.append("its state is DISABLED, so that every reader takes its own default")
    if found.get("targeting"):
        said.append("it has targeting rules, which go before its defaultVariant")
    remarks = (Remark(Reason.FLAG_OVERRULED, f"{seen.ref}: flag {flag} is set, but {why}") for why in said)
    return (Aim(seen.ref, f"{FLAGS}{Key(flag)}.defaultVariant", value), *remarks)


def _container(seen: Seen, wanted: str) -> str:
    """The name of the container that is meant."""
    names = [one["name"] for one in fields.get(seen.body, CONTAINERS) or ()]
    listed = ", ".join(names) or "none of its own"
    if wanted and wanted not in names:
        raise Refused(Reason.FIELD_NOT_FOUND, f"{seen.ref} has no container {wanted}; it has {listed}")
    if not wanted and len(names) != 1:
        raise Refused(Reason.INVALID_SPEC, f"{seen.ref} has the containers {listed}; say which by env.container")
    return wanted or names[0]
