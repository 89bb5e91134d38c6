"""What changes between two bodies, and whether a live object shows what was asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core.merge_patch import covers, difference, differing

SCALARS = st.one_of(st.booleans(), st.integers(), st.text(max_size=3))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=8
)
BODIES = st.dictionaries(st.sampled_from("abcd"), VALUES)


def merged(body: Any, patch: Any) -> Any:
    """What an API server makes of a merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    old = body if isinstance(body, dict) else {}
    new = {**old, **{key: merged(old.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in new.items() if patch.get(key, 0) is not None}


@given(BODIES, BODIES)
def test_patch_from_difference_turns_old_into_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, difference(old, new)) == new


@given(BODIES)
def test_equal_bodies_have_no_difference(body: dict[str, Any]) -> None:
    assert difference(body, body) == {}


@given(BODIES, BODIES)
def test_body_covers_itself_with_additions(body: dict[str, Any], more: dict[str, Any]) -> None:
    assert covers({**more, **body}, body)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"spec": {"a": 1, "default": 2}, "status": {}}, {"spec": {"a": 1}}),
        ({"ports": [{"port": 80, "protocol": "TCP"}]}, {"ports": [{"port": 80}]}),
        ({}, {"a": None}),
        ({"a": {"b": 1}}, {"a": {}}),
    ],
)
def test_defaults_and_status_do_not_break_coverage(live: object, wanted: object) -> None:
    assert covers(live, wanted)


@pytest.mark.parametrize(
    ("live", "wanted"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({}, {"a": {}}),
        ({"a": 1}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": [1]}),
        ({"a": [2, 1]}, {"a": [1, 2]}),
        ({"a": "x"}, {"a": ["x"]}),
        ({"a": 1}, {"a": None}),
    ],
)
def test_missing_or_different_value_is_not_covered(live: object, wanted: object) -> None:
    assert not covers(live, wanted)


def test_difference_lists_every_path() -> None:
    one = {"a": 1, "b": [{"c": 1}, {"c": 2}], "d": [1], "e": {"f": 1}}
    other = {"a": 1, "b": [{"c": 1}, {"c": 3}], "d": [1, 2], "e": {"g": 1}}

    assert list(differing(one, other)) == ["b[1].c", "d", "e.f", "e.g"]
    assert list(differing(one, None)) == ["everything"]
