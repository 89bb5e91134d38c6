"""The facts about query languages that decisions need: the time range of a query, and its likely mistakes.

A Runbook names a metric source, and the backend of that source knows the language. So the snapshot has the languages,
by the name of the source.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class QueryLanguage:
    """The language of one kind of metric source. Its functions are pure and accept any text as a query."""

    name: str
    lookback: Callable[[str], timedelta]
    """Return the total time range before now that the query reads."""
    settle: Callable[[str], timedelta]
    """Return the time after a write in which the value includes older data; comparisons with the past do not count."""
    remark: Callable[[str, bool], str]
    """Return a sentence about a likely mistake in the query, or "". Pass True if an absent series counts as 0."""


Languages = Mapping[str, QueryLanguage]
"""The language of each metric source, by its name."""
