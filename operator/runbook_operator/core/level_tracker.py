"""The judgement of one metric or one check over time: what is told, and when it changes.

A reading is judged, then it has to last before it is told. No reading is neither good nor bad: it stops the clocks
without turning them back, and only where it goes on for `no_data_after` it is told, as Stale, over a level that is
kept underneath.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from runbook_operator.core.signals import Verdict
from runbook_operator.core.thresholds import Threshold

Level = Literal["Ok", "Warning", "Critical", "Unknown", "Stale"]

SEVERITY: dict[Level, int] = {"Ok": 0, "Warning": 1, "Critical": 2}
"""The levels that data can have."""

ALONG: dict[tuple[Level, Level], tuple[Level, ...]] = {
    ("Ok", "Warning"): ("Warning",),
    ("Ok", "Critical"): ("Warning", "Critical"),
    ("Warning", "Ok"): ("Ok",),
    ("Warning", "Critical"): ("Critical",),
    ("Critical", "Warning"): ("Warning",),
    ("Critical", "Ok"): ("Warning", "Ok"),
    ("Unknown", "Ok"): ("Ok",),
    ("Unknown", "Warning"): ("Warning",),
    ("Unknown", "Critical"): ("Warning", "Critical"),
}
"""What a reading speaks for, from the level told to the level seen: Critical is also as bad as Warning.

So a metric that swings between Warning and Critical is at least told as Warning, instead of neither lasting ever.
"""


@dataclass(frozen=True)
class Timing:
    """How long, and how many readings in a row, before a worse level, a better level and the lack of data are told."""

    for_: timedelta
    clear_for: timedelta
    no_data_after: timedelta
    failures: int = 1
    successes: int = 1


@dataclass(frozen=True)
class Run:
    """Readings without a break that speak for this level. `since` moves on with the time without data."""

    level: Level
    since: datetime
    count: int = 1


@dataclass(frozen=True)
class Track:
    """What is kept between readings.

    `level` is told, since `since`. `known` is the last level told that came from data: `level` itself, except under
    Stale; it is the `before` of `judge`. `value` is the one of `data_at`, the last time that there was data; `blind` if
    there was none since. `runs` are the levels on their way, the nearest first. `begun` is when somebody went on from
    what was told before: until there is data, the time without data is counted from there.
    """

    level: Level
    since: datetime
    known: Level = "Unknown"
    data_at: datetime | None = None
    value: float | None = None
    reason: str = ""
    runs: tuple[Run, ...] = ()
    blind: bool = False
    begun: datetime | None = None

    @property
    def candidate(self) -> Level:
        """The level that would be told if what is seen lasted; `level` where nothing is on its way."""
        return self.runs[-1].level if self.runs else self.level

    @property
    def silent_since(self) -> datetime:
        """When the time without data begins, if there is none from here on."""
        return self.data_at or self.begun or self.since

    @property
    def candidate_since(self) -> datetime:
        return self.runs[-1].since if self.runs else self.since

    @property
    def count(self) -> int:
        """For how many readings in a row the candidate was seen."""
        return self.runs[-1].count if self.runs else 0


def judge(
    value: float | None,
    baseline: float | None,
    normal: Threshold | None,
    warning: Threshold | None,
    critical: Threshold | None,
    before: Level,
) -> Level:
    """The level of a value, after this level was told.

    What was bad is bad until normal holds again, where normal is given. A threshold that cannot say anything makes the
    whole Unknown, unless a worse one holds. Normal alone warns where it does not hold.
    """
    if value is None or math.isnan(value):
        return "Unknown"
    levels: tuple[tuple[Level, Threshold | None], ...] = (("Critical", critical), ("Warning", warning))
    for level, rule in levels:
        held = rule.holds(value, baseline) if rule else False
        if held is not False:
            return level if held else "Unknown"
    strict = before in ("Warning", "Critical") or not (warning or critical)
    held = normal.holds(value, baseline) if normal and strict else True
    if held is None:
        return "Unknown"
    return "Ok" if held else "Warning"


def advance(track: Track | None, seen: Level, value: float | None, reason: str, now: datetime, timing: Timing) -> Track:
    """The track after this reading.

    A worse level is told when it was seen for `for_` and `failures` times, a better one for `clear_for` and `successes`
    times; the first level of all needs the same. Unknown is told only when nothing is known yet. The first data ends
    Stale: the level from before is told again, and what is seen must last anew.
    """
    track = _not_after(track, now) if track else Track("Unknown", now)
    if seen not in SEVERITY:
        return _unseen(track, reason, now, timing)
    if track.level == "Stale":
        track = replace(track, level=track.known, since=now)
    runs = _runs(track, seen, now, timing)
    kept = value if value is not None and not math.isnan(value) else None
    track = replace(track, data_at=now, value=kept, reason=reason, runs=runs, blind=False)
    return _told(track, now, timing)


def due(track: Track, timing: Timing, now: datetime) -> datetime | None:
    """The earliest time at which a reading like the last one changes what is told, not before now; None for never."""
    if track.level == "Stale":
        return None
    moments = [track.silent_since + timing.no_data_after]
    if not track.blind:
        needs = [(run, *needed(track, run.level, timing)) for run in track.runs]
        moments += [run.since + length for run, length, count in needs if run.count + 1 >= count]
    return max(now, min(moments))


def signal(level: Level, at: Literal["Warning", "Critical"] = "Critical") -> Verdict:
    """What a level says to a switch whose response is meant for `at`.

    Warning, for a response to Critical, neither engages nor releases: what Critical engaged holds until Ok.
    """
    if level == "Ok":
        return "Release"
    return "Engage" if level in ("Critical", at) else "Unknown"


def _unseen(track: Track, reason: str, now: datetime, timing: Timing) -> Track:
    quiet = replace(track, reason=reason, blind=True)
    if track.level == "Stale" or now - track.silent_since < timing.no_data_after:
        return quiet
    return replace(quiet, level="Stale", since=now, runs=())


def _runs(track: Track, seen: Level, now: datetime, timing: Timing) -> tuple[Run, ...]:
    """The runs that this reading continues or begins; a silence that would have been told as Stale ends them all."""
    gap = now - (track.data_at or now)
    pause = gap if track.blind else timedelta()
    running = {} if gap >= timing.no_data_after > timedelta() else {run.level: run for run in track.runs}
    return tuple(
        Run(level, running[level].since + pause, running[level].count + 1) if level in running else Run(level, now)
        for level in ALONG.get((track.level, seen), ())
    )


def _told(track: Track, now: datetime, timing: Timing) -> Track:
    """The farthest level that has lasted is told; those beyond it go on."""
    for place in range(len(track.runs), 0, -1):
        run = track.runs[place - 1]
        length, count = needed(track, run.level, timing)
        if now - run.since >= length and run.count >= count:
            return replace(track, level=run.level, known=run.level, since=now, runs=track.runs[place:])
    return track


def needed(track: Track, level: Level, timing: Timing) -> tuple[timedelta, int]:
    """How long and how often a level must be seen."""
    if SEVERITY[level] > SEVERITY.get(track.level, 0):
        return timing.for_, timing.failures
    return timing.clear_for, timing.successes


def _not_after(track: Track, now: datetime) -> Track:
    """The track on a clock that may have been put back: nothing in it lies in the future."""
    runs = tuple(replace(run, since=min(run.since, now)) for run in track.runs)
    data_at, begun = (min(one, now) if one else None for one in (track.data_at, track.begun))
    return replace(track, since=min(track.since, now), data_at=data_at, runs=runs, begun=begun)
