"""Read the live value of a field, compare two values, and plan the write of one.

Most fields are compared by their value. A whole object is compared by its declared fields, since the API server adds
others; a pod template by its digest, since no record keeps a template; a container's probe by its declared fields,
with digests of possible credentials.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from runbook_operator.core import field_paths, pod_templates, probe_fields
from runbook_operator.core.desired_fields import OBJECT, TEMPLATE, Refused
from runbook_operator.core.merge_patch import covers, difference
from runbook_operator.core.observed_object import REPLICAS, ObservedObject
from runbook_operator.core.pod_templates import Revision, digest, keeper_kind, revisions
from runbook_operator.core.queries import Denied, Find, NeedsRead, Query
from runbook_operator.core.reasons import Reason
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Create, Delete, Effect, Patch, Subresource

CONTAINERS = (f"{TEMPLATE}.spec.containers[", f"{TEMPLATE}.spec.initContainers[")
BUILT_IN = "apps/v1"
"""The API version whose scale subresource writes only spec.replicas, so that a patch of the object writes the same."""


def nothing(ref: Ref) -> ObservedObject:
    """Return an ObservedObject with an empty body for `ref`, as the base of an object to create."""
    return ObservedObject(ref, "", "", {}, whole=True)


def live(observed: ObservedObject, field: str) -> Any:
    """Return the live value of `field` (see ObservedObject.value); a digest for a template or a possible credential."""
    if field == OBJECT:
        return observed.body or None
    value = observed.value(field)
    return {"digest": digest(value)} if field == TEMPLATE and value is not None else _without_credentials(field, value)


def mark(observed: ObservedObject, field: str) -> Any:
    """Return the live value as a record may keep it: for a whole object, a digest that omits metadata and status."""
    if field == OBJECT:
        body = {key: value for key, value in observed.body.items() if key not in ("metadata", "status")}
        return {"digest": digest(body)} if body else None
    return live(observed, field)


def shows(observed: ObservedObject, field: str, value: Any) -> bool:
    """True if the live value of `field` is `value`."""
    if field == OBJECT:
        return covers(observed.body, value) if value is not None else not observed.body
    if is_of_probe(field):
        return probe_fields.shows(observed.body, field, value)
    return same(field, live(observed, field), value)


def for_audit(field: str, value: Any) -> Any:
    """Return the value as an audit line may show it: without manifests, which may contain what no log may show."""
    return ("there" if value else None) if field == OBJECT else _without_credentials(field, value)


def same(field: str, one: Any, other: Any) -> bool:
    """True if two recorded values of a field are the same; for a probe, if the first one has all of the other."""
    if is_of_probe(field):
        return covers(one, other)
    if field == TEMPLATE and isinstance(one, dict) and isinstance(other, dict):
        return bool(one.get("digest") == other.get("digest"))
    return bool(one == other)


def is_of_probe(field: str) -> bool:
    """True if the field is a container's probe, or inside one."""
    return field.startswith(CONTAINERS) and any(f"].{name}" in field for name in probe_fields.FIELDS.values())


def belong_together(one: str, other: str, ref: Ref) -> bool:
    """True if one write changes both fields of the object."""
    if OBJECT in (one, other):
        return False
    ways = {subresource(one), subresource(other)}
    return len(ways) == 1 or (ways == {"", "scale"} and ref.api_version == BUILT_IN)


def subresource(field: str) -> Subresource:
    """Return the subresource that writes a field; empty for the object itself."""
    if field == REPLICAS:
        return "scale"
    return "status" if field.startswith("status.") else ""


def effect(
    observed: ObservedObject,
    values: Sequence[tuple[str, Any]],
    answers: Mapping[Query, Any],
    inside: Sequence[tuple[str, Any]] = (),
) -> Effect:
    """Return the one write that sets these fields, which belong together; raise NeedsRead to find a template.

    `inside` are values to keep inside a pod template that is written, if it has their fields.
    """
    (first, value), rest = values[0], values[1:]
    if first == OBJECT:
        return _object(observed, value)
    if not rest and first == REPLICAS:
        return _patch(observed, {"spec": {"replicas": value}}, "scale")
    changed = dict(observed.body)
    for field, wanted in values:
        changed = field_paths.with_value(changed, field, written(observed, field, wanted, answers))
    for field, held in inside:
        with suppress(field_paths.FieldError):
            changed = field_paths.with_value(changed, field, held)
    way = subresource(first)
    return _patch(observed, difference(dict(observed.body), changed), "" if way == "scale" else way)


def stored_revisions(observed: ObservedObject, answers: Mapping[Query, Any]) -> tuple[Revision, ...]:
    """Return the revisions of a workload that the cluster keeps, newest first; raise NeedsRead if they were not read.

    Raises Refused if the operator may not read them.
    """
    query = Find(*keeper_kind(observed.ref), observed.ref.namespace)
    if query not in answers:
        raise NeedsRead([query])
    if isinstance(found := answers[query], Denied):
        raise Refused(found.reason, found.message)
    return revisions(observed.uid, found)


def numbered(observed: ObservedObject, value: Mapping[str, Any], answers: Mapping[Query, Any]) -> Mapping[str, Any]:
    """Return the value of a live template with the identity of its revision, if the cluster keeps it already."""
    found = pod_templates.live(observed.body, value["digest"], stored_revisions(observed, answers))
    return found.value if found else value


def _object(observed: ObservedObject, value: Any) -> Effect:
    if value is None:
        return Delete(observed.ref, observed.uid)
    if not observed.body:
        return Create(observed.ref, value)
    return _patch(observed, difference(dict(observed.body), _merged(observed.body, value)), "")


def _merged(body: Any, value: Any) -> Any:
    """Merge the declared value into the live one; fields that the API server added stay."""
    if not isinstance(body, Mapping) or not isinstance(value, Mapping):
        return value
    return {**body, **{key: _merged(body.get(key), one) for key, one in value.items()}}


def _patch(observed: ObservedObject, patch: Mapping[str, Any], way: Subresource) -> Patch:
    return Patch(observed.ref, observed.uid, observed.resource_version, patch, way)


def written(observed: ObservedObject, field: str, value: Any, answers: Mapping[Query, Any]) -> Any:
    """Return the value to write; find it in the stored revisions if a digest stands for it.

    Raises NeedsRead, and Refused if no revision has it or they may not be read.
    """
    if field != TEMPLATE:
        return _unsealed(observed, field, value, answers) if is_of_probe(field) else value
    found = next((one for one in stored_revisions(observed, answers) if one.digest == value["digest"]), None)
    if found is None:
        number = value.get("revision", "?")
        raise Refused(Reason.NO_REVISION, f"{observed.ref}: the cluster no longer keeps revision {number}")
    return found.template


def _without_credentials(field: str, value: Any) -> Any:
    return probe_fields.sealed(field, value) if is_of_probe(field) else value


def _unsealed(observed: ObservedObject, field: str, value: Any, answers: Mapping[Query, Any]) -> Any:
    if not probe_fields.is_sealed(value):
        return value
    found = probe_fields.unsealed(field, value, [one.template for one in stored_revisions(observed, answers)])
    if found is None:
        text = f"{observed.ref}: the cluster no longer keeps a revision with the saved value of {field}; set it by hand"
        raise Refused(Reason.NO_REVISION, text)
    return found
