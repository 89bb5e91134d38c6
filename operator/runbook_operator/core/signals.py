"""Signals of automatic sources about a switch. Missing data is a verdict of its own: neither Engage nor Release."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["Metric", "Dependency", "Deployment"]
Verdict = Literal["Engage", "Release", "Unknown"]


@dataclass(frozen=True)
class Signal:
    """The latest signal of one source: `name` is its entry in the Runbook, `reason` describes what it read.

    `blind` if it is Unknown because there is no data, and not because the level is between bad and good.
    """

    source: Source
    name: str
    verdict: Verdict
    reason: str = ""
    blind: bool = False
