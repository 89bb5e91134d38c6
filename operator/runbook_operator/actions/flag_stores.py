"""Plan the change of a feature flag in a ConfigMap, a document, a FeatureFlag or a container's environment."""

import re
from collections.abc import Iterable
from typing import Any

from runbook_operator.actions.plan_context import PlanContext
from runbook_operator.actions.rolling_restart import rollable, unreplaced_pods
from runbook_operator.core import field_paths, yaml_values
from runbook_operator.core.desired_fields import DesiredField, Refused, Remark
from runbook_operator.core.field_paths import FieldError, Key, quoted
from runbook_operator.core.nearest_names import offer
from runbook_operator.core.observed_object import ObservedObject
from runbook_operator.core.reasons import Reason
from runbook_operator.core.yaml_positions import Keys
from runbook_operator.core.yaml_values import AbsentError

FLAGS = "spec.flagSpec.flags"
PODS = "spec.template.spec"
CONFIG_MAP_KEY = re.compile(r"(?!\.\.?$|\.\.)[-._a-zA-Z0-9]+")
"""The keys of a ConfigMap that the API server accepts."""
LARGEST_VALUE = 16 * 1024
"""Most characters of an old value, which the Switch's status saves; a longer one is a document, not a flag."""


def at_home(context: PlanContext, flag: str, value: str, *, must_exist: bool) -> tuple[DesiredField | Remark, ...]:
    """Plan the change of the flag in the target's flag store (`flags`); raises Refused and NeedsRead."""
    observed = context.require(context.flags)
    if observed.ref.kind == "FeatureFlag":
        return _in_feature_flag(observed, flag, value)
    if observed.body.get("immutable"):
        text = (
            f"{observed.ref} is immutable, so no flag in it can be set; delete it and create it again without "
            "immutable: true"
        )
        raise Refused(Reason.IMMUTABLE, text)
    if context.target.flags_key:
        return _in_document(observed, context.target.flags_key, flag, value)
    return _in_config_map(observed, flag, value, must_exist=must_exist)


def in_environment(
    context: PlanContext, container: str, flag: str, value: str, *, must_exist: bool
) -> tuple[DesiredField | Remark, ...]:
    """Plan the change of a container's environment variable, which replaces the pods; raises Refused and NeedsRead."""
    observed = rollable(context)
    place = _container(observed, container)
    field = f"{place}.env[name={quoted(flag)}]"
    # The API server drops an empty value, so that writing one would look like drift forever.
    held = {"name": flag, "value": value} if value else {"name": flag}
    desired = DesiredField(observed.ref, field, held)
    if field_paths.get(observed.body, field) == held:
        return (desired,)
    text = (
        f"{flag} is in the pod template of {observed.ref}: setting it replaces every pod, and the release replaces "
        "them again"
    )
    remarks = (Remark(Reason.ROLLS_OUT, text), *unreplaced_pods(observed))
    if field_paths.get(observed.body, field) is not None:
        return (desired, *remarks)
    return (desired, _new_variable(observed, place, flag, must_exist=must_exist), *remarks)


def _new_variable(observed: ObservedObject, place: str, flag: str, *, must_exist: bool) -> Remark:
    """Return the remark about a variable that `env` does not list; raises Refused if it must not be added.

    With `envFrom` the variable may still exist, but reading those ConfigMaps and Secrets would delay the throw.
    """
    container = field_paths.get(observed.body, place)
    if container.get("envFrom"):
        text = (
            f"{observed.ref} has no variable {flag} in env of {container['name']}: it is added there, where it "
            "overrides "
        )
        return Remark(Reason.FLAG_ADDED, f"{text}one of envFrom, and removed by the release")
    if must_exist:
        names = [str(one["name"]) for one in container.get("env") or () if "name" in one]
        raise _not_found(f"{observed.ref}: container {container['name']} has no variable {flag}", flag, names)
    text = f"{observed.ref} had no variable {flag} in {container['name']}: it is added, and removed by the release"
    return Remark(Reason.FLAG_ADDED, text)


def _not_found(text: str, flag: str, names: Iterable[str]) -> Refused:
    """Return the refusal of a flag that does not exist; it suggests the most similar existing names."""
    way_out = "Correct the flag's name, or create the flag; flagMustExist: false lets the switch add it"
    return Refused(Reason.FLAG_NOT_FOUND, f"{text}; {offer(flag, names)} {way_out}")


def _in_config_map(
    observed: ObservedObject, flag: str, value: str, *, must_exist: bool
) -> tuple[DesiredField | Remark, ...]:
    if not CONFIG_MAP_KEY.fullmatch(flag):
        text = f"{observed.ref}: a key of a ConfigMap has only letters, digits, - . _, so no key can be named {flag}"
        raise Refused(Reason.INVALID_SPEC, f"{text}; for a flag inside a document set flags.key of the target")
    _refuse_binary(observed, flag)
    field = f"data{Key(flag)}"
    desired, there = DesiredField(observed.ref, field, value), field_paths.get(observed.body, field)
    if there is not None:
        _refuse_large(observed, field, there)
        return (desired,)
    if must_exist:
        raise _not_found(f"{observed.ref} has no flag {flag}", flag, observed.body.get("data") or ())
    return (
        desired,
        Remark(Reason.FLAG_ADDED, f"{observed.ref} had no flag {flag}: it is added, and removed by the release"),
    )


def _refuse_binary(observed: ObservedObject, key: str) -> None:
    """Raise Refused if the key is in binaryData: the API server accepts no key in both data and binaryData."""
    if key in (observed.body.get("binaryData") or {}):
        text = f"{observed.ref} has {key} under binaryData, since its file is not UTF-8"
        raise Refused(Reason.FIELD_NOT_FOUND, f"{text}; save that file as UTF-8, and create the ConfigMap again")


