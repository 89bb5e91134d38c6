"""The peer of the sensor: a task for each watch, which sleeps until it is due, asks, judges, and sleeps again."""

import asyncio
import random
from collections.abc import Sequence

from runbook_operator.core.level_tracker import Track, advance
from runbook_operator.core.monitors import Watch, level_of
from runbook_operator.monitoring.io.check_scheduler import Asker, Meter
from runbook_operator.runtime import clock


async def run(watches: Sequence[Watch], ask: Asker, meter: Meter) -> None:
    """Ask for ever."""
    await asyncio.gather(*(monitor_state(one, ask, meter) for one in watches))


async def monitor_state(watch: Watch, ask: Asker, meter: Meter) -> None:
    """One entry, true to its period: it does for a reading what the sensor does, and nothing else."""
    track: Track | None = None
    period = watch.period.total_seconds()
    due = clock.monotonic() + random.random() * period  # noqa: S311 # jitter, not a secret
    while True:
        await asyncio.sleep(due - clock.monotonic())
        meter.late(clock.monotonic() - due)
        reading = (await ask([watch]))[watch.key]
        level = level_of(watch, reading, track)
        track = advance(track, level, reading.value, reading.reason, clock.now(), watch.timing)
        meter.observe_reading(watch.key.group, "ok" if level == "Ok" else "unknown", reading.latency)
        due += period
