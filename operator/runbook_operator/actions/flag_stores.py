"""Plan the change of a feature flag in a ConfigMap, a document, a FeatureFlag or a container's environment."""

import re
from collections.abc import Iterable
from typing import Any

from runbook_operator.actions.plan_context import Scene
from runbook_operator.actions.rolling_restart import left_alone, rollable
from runbook_operator.core import field_paths, yaml_values
from runbook_operator.core.desired_fields import Aim, Refused, Remark
from runbook_operator.core.field_paths import FieldError, Key, quoted
from runbook_operator.core.nearest_names import offer
from runbook_operator.core.observed_object import Seen
from runbook_operator.core.reasons import Reason
from runbook_operator.core.yaml_positions import Keys
from runbook_operator.core.yaml_values import AbsentError

FLAGS = "spec.flagSpec.flags"
PODS = "spec.template.spec"
CONFIG_MAP_KEY = re.compile(r"(?!\.\.?$|\.\.)[-._a-zA-Z0-9]+")
"""The keys of a ConfigMap that the API server accepts."""
LARGEST_VALUE = 16 * 1024
"""Most characters of an old value, which the Switch's status saves; a longer one is a document, not a flag."""


def at_home(scene: Scene, flag: str, value: str, *, must_exist: bool) -> tuple[Aim | Remark, ...]:
    """Plan the change of the flag in the target's flag store (`flags`); raises Refused and Unread."""
    seen = scene.look(scene.flags)
    if seen.ref.kind == "FeatureFlag":
        return _in_feature_flag(seen, flag, value)
    if seen.body.get("immutable"):
        text = f"{seen.ref} is immutable, so no flag in it can be set; make it anew without immutable: true"
        raise Refused(Reason.IMMUTABLE, text)
    if scene.target.flags_key:
        return _in_document(seen, scene.target.flags_key, flag, value)
    return _in_config_map(seen, flag, value, must_exist=must_exist)


def in_environment(
    scene: Scene, container: str, flag: str, value: str, *, must_exist: bool
) -> tuple[Aim | Remark, ...]:
    """Plan the change of a container's environment variable, which rolls out the workload; raises Refused, Unread."""
    seen = rollable(scene)
    place = _container(seen, container)
    field = f"{place}.env[name={quoted(flag)}]"
    # The API server drops an empty value, so that writing one would look like drift forever.
    held = {"name": flag, "value": value} if value else {"name": flag}
    aim = Aim(seen.ref, field, held)
    if field_paths.get(seen.body, field) == held:
        return (aim,)
    text = f"{flag} is in the pod template of {seen.ref}: setting it replaces every pod, and so does the release"
    remarks = (Remark(Reason.ROLLS_OUT, text), *left_alone(seen))
    if field_paths.get(seen.body, field) is not None:
        return (aim, *remarks)
    return (aim, _new_variable(seen, place, flag, must_exist=must_exist), *remarks)


def _new_variable(seen: Seen, place: str, flag: str, *, must_exist: bool) -> Remark:
    """Return the remark about a variable that `env` does not list; raises Refused if it must not be added.

    With `envFrom` the variable may still exist, but reading those ConfigMaps and Secrets would delay the throw.
    """
    container = field_paths.get(seen.body, place)
    if container.get("envFrom"):
        text = (
            f"{seen.ref} has no variable {flag} in env of {container['name']}: it is added there, where it overrides "
        )
        return Remark(Reason.FLAG_ADDED, f"{text}one of envFrom, and removed by the release")
    if must_exist:
        names = [str(one["name"]) for one in container.get("env") or () if "name" in one]
        raise _not_found(f"{seen.ref}: container {container['name']} has no variable {flag}", flag, names)
    text = f"{seen.ref} had no variable {flag} in {container['name']}: it is added, and removed by the release"
    return Remark(Reason.FLAG_ADDED, text)


def _not_found(text: str, flag: str, names: Iterable[str]) -> Refused:
    """Return the refusal of a flag that does not exist; it suggests the most similar existing names."""
    way_out = "Correct the flag's name, or create the flag; flagMustExist: false lets the switch add it"
    return Refused(Reason.FLAG_NOT_FOUND, f"{text}; {offer(flag, names)} {way_out}")


def _in_config_map(seen: Seen, flag: str, value: str, *, must_exist: bool) -> tuple[Aim | Remark, ...]:
    if not CONFIG_MAP_KEY.fullmatch(flag):
        text = f"{seen.ref}: a key of a ConfigMap has letters, digits, - . _ only, so none can be called {flag}"
        raise Refused(Reason.INVALID_SPEC, f"{text}; for a flag inside of a document set flags.key of the target")
    _refuse_binary(seen, flag)
    field = f"data{Key(flag)}"
    aim, there = Aim(seen.ref, field, value), field_paths.get(seen.body, field)
    if there is not None:
        _refuse_large(seen, field, there)
        return (aim,)
    if must_exist:
        raise _not_found(f"{seen.ref} has no flag {flag}", flag, seen.body.get("data") or ())
    return (aim, Remark(Reason.FLAG_ADDED, f"{seen.ref} had no flag {flag}: it is added, and removed by the release"))


