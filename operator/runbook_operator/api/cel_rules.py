"""CEL rules about names: a Runbook declares every name that it refers to, and objects have valid names."""

from collections.abc import Mapping

from pydantic.alias_generators import to_camel

from runbook_operator.core.model_base import Rule

NOT_HELD = (
    "which is not declared in spec.killSwitches, or is momentary there and so holds nothing; name a kill "
    "switch that is declared without momentary"
)
NOT_DECLARED = "which the Runbook does not declare; declare it or correct the name"
NO_SWITCH = "which spec.killSwitches and spec.scaling do not declare; declare it or correct the name"
ROLLS_FORWARD = (
    "spec.deployments.firstAction: a rollback with rollForwardOnRelease restores the bad revision once "
    "everything is Ok again; engage a kill switch without rollForwardOnRelease"
)
RUNBOOK_NAME = Rule(
    "self.metadata.name.size() <= 63",
    "metadata.name: at most 63 characters, since it labels the switches and is part of their names",
)
SWITCH_NAME = Rule(
    "self.metadata.name == self.spec.runbook + '-' + self.spec.switch",
    "metadata.name must be <spec.runbook>-<spec.switch>, so that a right to patch a Switch by its name covers "
    "that entry and no other; the Runbook creates its own switches",
)
FIRST = "self.deployments.firstAction"
SYMPTOMS: Mapping[str, tuple[str, str]] = {
    "Metric": ("metric", "metrics"),
    "HealthEndpoint": ("health_endpoint", "health_endpoints"),
    "Dependency": ("dependency", "dependencies"),
    "Alert": ("alert", "alerts"),
}
"""By section of the signals, the field of a symptom and the list of the spec that has its entry."""


def holds(name: str) -> str:
    """Return CEL that is true if the kill switch of that name is declared and not momentary."""
    return (
        "(has(self.killSwitches) && "
        f"self.killSwitches.exists(k, k.name == {name} && !(has(k.momentary) && k.momentary)))"
    )


def engaged(entries: str, has: str, name: str) -> Rule:
    """Return the rule that every kill switch that spec.<entries> engage is declared and not momentary."""
    check = f"!({has}) || {holds(name)}"
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, {check})",
        f"spec.{entries}: an entry engages a switch, {NOT_HELD}",
        _naming(entries, check, f"%s engages %s, {NOT_HELD}", "name", name.removeprefix("s.")),
    )


def _naming(entries: str, check: str, sentence: str, *fields: str) -> str:
    """Return CEL for the sentence with these fields of the first entry of spec.<entries> that fails the check.

    It uses format and only fields of the entry: the API server assumes unbounded cost for names joined by `+` and for
    names in a list inside an entry.
    """
    first = f"self.{entries}.filter(s, !({check}))[0]"
    return f"'spec.{entries}: {sentence}'.format([{', '.join(f'{first}.{one}' for one in fields)}])"


def guarding() -> tuple[Rule, ...]:
    """Return the deployment guard's rules: its names are declared, and its switch holds and does not roll forward."""
    forward = "has(a.rollback) && has(a.rollback.rollForwardOnRelease) && a.rollback.rollForwardOnRelease"
    unguarded = f"!has(self.deployments) || !has({FIRST})"
    return (
        Rule(
            f"{unguarded} || {holds(f'{FIRST}.engage')}", f"spec.deployments.firstAction engages a switch, {NOT_HELD}"
        ),
        Rule(
            f"{unguarded} || !has(self.killSwitches) || "
            f"self.killSwitches.all(k, k.name != {FIRST}.engage || k.actions.all(a, !({forward})))",
            ROLLS_FORWARD,
        ),
        *(
            Rule(
                f"!has(self.deployments) || !has(self.deployments.{field}) || self.deployments.{field}.all(n, "
                f"has(self.{field}) && self.{field}.exists(t, t.name == n))",
                f"spec.deployments.{field} names an entry that spec.{field} does not declare; declare it or "
                "correct the name",
            )
            for field in ("metrics", "healthEndpoints")
        ),
    )


def responding() -> tuple[Rule, ...]:
    """Return the rules that common issues and alerts name declared entries and switches."""
    return (
        *(_symptom(to_camel(field), to_camel(section)) for field, section in SYMPTOMS.values()),
        _each(
            "issues",
            f"!has(s.resolution) || s.resolution.all(r, !has(r.engage) || {_switched('r.engage')})",
            f"a step of %s engages a switch, {NO_SWITCH}",
        ),
        _each(
            "alerts",
            f"!has(s.firstAction) || {_switched('s.firstAction.engage')}",
            f"firstAction of %s engages a switch, {NO_SWITCH}",
        ),
    )


def _symptom(field: str, section: str) -> Rule:
    known = f"has(self.{section}) && self.{section}.exists(t, t.name == y.{field})"
    sentence = f"names an entry that spec.{section} does not declare; declare it or correct the name"
    return _each("issues", f"s.symptoms.all(y, !has(y.{field}) || ({known}))", f"a symptom of %s {sentence}")


def _switched(name: str) -> str:
    """Return CEL that is true if a kill switch or a scaling command has that name."""
    return (
        f"((has(self.killSwitches) && self.killSwitches.exists(k, k.name == {name})) || "
        f"(has(self.scaling) && self.scaling.exists(k, k.name == {name})))"
    )


def _each(entries: str, check: str, sentence: str) -> Rule:
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, {check})",
        f"spec.{entries}: {sentence.replace('%s', 'an entry')}",
        _naming(entries, check, sentence, "name"),
    )


def listed(entries: str, field: str, declared: str) -> Rule:
    """Return the rule that every name in spec.<entries>[].<field> is one of spec.<declared>."""
    check = f"!has(s.{field}) || s.{field}.all(n, has(self.{declared}) && self.{declared}.exists(t, t.name == n))"
    sentence = f"names an entry that spec.{declared} does not declare; declare it or correct the name"
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, {check})",
        f"spec.{entries}: {field} of an entry {sentence}",
        _naming(entries, check, f"{field} of %s {sentence}", "name"),
    )


def declared(entries: str, check: str, holder: str, named: str = "target") -> Rule:
    """Return the rule that every target (or other `named` kind) in spec.<entries> is declared in spec.<named>s."""
    known = f"(has(self.{named}s) && self.{named}s.exists(t, t.name == {holder}.{named}))"
    checked, kind = check.format(declared=known), holder.rpartition(".")[2]
    way_out = f"spec.{named}s does not declare; declare it or correct the name"
    if holder.startswith("a."):
        sentence = _naming(entries, checked, f"{kind} of switch %s names a {named} that {way_out}", "name")
    else:
        field = f"{holder}.{named}".removeprefix("s.")
        sentence = _naming(entries, checked, f"%s names {named} %s, which {way_out}", "name", field)
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, {checked})",
        f"spec.{entries}: an entry names a {named} that {way_out}",
        sentence,
    )
