"""Signals of automatic sources about a switch. Missing data is a separate verdict: neither Engage nor Release."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["Metric", "Dependency", "Deployment"]
Verdict = Literal["Engage", "Release", "Unknown"]


@dataclass(frozen=True)
class Signal:
    """The latest signal of one source: `name` is its entry in the Runbook, `reason` describes what it read.

    `blind` is True if the verdict is Unknown for lack of data, and not because the level is between bad and good.
    """

    source: Source
    name: str
    verdict: Verdict
    reason: str = ""
    blind: bool = False