def _refuse_binary(seen: Seen, key: str) -> None:
    """Raise Refused if the key is in binaryData: the API server accepts no key in both data and binaryData."""
    if key in (seen.body.get("binaryData") or {}):
        text = f"{seen.ref} has {key} under binaryData, since the file it was made from is not UTF-8"
        raise Refused(Reason.FIELD_NOT_FOUND, f"{text}; save that file as UTF-8, and make the ConfigMap again")


def _refuse_large(seen: Seen, field: str, there: str) -> None:
    if len(there) > LARGEST_VALUE:
        text = f"{seen.ref}: {field} has {len(there) // 1024} KB, which is a document and no flag"
        raise Refused(
            Reason.DOCUMENT_TOO_LARGE, f"{text}; set flags.key of the target, and flag to the path inside of it"
        )


def _in_document(seen: Seen, key: str, flag: str, value: str) -> tuple[Aim | Remark, ...]:
    _refuse_binary(seen, key)
    text = f"data{Key(key)}"
    if field_paths.get(seen.body, text) is None:
        raise Refused(Reason.FIELD_NOT_FOUND, f"{seen.ref} has no {text}; correct flags.key of the target")
    keys = yaml_values.path_of(flag)
    field = f"{text}#{''.join(str(Key(one)) for one in keys).removeprefix('.')}"
    try:
        raw = field_paths.written(seen.body, field, value)
        # Fail now if the value cannot be written there, and not at the throw.
        field_paths.put(seen.body, field, raw)
        _refuse_large(seen, field, field_paths.get(seen.body, field))
        remarks = _doubled(seen, field, keys)
    except AbsentError as error:
        raise Refused(Reason.FLAG_NOT_FOUND, f"{seen.ref}: {error}; {_way_out(seen, text, keys)}") from None
    except FieldError as error:
        raise Refused(error.reason, f"{seen.ref}: {error}") from None
    return (Aim(seen.ref, field, raw), *remarks)


def _doubled(seen: Seen, field: str, keys: Keys) -> tuple[Remark, ...]:
    """Refuse, or remark on, a flag that the document has twice, as `a.b: 1` and as `a: {b: 1}`.

    An app that treats both the same reads an unknown one of them. A flag path with an escaped dot says which one is
    meant, so it gets only a remark.
    """
    others = _others(seen, field.partition("#")[0], keys)
    text = f"{seen.ref}: {field}: the document has it again as {others}; an app that takes the two for the same, as "
    text += "Spring does, reads one of them"
    if others and not any("." in key for key in keys):
        raise Refused(Reason.FIELD_NOT_FOUND, f"{text}: leave one of them in the document")
    return (Remark(Reason.FLAG_OVERRULED, text),) if others else ()


def _way_out(seen: Seen, text: str, keys: Keys) -> str:
    """Return the advice on a missing flag; it never suggests adding one next to an equivalent key."""
    if others := _others(seen, text, keys):
        return (
            f"it has the flag under a key with dots in it; set flag to {others}, since a dot after a \\ divides no keys"
        )
    return "write the flag into the document first, since a release could not take it away"


def _others(seen: Seen, text: str, keys: Keys) -> str:
    found = yaml_values.others(field_paths.get(seen.body, text), keys)
    return " or ".join(map(yaml_values.flag_of, found))


def _in_feature_flag(seen: Seen, flag: str, value: str) -> tuple[Aim | Remark, ...]:
    found: Any = field_paths.get(seen.body, f"{FLAGS}{Key(flag)}")
    if not isinstance(found, dict):
        there = field_paths.get(seen.body, FLAGS)
        names = there if isinstance(there, dict) else ()
        text = f"{seen.ref} has no flag {flag}; {offer(flag, names)} Correct the flag's name, or declare it"
        raise Refused(Reason.FLAG_NOT_FOUND, f"{text} under {FLAGS}")
    variants = found.get("variants")
    variants = variants if isinstance(variants, dict) else {}
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
    """Return the path of the container; a native sidecar counts although it is an init container. Raises Refused."""
    found, ends = _containers(seen, "containers"), _containers(seen, "initContainers")
    stays = [one["name"] for one in ends.values() if one.get("restartPolicy") == "Always"]
    usual = [*found, *stays]
    if wanted and wanted not in {**found, **ends}:
        listed = ", ".join((*found, *ends)) or "none of its own"
        raise Refused(Reason.FIELD_NOT_FOUND, f"{seen.ref} has no container {wanted}; it has {listed}")
    if not wanted and len(usual) != 1:
        listed = ", ".join((*found, *(f"{name} (a sidecar)" for name in stays))) or "none of its own"
        raise Refused(Reason.INVALID_SPEC, f"{seen.ref} has the containers {listed}; say which by env.container")
    name = wanted or usual[0]
    return f"{PODS}.{'containers' if name in found else 'initContainers'}[name={quoted(name)}]"


def _containers(seen: Seen, part: str) -> dict[str, Any]:
    """Return the containers by name; entries that are no containers, as in a custom resource, are skipped."""
    found = field_paths.get(seen.body, f"{PODS}.{part}")
    listed = (one for one in found if isinstance(one, dict)) if isinstance(found, list) else ()
    return {one["name"]: one for one in listed if isinstance(one.get("name"), str)}
