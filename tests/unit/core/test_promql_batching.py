"""Queries side by side: none gets out of its parentheses, and each gets its own answer back."""

import sys
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook_operator.core import promql_batching
from runbook_operator.core.promql_batching import MARK, MOST, Sizes, combined, compares, is_plain, parted
from runbook_operator.core.samples import Sample

AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
USUAL = [f'sum(rate(errors{{app="shop-{number}"}}[5m]))' for number in range(1000)]


@pytest.mark.parametrize(
    "query",
    [
        "up",
        'sum by (pod) (rate(http_requests_total{code=~"5..", path!="/("}[5m] offset 1h @ end()))',
        "a{b='it\\'s )'} > 5",
        'a{b="\\\\"} or b{c=")"}',
        "a{b=`)`}",
        "a # a comment with ) and \" and '\n+ b # at the end",
        'a{b="# no comment"}',
        "max_over_time(a[1h:5m])\n\t* 2",
        'a{b="größer"}',
    ],
)
def test_query_with_balanced_brackets_is_plain(query: str) -> None:
    assert is_plain(query)


@pytest.mark.parametrize(
    "query",
    [
        f'a), "{MARK}", "0", "", "") or label_replace(vector(0), "{MARK}", "1", "", "") or label_replace((b',
        "a)",
        "(a",
        "(a]",
        "a{b=')",
        'a{b="x',
        'a{b="x\n)"}',
        "a{b=`\\`} or b{c=`)`}",
        "a{b=`x\n`}",
        "a\\ b",
        "a # )\r) or (b",
        'a # " )\r) # "',
        "größer",
        "a\x00b",
        "a{b=`",
    ],
)
def test_query_that_may_escape_its_parentheses_is_not_plain(query: str) -> None:
    assert not is_plain(query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up >= 1", True),
        ("(up == 0)", True),
        ("( (sum(up)) != 2 )", True),
        ("sum(up) < 3 and up", True),
        ('max_over_time(waiting{reason="a"}[5m]) >= 1', True),
        ("(a > 1) or (b > 1)", False),
        ("up > bool 1", False),
        ("up >=bool 1", False),
        ("up > 1 or vector(0)", False),
        ("sum(rate(errors[5m])) / sum(rate(all[5m]))", False),
        ('up{a!="b", c=~"d"}', False),
        ("count(up > 1)", False),
        ("up # > 1", False),
        ("up > 1)", False),
        ("'", False),
    ],
)
def test_trailing_comparison_of_a_query_is_found(query: str, *, expected: bool) -> None:
    assert compares(query) is expected


@pytest.mark.parametrize(("opened", "closed"), [("(", ")"), (" ( ", "\n) "), ("(a) + (", ")")])
def test_nested_query_costs_linear_time(opened: str, closed: str) -> None:
    short, long = (lines(opened * depth + "x > 1" + closed * depth) for depth in (200, 800))

    assert long < 5 * short


