"""Combine several instant queries into one where that is safe, and learn how many fit.

Each query is put into parentheses, and its series get its number as a label, so that no two series are ever equal. `or`
then joins the queries. They are untrusted: a query must not leave its parentheses and answer for another one. So only a
query that every dialect splits into the same strings, comments and brackets is combined with others.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from runbook_operator.core.samples import Sample

MARK = "__runbook_query__"
MOST = 50
"""Maximum number of queries in a combined one; this many of usual length also fit into MOST_LENGTH."""
MOST_LENGTH = 15_000
"""Maximum number of bytes of a combined query; VictoriaMetrics accepts 16 KiB by default."""
WRAPPING = 70
REMEMBERED = 20_000
COMPARED = 1024
"""Maximum number of cached results of `compares`, which each decision about a Runbook calls for all queries."""

# PromQL and MetricsQL disagree about a backslash in backquotes and a line break in quotes, so neither is a string here.
# Bare is printable ASCII without quotes, backslash and #.
STRINGS = r'"(?:[^"\\\n]|\\.)*"' r"|'(?:[^'\\\n]|\\.)*'" r"|`[^`\\\n]*`"
TOKEN = re.compile(STRINGS + r"|#[^\n]*" r"|(?P<bare>[\t\n !$-&(-\[\]-_a-~]+)")
BRACKETS = re.compile(r"[()\[\]{}]")
COMPARISON = re.compile(r"(?:[<>=!]=|[<>](?!=))(?!\s*bool\b)")
VECTOR = re.compile(r"\bor\b.*\bvector\b", re.DOTALL)
PAIRS = {")": "(", "]": "[", "}": "{"}


def is_plain(query: str) -> bool:
    """True if every dialect finds the same brackets in it, and each is closed, so that `(query)` is one expression."""
    # A carriage return ends a comment in some dialects only.
    if "\r" in query:
        return False
    bare = _bare(query)
    return bare is not None and _closed(bare)


@lru_cache(COMPARED)
def compares(query: str) -> bool:
    """True if the query compares outside of brackets, so that it returns no series where the comparison is false.

    False for a comparison with `bool` or with `or vector(0)` after it, which returns 0 instead.
    """
    bare = _bare(query) or ""
    if not _closed(bare):
        return False
    flat = _outside(_inner(bare))
    return bool(COMPARISON.search(flat)) and not VECTOR.search(flat)


def combined(queries: Sequence[str], scalars: Iterable[str] = ()) -> str:
    """Return one query that combines all; `scalars` are the queries whose answer is a number and not a vector.

    A line break after each query ends a comment at its end.
    """
    known = set(scalars)
    return "\nor\n".join(
        f'label_replace({"vector" if query in known else ""}({query}\n), "{MARK}", "{number}", "", "")'
        for number, query in enumerate(queries)
    )


def parted(samples: Iterable[Sample], count: int) -> list[tuple[Sample, ...]] | None:
    """Return the samples of each of `count` queries, without MARK; None if a sample has no valid MARK."""
    parts: dict[str, list[Sample]] = {str(number): [] for number in range(count)}
    for sample in samples:
        labels = dict(sample.labels)
        part = parts.get(labels.pop(MARK, ""))
        if part is None:
            return None
        part.append(replace(sample, labels=labels))
    return [tuple(part) for part in parts.values()]


class Sizes:
    """Maximum batch size of each query, learned from the answers.

    After a failure, the size of the batch's queries is halved, down to 1, until the failing query is known. After a
    quick answer it is doubled. Only sizes below the maximum are stored.
    """

    def __init__(self) -> None:
        self._most: dict[str, int] = {}
        self.scalars: set[str] = set()

    def batches(self, queries: Iterable[str]) -> Iterator[list[str]]:
        """Yield the queries in batches of the maximum size; a batch has only queries with the same maximum."""
        alike: dict[int, list[str]] = defaultdict(list)
        for query in queries:
            alike[self._most.get(query, MOST) if is_plain(query) else 1].append(query)
        for most, members in alike.items():
            yield from _chunks(members, most)

    def answered(self, batch: Sequence[str], *, quickly: bool) -> None:
        """Double the size after a quick answer. After a slow one keep it: a larger batch would be answered too late."""
        for query in batch if quickly else ():
            if (most := self._most.pop(query, MOST) * 2) < MOST:
                self._most[query] = most

    def failed(self, batch: Sequence[str]) -> None:
        if len(self._most) > REMEMBERED:
            self._most.clear()
        self._most |= dict.fromkeys(batch, max(1, len(batch) // 2))

    def is_scalar(self, query: str) -> None:
        if len(self.scalars) > REMEMBERED:
            self.scalars.clear()
        self.scalars.add(query)


def _bare(query: str) -> str | None:
    """Return the query without strings and comments, in linear time; None if a string does not end."""
    parts, at = [], 0
    while at < len(query):
        if (token := TOKEN.match(query, at)) is None:
            return None
        parts.append(token["bare"] or "")
        at = token.end()
    return "".join(parts)


def _closed(bare: str) -> bool:
    opened: list[str] = []
    for one in BRACKETS.findall(bare):
        if one not in PAIRS:
            opened.append(one)
        elif not opened or opened.pop() != PAIRS[one]:
            return False
    return not opened


def _inner(bare: str) -> str:
    """Return the text without the parentheses that enclose all of it, in linear time."""
    closes = _closings(bare)
    begin, end = _trimmed(bare, 0, len(bare))
    while closes.get(begin) == end - 1 and bare[begin] == "(":
        begin, end = _trimmed(bare, begin + 1, end - 1)
    return bare[begin:end]


def _closings(bare: str) -> dict[int, int]:
    """Return the position of the closing bracket by that of its opening one; every bracket must be closed."""
    opened: list[int] = []
    found = {}
    for one in BRACKETS.finditer(bare):
        if one[0] in PAIRS:
            found[opened.pop()] = one.start()
        else:
            opened.append(one.start())
    return found


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    """Return the range without the white space at both of its ends."""
    while begin < end and text[begin].isspace():
        begin += 1
    while begin < end and text[end - 1].isspace():
        end -= 1
    return begin, end


def _outside(bare: str) -> str:
    """Return the text outside of all brackets."""
    depth, kept = 0, []
    for part in re.split(r"([()\[\]{}])", bare):
        depth += part in PAIRS.values() if part else 0
        kept.append(part if not depth or part in PAIRS.values() else "")
        depth -= part in PAIRS
    return "".join(kept)


def _chunks(queries: Iterable[str], most: int) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for query in queries:
        cost = len(query.encode(errors="replace")) + WRAPPING
        if batch and (len(batch) == most or length + cost > MOST_LENGTH):
            yield batch
            batch, length = [], 0
        batch.append(query)
        length += cost
    yield batch
