"""CEL rules about names: what a Runbook calls by name is declared in it, and what objects are called."""

from runbook_operator.model.base import Rule

NOT_HELD = (
    "what spec.killSwitches does not declare, or what is momentary and does not hold; declare it or correct the name"
)
ROLLS_FORWARD = (
    "spec.deployments.firstAction: a rollback with rollForwardOnRelease brings the bad revision back as soon as all is "
    "well; engage a kill switch without it"
)
RUNBOOK_NAME = Rule(
    "self.metadata.name.size() <= 63",
    "metadata.name: at most 63 characters, since it labels the switches and is part of their names",
)
SWITCH_NAME = Rule(
    "self.metadata.name == self.spec.runbook + '-' + self.spec.switch",
    "metadata.name is <spec.runbook>-<spec.switch>: whoever may patch a Switch by its name may throw that entry and no "
    "other; the Runbook makes its own switches",
)
FIRST = "self.deployments.firstAction"


def holds(name: str) -> str:
    """CEL: the kill switch of that name is declared, and holds."""
    return (
        "(has(self.killSwitches) && "
        f"self.killSwitches.exists(k, k.name == {name} && !(has(k.momentary) && k.momentary)))"
    )


def engaged(entries: str, has: str, name: str) -> Rule:
    """CEL: every kill switch that spec.<entries> would engage is declared, and holds."""
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, !({has}) || {holds(name)})",
        f"spec.{entries}: an entry engages {NOT_HELD}",
    )


def guarding() -> tuple[Rule, ...]:
    """CEL: what the deployment guard names is declared, and what it engages holds and stays where it went."""
    forward = "has(a.rollback) && has(a.rollback.rollForwardOnRelease) && a.rollback.rollForwardOnRelease"
    unguarded = f"!has(self.deployments) || !has({FIRST})"
    return (
        Rule(f"{unguarded} || {holds(f'{FIRST}.engage')}", f"spec.deployments.firstAction engages {NOT_HELD}"),
        Rule(
            f"{unguarded} || !has(self.killSwitches) || "
            f"self.killSwitches.all(k, k.name != {FIRST}.engage || k.actions.all(a, !({forward})))",
            ROLLS_FORWARD,
        ),
        *(
            Rule(
                f"!has(self.deployments) || !has(self.deployments.{field}) || self.deployments.{field}.all(n, "
                f"has(self.{field}) && self.{field}.exists(t, t.name == n))",
                f"spec.deployments.{field} names what spec.{field} does not declare; declare it or correct the name",
            )
            for field in ("metrics", "healthEndpoints")
        ),
    )


def listed(entries: str, field: str, declared: str) -> Rule:
    """CEL: every name in spec.<entries>[].<field> is one of spec.<declared>."""
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, !has(s.{field}) || s.{field}.all(n, has(self.{declared}) && "
        f"self.{declared}.exists(t, t.name == n)))",
        f"spec.{entries}: {field} of an entry names what spec.{declared} does not declare; declare it or correct it",
    )


def declared(entries: str, check: str, holder: str, named: str = "target") -> Rule:
    """CEL: every target, or what else is named, that spec.<entries> names is one of spec.targets.

    The sentence cannot name the entry: the API server costs a messageExpression over a filtered list as unbounded.
    """
    known = f"(has(self.{named}s) && self.{named}s.exists(t, t.name == {holder}.{named}))"
    return Rule(
        f"!has(self.{entries}) || self.{entries}.all(s, {check.format(declared=known)})",
        f"spec.{entries}: an entry names a {named} that spec.{named}s does not declare; declare it or correct the name",
    )
