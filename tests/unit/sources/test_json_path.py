"""Which paths are followed, where the others go wrong, and that no path and no body cost more than they are worth."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.sources import json_path
from runbook_operator.sources.json_path import MOST_VALUES, JsonPathError, check, values
from runbook_operator.sources.source_base import NoNumberError

QUEUES = [
    {"name": "mails", "depth": 3, "up": True, "by": {"a b": [1, 2]}},
    {"name": "jobs", "depth": 7.5, "up": False, "by": {"a b": [3]}},
]
BODY = json.dumps({"depth": 12, "queues": QUEUES, "none": None}).encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.depth", [12]),
        ("$['depth']", [12]),
        ("$.queues[0].depth", [3]),
        ("$.queues[-1].depth", [7.5]),
        ("$.queues[*].depth", [3, 7.5]),
        ("$.queues[0:1].depth", [3]),
        ("$.queues[0]['by']['a b'][1]", [2]),
        ("$.queues[?@.name == 'jobs'].depth", [7.5]),
        ("$.queues[?@.depth > 1 && @.up == true].depth", [3]),
        ("$.queues[?!(@.up == true)].depth", [7.5]),
        ("$.queues[?@.up].depth", [3, 7.5]),
        ("$.queues[?@['by']['a b'][1] == 2 || @.depth == null].depth", [3]),
        ("$.none", [None]),
        ("$.nothing", []),
        ("$.depth.deeper", []),
        ("$.queues[9].depth", []),
    ],
)
def test_path_selects_its_values(path: str, expected: list[Any]) -> None:
    check(path)

    assert values(path, BODY) == expected


@pytest.mark.parametrize(("body", "expected"), [(b"12", [12]), (b'"12"', ["12"]), (b"[12]", [[12]]), (b"null", [None])])
def test_whole_body_may_be_the_number(body: bytes, expected: list[Any]) -> None:
    assert values("$", body) == expected
    assert values("$.a", b"12") == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "not a JSONPath"),
        ("depth", "not a JSONPath: .*at character 1"),
        ("$.queues[", "not a JSONPath: .*at character 10"),
        ("$.queues[?@.name = 'a']", "not a JSONPath: .*at character 18"),
        ("$.a | $.b", "not a JSONPath: .*at character 5"),
        ("$[?match(@.name, '(a+)+')]", "not a JSONPath: .*match"),
        ("$[?search(@.name, 'a')]", "not a JSONPath: .*search"),
        ("$[?length(@.name) > 3]", "not a JSONPath: .*length"),
        ("$[?@.name =~ /a/]", "not a JSONPath"),
        ("$..depth", "search at every depth"),
        ("$.queues[0]..depth", "search at every depth"),
        ("$.queues[*].by[*]", "one step may select several values"),
        ("$.queues[0,1].depth", "one step may select several values"),
        ("$[?@.a].b[0:3]", "one step may select several values"),
        ("$[?@.*]", "a filter may compare only values at one place"),
        ("$[?@..a]", "a filter may compare only values at one place"),
        ("$[?@[?@.a == 1]]", "a filter may compare only values at one place"),
        ("$[?@.a == $.b]", "a filter may compare only values at one place"),
        ("$[?@.a == 1 && @.b == 2 && @.c == 3]", "a filter may have at most 4 comparisons"),
        ("$[?!!!!!@.a]", "a filter may have at most 4 comparisons"),
        ("$[?" + "(" * 250, "not a JSONPath"),
    ],
)
def test_invalid_path_is_refused_with_its_position(path: str, said: str) -> None:
    with pytest.raises(JsonPathError, match=said) as caught:
        check(path)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>hunter2", b"{", b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe\xff", b"[" * 60_000, b'{"a":' * 9000],
)
def test_invalid_json_has_no_values_and_is_not_quoted(body: bytes) -> None:
    with pytest.raises(NoNumberError) as caught:
        values("$.a", body)

    assert (caught.value.reason, str(caught.value)) == ("NotJSON", "the response is not JSON")


def test_very_long_number_is_parsed_quickly() -> None:
    assert values("$", b"9" * 60_000) == [float("inf")]


def test_large_body_allows_a_path_to_one_value_and_not_to_many() -> None:
    body = json.dumps({"a": list(range(MOST_VALUES + 1))}).encode()

    assert values("$.a[1000]", body) == [1000]
    with pytest.raises(NoNumberError, match="more than 1000 values") as caught:
        values("$.a[*]", body)
    assert caught.value.reason == "TooManyValues"
    assert len(values("$.a[*]", json.dumps({"a": list(range(MOST_VALUES))}).encode())) == MOST_VALUES


def test_costliest_filter_over_the_largest_body_is_bounded() -> None:
    body = json.dumps([{"a": {"b": {"c": number}}} for number in range(MOST_VALUES)]).encode()
    path = "$[?!(@.a.b.c == 'x') && @.a.b.c != 'y'].a.b.c"
    check(path)

    def seconds() -> float:
        began = time.process_time()
        assert len(values(path, body)) == MOST_VALUES
        return time.process_time() - began

    # The best of several: whatever else this process has to do meanwhile, as collecting garbage, is not the path's.
    assert min(seconds() for _ in range(5)) < 0.5


@given(st.text(alphabet="$.[]*?@'\"()!&|=<>:,-0123456789ab \\\n\u00fc", max_size=60))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    try:
        check(f"${text}")
    except JsonPathError:
        return
    for body in (BODY, b"[[1, 2], [3]]", b'{"a": {"b": 1}}'):
        assert isinstance(values(f"${text}", body), list)


@given(st.binary(max_size=60) | st.from_regex(rb"[\[\]{}:,\"a1 ]{0,60}", fullmatch=True))
def test_any_body_has_values_or_is_refused(body: bytes) -> None:
    with suppress(NoNumberError):
        assert isinstance(values("$.a[*]", body), list)


def test_path_is_parsed_once() -> None:
    check("$.once")
    before = json_path._compiled.cache_info().misses
    values("$.once", BODY)

    assert json_path._compiled.cache_info().misses == before
