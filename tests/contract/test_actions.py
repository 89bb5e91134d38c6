"""What holds for every action there is: a new file in actions/ is tested the moment it exists."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from runbook_operator.actions import REGISTRY
from runbook_operator.api.action_union import action_union
from runbook_operator.core.queries import AccessReview, HasAccount, Query
from runbook_operator.core.rbac_rules import Right
from runbook_operator.core.references import Ref
from tests.builders import NAMESPACE, Simulation
from tests.contract.cases import CASES, entry
from tests.contract.rights import action, acts, asked, is_of, right

every_action = pytest.mark.parametrize("kind", sorted(REGISTRY))


@dataclass
class HealthChecker(Simulation):
    """Notes what it was asked."""

    asked: set[Query] = field(default_factory=set)

    def answer(self, query: Query) -> Any:
        if not isinstance(query, AccessReview | HasAccount):
            self.asked.add(query)
        return super().answer(query)


def ready(kind: str) -> HealthChecker:
    """The switch of the action's case, idle."""
    simulation = HealthChecker()
    for body in CASES[kind].objects:
        simulation.with_object(body)
    case = CASES[kind]
    simulation.with_runbook(targets=case.targets, contacts=case.contacts, killSwitches=[entry(kind)]).drive()
    simulation.steps.clear()
    return simulation


def state(simulation: Simulation) -> dict[Ref, Any]:
    """What is there, without what every write changes."""
    found = deepcopy(simulation.objects)
    for body in found.values():
        body["metadata"] = {k: v for k, v in body["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    return found


@every_action
def test_action_spec_reads_back_as_written(kind: str) -> None:
    spec = action(kind).Spec.model_validate(CASES[kind].spec)

    assert action(kind).Spec.model_validate(spec.model_dump(by_alias=True, exclude_none=True)) == spec


@every_action
def test_action_description_fits_a_column(kind: str) -> None:
    said = action(kind).describe(action(kind).Spec.model_validate(CASES[kind].spec))

    assert kind.lower() in said.lower().replace(" ", "")
    assert len(said) <= 60
    assert action(kind).__doc__
    assert action(kind).reverts


@every_action
def test_action_engages_within_its_declared_rights(kind: str) -> None:
    simulation = ready(kind)

    simulation.throw().drive()

    assert simulation.status().phase == "Engaged", simulation.status().conditions
    needs = needed(kind)
    assert [effect for effect in acts(simulation) if not is_of(needs, *right(effect))] == []
    assert [query for query in simulation.asked if not is_of(needs, *asked(query))] == []


@every_action
def test_action_restores_everything_except_declared_leftovers(kind: str) -> None:
    simulation = ready(kind)
    before = state(simulation)
    simulation.throw().drive()
    record = simulation.status().record
    assert record is not None
    left = {entry.ref("shop") for entry in record.actions if entry.mode != "Hold"}

    simulation.release().drive()

    after = state(simulation)
    assert simulation.status().phase == "Released"
    assert {ref: body for ref, body in after.items() if ref not in left} == {
        ref: body for ref, body in before.items() if ref not in left
    }


@every_action
@pytest.mark.parametrize("crash", range(1, 9))
def test_crash_after_any_step_ends_with_the_same_objects(kind: str, crash: int) -> None:
    reference = ready(kind).throw("stop").drive()

    simulation = ready(kind).throw().drive(at_most=crash).restart().drive()

    assert [type(effect) for effect in acts(simulation)] == [type(effect) for effect in acts(reference)]
    assert simulation.status().phase == "Engaged"


@every_action
def test_engaged_action_writes_nothing_at_the_next_visit(kind: str) -> None:
    simulation = ready(kind).throw().drive()
    simulation.steps.clear()

    simulation.after(seconds=1).drive()

    assert simulation.steps == []


@every_action
def test_action_reads_and_writes_only_in_the_namespace_of_its_runbook(kind: str) -> None:
    simulation = ready(kind)

    simulation.throw().drive().release().drive()

    assert {effect.ref.namespace for effect in acts(simulation)} <= {NAMESPACE}
    assert {asked(query)[0].namespace for query in simulation.asked} <= {NAMESPACE}


def needed(kind: str) -> tuple[Right, ...]:
    """What the action asks for before it is thrown in its case, and what it can do without."""
    case, spec = CASES[kind], action(kind).Spec.model_validate(CASES[kind].spec)
    made = Simulation().with_runbook(targets=case.targets, contacts=case.contacts, killSwitches=[entry(kind)])
    (parsed,) = made.store.runbooks.values()
    assert parsed.spec is not None
    needs = action(kind).needs(spec, parsed.spec.target(getattr(spec, "target", None), "shop"))
    assert set(needs) <= set(action(kind).rights)
    return (*needs, *(one for one in action(kind).rights if one.optional))


def test_action_union_has_a_member_for_each_and_takes_exactly_one() -> None:
    union = action_union(REGISTRY)

    assert set(union.model_fields) == {*REGISTRY, "timeout"}
    assert union.model_validate({"scale": CASES["scale"].spec}).kind == "scale"


@every_action
def test_action_union_member_has_the_kind_as_its_name(kind: str) -> None:
    one = action_union(REGISTRY).model_validate({kind: CASES[kind].spec})

    assert (one.kind, one.spec) == (kind, getattr(one, kind))
    assert set(one.model_dump(by_alias=True, exclude_none=True)) == {kind, "timeout"}
    assert one.action is action(kind)
