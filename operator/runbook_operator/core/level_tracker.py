"""Track the level of one metric or check over time, with hysteresis.

Each reading gets a level. A new level must last before it is reported. A missing reading is neither good nor bad: it
pauses the clocks without resetting them. If data is missing for `no_data_after`, Stale is reported, and the last level
is kept as `known`.
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
"""The levels that a reading counts for, by reported level and level of the reading. Critical counts as Warning too.

So a metric that swings between Warning and Critical is reported as at least Warning, although neither level lasts.
"""


@dataclass(frozen=True)
class Timing:
    """The time and the number of readings that a worse level, a better one or missing data must last."""

    for_: timedelta
    clear_for: timedelta
    no_data_after: timedelta
    failures: int = 1
    successes: int = 1


@dataclass(frozen=True)
class Run:
    """Consecutive readings that count for this level. Time without data moves `since` on, so that it does not count."""

    level: Level
    since: datetime
    count: int = 1


@dataclass(frozen=True)
class Track:
    """The state between readings.

    `level` is the reported level, since `since`. `known` is the last reported level that came from data: `level`
    itself, except while Stale; it is the `before` of `judge`. `data_at` is the time of the last data, and `value` the
    value then; `blind` is True if a later reading had no data. `runs` are the levels that have not lasted long enough
    yet, the nearest first. `begun` is the time when this process took the level from the status: until there is data,
    the time without data counts from `begun`.
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
        """The level that is reported if the readings stay as they are; `level` if there are no runs."""
        return self.runs[-1].level if self.runs else self.level

    @property
    def silent_since(self) -> datetime:
        """The time from which the time without data counts, if no more data comes."""
        return self.data_at or self.begun or self.since

    @property
    def candidate_since(self) -> datetime:
        return self.runs[-1].since if self.runs else self.since

    @property
    def count(self) -> int:
        """The number of consecutive readings that count for the candidate."""
        return self.runs[-1].count if self.runs else 0


def judge(
    value: float | None,
    baseline: float | None,
    normal: Threshold | None,
    warning: Threshold | None,
    critical: Threshold | None,
    before: Level,
) -> Level:
    """Return the level of a value, after the level `before` was reported.

    With `normal`, a bad level stays bad until the value is normal again; with only `normal`, any other value is
    Warning. A threshold that cannot be evaluated makes the level Unknown, unless a worse threshold is true.
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


def advance(
    track: Track | None, observed: Level, value: float | None, reason: str, now: datetime, timing: Timing
) -> Track:
    """Return the track after this reading.

    A worse level is reported after `for_` and `failures` readings, a better one after `clear_for` and `successes`. The
    first level needs the same, and Unknown is reported until then. The first data ends Stale: the level before Stale is
    reported again, and a new level must last for its whole time.
    """
    track = _not_after(track, now) if track else Track("Unknown", now)
    if observed not in SEVERITY:
        return _unseen(track, reason, now, timing)
    if track.level == "Stale":
        track = replace(track, level=track.known, since=now)
    runs = _runs(track, observed, now, timing)
    kept = value if value is not None and not math.isnan(value) else None
    track = replace(track, data_at=now, value=kept, reason=reason, runs=runs, blind=False)
    return _reported_level(track, now, timing)


def due(track: Track, timing: Timing, now: datetime) -> datetime | None:
    """Return the time, `now` or later, when a reading like the last one changes the reported level; None for never."""
    if track.level == "Stale":
        return None
    moments = [track.silent_since + timing.no_data_after]
    if not track.blind:
        needs = [(run, *needed(track, run.level, timing)) for run in track.runs]
        moments += [run.since + length for run, length, count in needs if run.count + 1 >= count]
    return max(now, min(moments))


def signal(level: Level, at: Literal["Warning", "Critical"] = "Critical") -> Verdict:
    """Return the verdict of a level for a switch that responds at `at`.

    Warning neither engages nor releases a switch that responds at Critical: it stays engaged until Ok.
    """
    if level == "Ok":
        return "Release"
    return "Engage" if level in ("Critical", at) else "Unknown"


def _unseen(track: Track, reason: str, now: datetime, timing: Timing) -> Track:
    quiet = replace(track, reason=reason, blind=True)
    if track.level == "Stale" or now - track.silent_since < timing.no_data_after:
        return quiet
    return replace(quiet, level="Stale", since=now, runs=())


def _runs(track: Track, observed: Level, now: datetime, timing: Timing) -> tuple[Run, ...]:
    """Return the runs that this reading continues or begins; a gap of `no_data_after` or more ends them all."""
    gap = now - (track.data_at or now)
    pause = gap if track.blind else timedelta()
    running = {} if gap >= timing.no_data_after > timedelta() else {run.level: run for run in track.runs}
    return tuple(
        Run(level, running[level].since + pause, running[level].count + 1) if level in running else Run(level, now)
        for level in ALONG.get((track.level, observed), ())
    )


def _reported_level(track: Track, now: datetime, timing: Timing) -> Track:
    """Report the farthest level that has lasted; the runs beyond it continue."""
    for place in range(len(track.runs), 0, -1):
        run = track.runs[place - 1]
        length, count = needed(track, run.level, timing)
        if now - run.since >= length and run.count >= count:
            return replace(track, level=run.level, known=run.level, since=now, runs=track.runs[place:])
    return track


def needed(track: Track, level: Level, timing: Timing) -> tuple[timedelta, int]:
    """Return the time and the number of readings that a level must last before it is reported."""
    if SEVERITY[level] > SEVERITY.get(track.level, 0):
        return timing.for_, timing.failures
    return timing.clear_for, timing.successes


def _not_after(track: Track, now: datetime) -> Track:
    """Move times in the future to `now`, since the clock may have been set back."""
    runs = tuple(replace(run, since=min(run.since, now)) for run in track.runs)
    data_at, begun = (min(one, now) if one else None for one in (track.data_at, track.begun))
    return replace(track, since=min(track.since, now), data_at=data_at, runs=runs, begun=begun)
