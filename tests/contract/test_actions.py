"""What holds for every action there is: a new file in actions/ is tested the moment it exists."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.actions import REGISTRY, Action
from runbook_operator.api.union import action_union
from runbook_operator.model.effects import SetReplicas
from tests.builders import seen

# One valid spec for each action; an action without one fails below.
SPECS: dict[str, dict[str, Any]] = {"scale": {"target": "web", "replicas": 2}}

every_action = pytest.mark.parametrize("kind", sorted(REGISTRY))


def action(kind: str) -> type[Action]:
    return REGISTRY[kind]


def after(effect: SetReplicas) -> Iterator[Any]:
    yield seen(effect.replicas, uid=effect.uid, version="2")


@every_action
def test_it_has_a_spec_that_reads_back_as_it_was_written(kind: str) -> None:
    spec = action(kind).Spec.model_validate(SPECS[kind])

    assert action(kind).Spec.model_validate(spec.model_dump(by_alias=True, exclude_none=True)) == spec


@every_action
def test_it_says_what_it_does_in_words_that_fit_a_column(kind: str) -> None:
    said = action(kind).describe(action(kind).Spec.model_validate(SPECS[kind]))

    assert kind in said
    assert len(said) <= 60
    assert action(kind).__doc__


@every_action
@given(live=st.integers(0, 50))
def test_what_it_writes_is_what_it_then_reads(kind: str, live: int) -> None:
    spec, before = action(kind).Spec.model_validate(SPECS[kind]), seen(live)
    held = action(kind).resolve(spec, action(kind).read(before))

    effect = action(kind).write(before, held)

    assert [action(kind).read(now) for now in after(effect)] == [held]
    assert (effect.uid, effect.resource_version) == (before.uid, before.resource_version)


@every_action
@given(live=st.integers(0, 50))
def test_engaged_twice_it_holds_the_same(kind: str, live: int) -> None:
    spec = action(kind).Spec.model_validate(SPECS[kind])
    held = action(kind).resolve(spec, live)

    assert action(kind).resolve(spec, held) == held


def test_the_union_has_a_member_for_each_and_takes_exactly_one() -> None:
    union = action_union(REGISTRY)

    assert set(union.model_fields) == set(REGISTRY)
    assert union.model_validate({"scale": SPECS["scale"]}).kind == "scale"
