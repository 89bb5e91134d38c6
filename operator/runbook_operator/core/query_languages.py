"""Query languages, as decisions need them: how far back a query looks, and its likely mistakes.

A Runbook names a metric source, and the source's backend has the language. So a decision gets the languages with its
snapshot, by the name of the source.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class QueryLanguage:
    """The language of one kind of metric source. Its functions are pure and accept any text as a query."""

    name: str
    lookback: Callable[[str], timedelta]
    """How far back the query looks in all."""
    settle: Callable[[str], timedelta]
    """For how long after a write the value includes data from before; a comparison with the past does not count."""
    remark: Callable[[str, bool], str]
    """A sentence about a likely mistake in the query, "" if there is none; True if an absent series counts as 0."""


Languages = Mapping[str, QueryLanguage]
"""The language of each metric source, by its name."""
