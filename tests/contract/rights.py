"""The rights that an effect or a query needs."""

from collections.abc import Iterable

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.core.queries import AccessReview, Admission, DryRun, Find, HasAccount, Query, Read
from runbook_operator.core.rbac_rules import Right
from runbook_operator.core.references import Ref
from runbook_operator.core.writes import Create, Delete, Effect, Patch
from runbook_operator.kube.discovery import BUILT_IN
from runbook_operator.reconcile.steps import WriteTarget
from tests.builders import Simulation

VERBS = {Patch: "patch", Create: "create", Delete: "delete"}


def action(kind: str) -> type[Action]:
    return REGISTRY[kind]


def acts(simulation: Simulation) -> list[Effect]:
    return [step.effect for step in simulation.steps if isinstance(step, WriteTarget)]


def right(effect: Effect) -> tuple[Ref, str, str]:
    part = f"/{effect.subresource}" if isinstance(effect, Patch) and effect.subresource else ""
    return effect.ref, part, VERBS[type(effect)]


def asked(query: Query) -> tuple[Ref, str, str]:
    if isinstance(query, Find):
        return Ref(query.api_version, query.kind, query.namespace, ""), "", "list"
    assert not isinstance(query, AccessReview | HasAccount), "what may be done is asked of nobody whose right it is"
    if isinstance(query, DryRun):
        return right(query.effect)
    return query.ref if isinstance(query, Read | Admission) else query.service, "", "get"


def is_allowed(kind: str, ref: Ref, part: str, verb: str) -> bool:
    """Whether the action's rights have the verb on the resource."""
    return is_of(action(kind).rights, ref, part, verb)


def is_of(rights: Iterable[Right], ref: Ref, part: str, verb: str) -> bool:
    """Whether one of the rights is this; kinds that are not built in go by their plural."""
    group = ref.api_version.rpartition("/")[0]
    known = BUILT_IN.get((ref.api_version, ref.kind))
    plural = known.plural if known else plural_of(ref.kind)
    return any((one.group, one.resource) == (group, plural + part) and verb in one.verbs for one in rights)


def plural_of(kind: str) -> str:
    """As the API server's own CRDs have it."""
    name = kind.lower()
    return name[:-1] + "ies" if name.endswith("y") and name != "gateway" else name + "s"
