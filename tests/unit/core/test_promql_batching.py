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
def test_a_query_whose_brackets_everybody_reads_alike_is_plain(query: str) -> None:
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
def test_a_query_that_could_get_out_of_its_parentheses_is_not(query: str) -> None:
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
def test_query_that_ends_in_a_comparison_is_found(query: str, *, expected: bool) -> None:
    assert compares(query) is expected


@pytest.mark.parametrize(("opened", "closed"), [("(", ")"), (" ( ", "\n) "), ("(a) + (", ")")])
def test_nested_query_costs_no_more_than_its_length(opened: str, closed: str) -> None:
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
def test_what_is_plain_is_closed_for_who_reads_it_character_by_character(query: str) -> None:
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


def test_each_query_bears_its_number_and_a_scalar_becomes_a_vector() -> None:
    assert combined(["up # all", "time()"], ["time()"]) == (
        f'label_replace((up # all\n), "{MARK}", "0", "", "")\nor\n'
        f'label_replace(vector(time()\n), "{MARK}", "1", "", "")'
    )


def test_each_query_gets_its_own_samples_back_without_the_mark() -> None:
    found = [Sample({MARK: "2", "a": "x"}, 1, AT), Sample({MARK: "0", "a": "x"}, 2, AT), Sample({MARK: "2"}, 3, AT)]

    assert parted(found, 3) == [(Sample({"a": "x"}, 2, AT),), (), (Sample({"a": "x"}, 1, AT), Sample({}, 3, AT))]
    assert found[0].labels == {MARK: "2", "a": "x"}


@pytest.mark.parametrize("labels", [{}, {MARK: "3"}, {MARK: ""}, {MARK: "-1"}, {MARK: "02"}, {MARK: "x"}])
def test_an_answer_to_nobody_is_none_for_anybody(labels: dict[str, str]) -> None:
    assert parted([Sample({MARK: "0"}, 1, AT), Sample(labels, 1, AT)], 3) is None


def test_a_thousand_queries_are_tens_of_batches_which_are_bounded_in_number_and_length() -> None:
    batches = list(Sizes().batches(USUAL))

    assert [query for batch in batches for query in batch] == USUAL
    assert len(batches) == 1000 / MOST
    assert all(len(combined(batch).encode()) <= promql_batching.MOST_LENGTH for batch in batches)


def test_long_queries_are_fewer_at_once_and_one_that_is_too_long_is_asked_alone() -> None:
    long = ["x" * 8000, "y" * 4000, "z" * 40_000, "v", "w"]

    batches = list(Sizes().batches(long))

    assert batches == [["x" * 8000, "y" * 4000], ["z" * 40_000], ["v", "w"]]


def test_no_combined_query_of_several_is_longer_than_what_every_source_takes() -> None:
    queries = [f"a{number}" + "_" * number * 7 for number in range(500)]

    for batch in Sizes().batches(queries):
        assert len(batch) == 1 or len(combined(batch, batch).encode()) <= 16 * 1024


def test_a_query_that_is_not_plain_is_always_asked_alone() -> None:
    assert list(Sizes().batches(["a", "b)", "c", "\\", "d"])) == [["a", "c", "d"], ["b)"], ["\\"]]


def test_what_fails_together_is_asked_in_halves_until_it_is_alone() -> None:
    sizes, queries, observed = Sizes(), USUAL[:50], []
    for _ in range(8):
        batch = next(iter(sizes.batches(queries)))
        observed.append(len(batch))
        sizes.failed(batch)
        queries = batch

    assert observed == [50, 25, 12, 6, 3, 1, 1, 1]


def test_what_is_answered_quickly_is_asked_with_more_again_and_what_is_slow_is_not() -> None:
    sizes, queries = Sizes(), USUAL[:8]
    sizes.failed(queries)
    assert [len(batch) for batch in sizes.batches(queries)] == [4, 4]

    sizes.answered(queries, quickly=False)
    assert [len(batch) for batch in sizes.batches(queries)] == [4, 4]

    sizes.answered(queries, quickly=True)
    assert [len(batch) for batch in sizes.batches(queries)] == [8]


def test_what_was_never_slow_is_not_remembered() -> None:
    sizes = Sizes()
    sizes.failed(USUAL[:2])
    for _ in range(6):
        sizes.answered(USUAL, quickly=True)

    assert sizes._most == {}


def test_who_failed_among_many_does_not_keep_the_others_apart() -> None:
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


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promql_batching, "REMEMBERED", 10)
    sizes = Sizes()
    for query in USUAL:
        sizes.failed([query])
        sizes.is_scalar(query)

    assert len(sizes._most) <= 11
    assert len(sizes.scalars) <= 11