def lines(query: str) -> int:
    """How many lines of Python it takes to find out if the query ends in a comparison."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        compares.__wrapped__(query)
    finally:
        sys.settrace(before)
    return count


@given(st.text(alphabet="ab()[]{}\"'`\\# \n\r,=", max_size=12))
def test_plain_query_is_closed_for_a_character_reader(query: str) -> None:
    if is_plain(query):
        assert depths(query + "\n)")[-1] == -1
        assert min(depths(query), default=0) >= 0


def depths(query: str) -> list[int]:
    """The depth of brackets after each character, as a lexer that knows strings, escapes and comments counts it."""
    found, depth, within, escaped = [], 0, "", False
    for one in query:
        if within == "#":
            within = "" if one == "\n" else within
        elif within:
            closes = one == within and not escaped
            escaped = one == "\\" and not escaped and within != "`"
            within = "" if closes else within
        elif one in "\"'`#":
            within = one
        else:
            depth += (one in "([{") - (one in ")]}")
        found.append(depth)
    return found


def test_combined_queries_are_numbered_and_scalars_become_vectors() -> None:
    assert combined(["up # all", "time()"], ["time()"]) == (
        f'label_replace((up # all\n), "{MARK}", "0", "", "")\nor\n'
        f'label_replace(vector(time()\n), "{MARK}", "1", "", "")'
    )


def test_combined_answer_is_split_by_query_number() -> None:
    found = [Sample({MARK: "2", "a": "x"}, 1, AT), Sample({MARK: "0", "a": "x"}, 2, AT), Sample({MARK: "2"}, 3, AT)]

    assert parted(found, 3) == [(Sample({"a": "x"}, 2, AT),), (), (Sample({"a": "x"}, 1, AT), Sample({}, 3, AT))]
    assert found[0].labels == {MARK: "2", "a": "x"}


@pytest.mark.parametrize("labels", [{}, {MARK: "3"}, {MARK: ""}, {MARK: "-1"}, {MARK: "02"}, {MARK: "x"}])
def test_answer_with_an_unknown_query_number_is_rejected(labels: dict[str, str]) -> None:
    assert parted([Sample({MARK: "0"}, 1, AT), Sample(labels, 1, AT)], 3) is None


def test_thousand_queries_form_few_bounded_batches() -> None:
    batches = list(Sizes().batches(USUAL))

    assert [query for batch in batches for query in batch] == USUAL
    assert len(batches) == 1000 / MOST
    assert all(len(combined(batch).encode()) <= promql_batching.MOST_LENGTH for batch in batches)


def test_long_queries_form_smaller_batches() -> None:
    long = ["x" * 8000, "y" * 4000, "z" * 40_000, "v", "w"]

    batches = list(Sizes().batches(long))

    assert batches == [["x" * 8000, "y" * 4000], ["z" * 40_000], ["v", "w"]]


def test_combined_query_stays_below_16_kib() -> None:
    queries = [f"a{number}" + "_" * number * 7 for number in range(500)]

    for batch in Sizes().batches(queries):
        assert len(batch) == 1 or len(combined(batch, batch).encode()) <= 16 * 1024


def test_query_that_is_not_plain_forms_its_own_batch() -> None:
    assert list(Sizes().batches(["a", "b)", "c", "\\", "d"])) == [["a", "c", "d"], ["b)"], ["\\"]]


def test_failed_batch_is_halved_until_single() -> None:
    sizes, queries, observed = Sizes(), USUAL[:50], []
    for _ in range(8):
        batch = next(iter(sizes.batches(queries)))
        observed.append(len(batch))
        sizes.failed(batch)
        queries = batch

    assert observed == [50, 25, 12, 6, 3, 1, 1, 1]


def test_quickly_answered_batch_grows_again() -> None:
    sizes, queries = Sizes(), USUAL[:8]
    sizes.failed(queries)
    assert [len(batch) for batch in sizes.batches(queries)] == [4, 4]

    sizes.answered(queries, quickly=False)
    assert [len(batch) for batch in sizes.batches(queries)] == [4, 4]

    sizes.answered(queries, quickly=True)
    assert [len(batch) for batch in sizes.batches(queries)] == [8]


def test_query_never_slow_is_not_remembered() -> None:
    sizes = Sizes()
    sizes.failed(USUAL[:2])
    for _ in range(6):
        sizes.answered(USUAL, quickly=True)

    assert sizes._most == {}


def test_failing_query_is_isolated_and_others_stay_together() -> None:
    sizes, bad = Sizes(), USUAL[7]

    requests = []
    for _ in range(12):
        batches = list(sizes.batches(USUAL[:100]))
        requests.append(len(batches))
        for batch in batches:
            if bad in batch:
                sizes.failed(batch)
            else:
                sizes.answered(batch, quickly=True)

    assert requests[0] == 2
    assert requests[-1] == 3
    assert [bad] in list(sizes.batches(USUAL[:100]))


def test_remembered_queries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promql_batching, "REMEMBERED", 10)
    sizes = Sizes()
    for query in USUAL:
        sizes.failed([query])
        sizes.is_scalar(query)

    assert len(sizes._most) <= 11
    assert len(sizes.scalars) <= 11
