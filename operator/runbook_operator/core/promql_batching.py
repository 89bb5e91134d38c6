"""Several instant queries as one, where that is safe, and how many at once.

Each query is put into parentheses and its series get its number as a label; `or` then puts them side by side, and no
two are ever equal. A query is written by somebody: it must not get out of its parentheses and speak for another one,
so only one that every dialect cuts into the same strings, comments and brackets is put beside others at all.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from runbook_operator.core.samples import Sample

MARK = "__runbook_query__"
MOST = 50
"""Queries in one: so many of usual length also fit into MOST_LENGTH."""
MOST_LENGTH = 15_000
"""Bytes of a combined query: VictoriaMetrics takes 16 KiB unless told otherwise."""
WRAPPING = 70
REMEMBERED = 20_000
COMPARED = 1024
"""Queries of which it is remembered if they end in a comparison: each decision about a Runbook asks it of all."""

# What PromQL and MetricsQL disagree about, a backslash in backquotes and a line break in quotes, is no string here.
# Bare is printable ASCII without quotes, backslash and #.
STRINGS = r'"(?:[^"\\\n]|\\.)*"' r"|'(?:[^'\\\n]|\\.)*'" r"|`[^`\\\n]*`"
TOKEN = re.compile(STRINGS + r"|#[^\n]*" r"|(?P<bare>[\t\n !$-&(-\[\]-_a-~]+)")
BRACKETS = re.compile(r"[()\[\]{}]")
COMPARISON = re.compile(r"(?:[<>=!]=|[<>](?!=))(?!\s*bool\b)")
VECTOR = re.compile(r"\bor\b.*\bvector\b", re.DOTALL)
PAIRS = {")": "(", "]": "[", "}": "{"}


def is_plain(query: str) -> bool:
    """Whether every dialect reads the same brackets in it, and each is closed: then `(query)` is one expression."""
    # A carriage return ends a comment for some, and not for others.
    if "\r" in query:
        return False
    bare = _bare(query)
    return bare is not None and _closed(bare)


@lru_cache(COMPARED)
def compares(query: str) -> bool:
    """True if the query ends in a comparison, so that it gives no series where that does not hold.

    `bool` makes it give 0 instead, and so does `or vector(0)` behind it.
    """
    bare = _bare(query) or ""
    if not _closed(bare):
        return False
    flat = _outside(_inner(bare))
    return bool(COMPARISON.search(flat)) and not VECTOR.search(flat)


def combined(queries: Sequence[str], scalars: Iterable[str] = ()) -> str:
    """One query for all of them; `scalars` are those whose answer is a number and not a vector.

    The line break ends a comment at a query's end.
    """
    known = set(scalars)
    return "\nor\n".join(
        f'label_replace({"vector" if query in known else ""}({query}\n), "{MARK}", "{number}", "", "")'
        for number, query in enumerate(queries)
    )


def parted(samples: Iterable[Sample], count: int) -> list[tuple[Sample, ...]] | None:
    """The samples of each of so many queries, without the mark; None where one bears no such mark."""
    parts: dict[str, list[Sample]] = {str(number): [] for number in range(count)}
    for sample in samples:
        labels = dict(sample.labels)
        part = parts.get(labels.pop(MARK, ""))
        if part is None:
            return None
        part.append(replace(sample, labels=labels))
    return [tuple(part) for part in parts.values()]


class Sizes:
    """How many queries may be asked as one, learned from what came of it.

    What failed together is asked in halves from then on, down to one, until it is known who fails; what was answered
    quickly may be asked with twice as many. Only what is not as usual is remembered.
    """

    def __init__(self) -> None:
        self._most: dict[str, int] = {}
        self.scalars: set[str] = set()

    def batches(self, queries: Iterable[str]) -> Iterator[list[str]]:
        """The queries as they may be asked now; those that may be asked with equally many go together."""
        alike: dict[int, list[str]] = defaultdict(list)
        for query in queries:
            alike[self._most.get(query, MOST) if is_plain(query) else 1].append(query)
        for most, members in alike.items():
            yield from _chunks(members, most)

    def answered(self, batch: Sequence[str], *, quickly: bool) -> None:
        """A slow answer raises nothing: with more beside it, it would come too late."""
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
    """The query without strings and comments; None where a string does not end. It costs no more than its length."""
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
    """The text without the parentheses around all of it, however many these are; it costs no more than its length."""
    closes = _closings(bare)
    begin, end = _trimmed(bare, 0, len(bare))
    while closes.get(begin) == end - 1 and bare[begin] == "(":
        begin, end = _trimmed(bare, begin + 1, end - 1)
    return bare[begin:end]


def _closings(bare: str) -> dict[int, int]:
    """The place of each opened bracket with that of the one that closes it; every bracket is closed."""
    opened: list[int] = []
    found = {}
    for one in BRACKETS.finditer(bare):
        if one[0] in PAIRS:
            found[opened.pop()] = one.start()
        else:
            opened.append(one.start())
    return found


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    """The range without the white space at both of its ends."""
    while begin < end and text[begin].isspace():
        begin += 1
    while begin < end and text[end - 1].isspace():
        end -= 1
    return begin, end


def _outside(bare: str) -> str:
    """The text outside of all brackets."""
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
