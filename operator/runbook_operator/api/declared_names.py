"""Check that a Runbook declares every name that it refers to. The CEL rules of its CRD check the same."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

from runbook_operator.api import cel_rules as rules

if TYPE_CHECKING:
    from runbook_operator.api.runbook import RunbookSpec

Reference = tuple[str, set[str], set[str], str]
"""A field, the names in it, the names that the Runbook declares, and what is wrong with any other name."""


def check(spec: "RunbookSpec") -> None:
    """Raise ValueError, which names the field and what to do, for the first wrong name."""
    _check_switches(spec)
    for field, names, declared, why in (*_watched(spec), *_response(spec)):
        if names - declared:
            raise ValueError(f"{field} names {', '.join(sorted(names - declared))}, {why}")
    _check_guard(spec)


def _check_switches(spec: "RunbookSpec") -> None:
    entries = spec.switches()
    if len(entries) != len(spec.kill_switches) + len(spec.scaling):
        raise ValueError("killSwitches, scaling: two switches have the same name; rename one of them")
    targets, contacts = {one.name for one in spec.targets}, {one.name for one in spec.contacts}
    for name, entry in entries.items():
        for act in entry.actions:
            if act.target not in targets | {None}:
                raise ValueError(f"switch {name} names target {act.target}, {rules.NOT_DECLARED}")
            if act.contact not in contacts | {None}:
                raise ValueError(f"switch {name} names contact {act.contact}, {rules.NOT_DECLARED}")


def _watched(spec: "RunbookSpec") -> Iterator[Reference]:
    """Yield the references of the entries that the operator watches, and of the deployment guard."""
    targets, known = {one.name for one in spec.targets}, {one.name for one in spec.kill_switches}
    holding = {one.name for one in spec.kill_switches if not one.momentary}
    metrics, endpoints = {one.name for one in spec.metrics}, {one.name for one in spec.health_endpoints}
    first, unknown = spec.deployments.first_action, rules.NOT_DECLARED
    fallbacks = {one.fallback.engage for one in spec.dependencies if one.fallback}
    yield "healthEndpoints", {one.target for one in spec.health_endpoints}, targets, unknown
    yield "dependencies", fallbacks, holding, rules.NOT_HELD
    yield "metrics", {one.target for one in spec.metrics if one.target}, targets, unknown
    yield "metrics", {one.engages for one in spec.metrics if one.engages}, holding, rules.NOT_HELD
    yield "dependencies", {name for one in spec.dependencies for name in one.suppress}, known, unknown
    yield "dependencies", {name for one in spec.dependencies for name in one.targets}, targets, unknown
    yield "deployments", {first.engage} if first else set(), holding, rules.NOT_HELD
    yield "deployments.metrics", set(spec.deployments.metrics or ()), metrics, unknown
    yield "deployments.healthEndpoints", set(spec.deployments.health_endpoints or ()), endpoints, unknown


def _response(spec: "RunbookSpec") -> Iterator[Reference]:
    """Yield the references of common issues and alerts."""
    switches = set(spec.switches())
    symptoms = [symptom.entry for issue in spec.issues for symptom in issue.symptoms]
    for source, (field, section) in rules.SYMPTOMS.items():
        declared = {one.name for one in getattr(spec, section)}
        named = {name for of, name in symptoms if of == source}
        yield f"issues.symptoms.{to_camel(field)}", named, declared, rules.NOT_DECLARED
    steps = [step.engage for issue in spec.issues for step in issue.resolution]
    yield "issues.resolution.engage", {name for name in steps if name}, switches, rules.NO_SWITCH
    first = {one.first_action.engage for one in spec.alerts if one.first_action}
    yield "alerts.firstAction.engage", first, switches, rules.NO_SWITCH


def _check_guard(spec: "RunbookSpec") -> None:
    """Raise ValueError if a release of the deployment guard's switch would restore the bad revision."""
    first = spec.deployments.first_action
    actions = (act.spec for one in spec.kill_switches if first and one.name == first.engage for act in one.actions)
    if any(getattr(action, "roll_forward_on_release", False) for action in actions):
        raise ValueError(rules.ROLLS_FORWARD)