def _refuse_large(observed: ObservedObject, field: str, there: str) -> None:
    if len(there) > LARGEST_VALUE:
        text = f"{observed.ref}: {field} has {len(there) // 1024} KB, so it is a document and not a flag"
        raise Refused(
            Reason.DOCUMENT_TOO_LARGE,
            f"{text}; set flags.key of the target to that key, and flag to the path inside the document",
        )


def _in_document(observed: ObservedObject, key: str, flag: str, value: str) -> tuple[DesiredField | Remark, ...]:
    _refuse_binary(observed, key)
    text = f"data{Key(key)}"
    if field_paths.get(observed.body, text) is None:
        raise Refused(Reason.FIELD_NOT_FOUND, f"{observed.ref} has no {text}; correct flags.key of the target")
    keys = yaml_values.path_of(flag)
    field = f"{text}#{''.join(str(Key(one)) for one in keys).removeprefix('.')}"
    try:
        raw = field_paths.written(observed.body, field, value)
        # Fail now if the value cannot be written there, and not at the throw.
        field_paths.with_value(observed.body, field, raw)
        _refuse_large(observed, field, field_paths.get(observed.body, field))
        remarks = _doubled(observed, field, keys)
    except AbsentError as error:
        raise Refused(
            Reason.FLAG_NOT_FOUND, f"{observed.ref}: {error}; {_missing_flag_advice(observed, text, keys)}"
        ) from None
    except FieldError as error:
        raise Refused(error.reason, f"{observed.ref}: {error}") from None
    return (DesiredField(observed.ref, field, raw), *remarks)


def _doubled(observed: ObservedObject, field: str, keys: Keys) -> tuple[Remark, ...]:
    """Refuse, or remark on, a flag that the document has twice, as `a.b: 1` and as `a: {b: 1}`.

    An app that treats both the same reads an unknown one of them. A flag path with an escaped dot says which one is
    meant, so it gets only a remark.
    """
    others = _others(observed, field.partition("#")[0], keys)
    text = (
        f"{observed.ref}: {field}: the document has it again as {others}; an app that takes the two for the same, as "
    )
    text += "Spring does, reads one of them"
    if others and not any("." in key for key in keys):
        raise Refused(Reason.FIELD_NOT_FOUND, f"{text}: leave one of them in the document")
    return (Remark(Reason.FLAG_OVERRIDDEN, text),) if others else ()


def _missing_flag_advice(observed: ObservedObject, text: str, keys: Keys) -> str:
    """Return the advice on a missing flag; it never suggests adding one next to an equivalent key."""
    if others := _others(observed, text, keys):
        return f"the key contains dots; set flag to {others}: a \\ before a dot makes the dot a part of the key"
    return (
        "add the flag to the document first: the operator changes values in a document and cannot remove a key "
        "at the release"
    )


def _others(observed: ObservedObject, text: str, keys: Keys) -> str:
    found = yaml_values.others(field_paths.get(observed.body, text), keys)
    return " or ".join(map(yaml_values.flag_of, found))


def _in_feature_flag(observed: ObservedObject, flag: str, value: str) -> tuple[DesiredField | Remark, ...]:
    found: Any = field_paths.get(observed.body, f"{FLAGS}{Key(flag)}")
    if not isinstance(found, dict):
        there = field_paths.get(observed.body, FLAGS)
        names = there if isinstance(there, dict) else ()
        text = f"{observed.ref} has no flag {flag}; {offer(flag, names)} Correct the flag's name, or declare it"
        raise Refused(Reason.FLAG_NOT_FOUND, f"{text} under {FLAGS}")
    variants = found.get("variants")
    variants = variants if isinstance(variants, dict) else {}
    if value not in variants:
        text = f"{observed.ref}: flag {flag} has no variant {value}; set one of {', '.join(variants)}"
        raise Refused(Reason.INVALID_SPEC, text)
    said = []
    if found.get("state") == "DISABLED":
        said.append("its state is DISABLED, so every reader uses its own default")
    if found.get("targeting"):
        said.append("it has targeting rules, which take precedence over its defaultVariant")
    remarks = (Remark(Reason.FLAG_OVERRIDDEN, f"{observed.ref}: flag {flag} is set, but {why}") for why in said)
    return (DesiredField(observed.ref, f"{FLAGS}{Key(flag)}.defaultVariant", value), *remarks)


def _container(observed: ObservedObject, wanted: str) -> str:
    """Return the path of the container; a native sidecar counts although it is an init container. Raises Refused."""
    found, ends = _containers(observed, "containers"), _containers(observed, "initContainers")
    stays = [one["name"] for one in ends.values() if one.get("restartPolicy") == "Always"]
    usual = [*found, *stays]
    if wanted and wanted not in {**found, **ends}:
        listed = ", ".join((*found, *ends)) or "none of its own"
        raise Refused(Reason.FIELD_NOT_FOUND, f"{observed.ref} has no container {wanted}; it has {listed}")
    if not wanted and len(usual) != 1:
        listed = ", ".join((*found, *(f"{name} (a sidecar)" for name in stays))) or "none of its own"
        raise Refused(Reason.INVALID_SPEC, f"{observed.ref} has the containers {listed}; choose one with env.container")
    name = wanted or usual[0]
    return f"{PODS}.{'containers' if name in found else 'initContainers'}[name={quoted(name)}]"


def _containers(observed: ObservedObject, part: str) -> dict[str, Any]:
    """Return the containers by name; entries that are no containers, as in a custom resource, are skipped."""
    found = field_paths.get(observed.body, f"{PODS}.{part}")
    listed = (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()
    return {one["name"]: one for one in listed if isinstance(one.get("name"), str)}
