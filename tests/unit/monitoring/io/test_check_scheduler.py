"""When things are asked, and what is made of the answers. No time passes but what the loop waits for."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from runbook_operator.core.level_tracker import Track
from runbook_operator.core.monitors import Key, Reading, Watch
from runbook_operator.monitoring.io.check_scheduler import CHECKS_PER_TURN, LONGEST_FIRST, PER_TURN
from runbook_operator.telemetry.metrics import Metrics
from tests.builders import NOW
from tests.fakes.check_loop import (
    BAD,
    BEGINNING,
    GOOD,
    NOTHING,
    SHOP,
    PlanContext,
    check,
    gaps,
    metric,
    on_a_fake_clock,
    passing,
    timing,
)

DOCS = replace(SHOP, name="docs")


def sample(scene: PlanContext, name: str, labels: dict[str, str] | None = None) -> float:
    return scene.metrics.registry.get_sample_value(f"runbook_operator_{name}", labels or {}) or 0.0


@on_a_fake_clock
async def test_entry_is_checked_once_per_period_despite_slow_answers() -> None:
    scene = PlanContext(seconds={"ready": 7.0})
    scene.watch(check("ready", period=10))

    await scene.run(100)

    assert gaps(scene.times("ready")) == [10.0] * 9


@on_a_fake_clock
async def test_load_does_not_lengthen_the_period() -> None:
    scene = PlanContext(work=0.3)
    scene.watch(*(check(f"check-{number}", period=10) for number in range(20)))

    await scene.run(1000)

    for number in range(20):
        times = scene.times(f"check-{number}")
        assert len(times) == 100
        assert times[-1] - times[0] == pytest.approx(990, abs=3)


@on_a_fake_clock
async def test_missed_checks_are_not_repeated_and_their_lateness_is_counted() -> None:
    scene = PlanContext()
    scene.watch(check(period=10))
    with scene.running():
        await asyncio.sleep(20)
        first, second = scene.times("ready")
        passing().seconds = second + 47
        await asyncio.sleep(30)

    assert gaps(scene.times("ready")) == [10.0, 47.0, 3.0, 10.0, 10.0]
    assert sample(scene, "sensing_lateness_seconds_count") == 6
    assert sample(scene, "sensing_lateness_seconds_sum") == pytest.approx(37, abs=0.01)
    assert first < BEGINNING + 10


@on_a_fake_clock
async def test_check_late_by_nearly_a_period_is_not_repeated_at_once() -> None:
    scene = PlanContext()
    scene.watch(check(period=10))
    with scene.running():
        await asyncio.sleep(10)
        passing().seconds = scene.times("ready")[0] + 19.8
        await asyncio.sleep(20)

    assert gaps(scene.times("ready")) == [19.8, 10.2]


async def until_asked(scene: PlanContext) -> None:
    while not scene.asked:  # noqa: ASYNC110 # it waits for the fake clock
        await asyncio.sleep(0.1)


async def first_asks(number: int, period: float) -> dict[str, float]:
    """After how many seconds each of so many entries was asked first."""
    scene = PlanContext()
    scene.watch(*(check(f"check-{one}", period=period) for one in range(number)))
    await scene.run(max(period, LONGEST_FIRST) + 1)
    return {f"check-{one}": scene.times(f"check-{one}")[0] - BEGINNING for one in range(number)}


@on_a_fake_clock
async def test_first_checks_are_spread_over_the_period() -> None:
    tenths = Counter(int(first) for first in (await first_asks(1000, 10)).values())

    assert set(tenths) == set(range(10))
    assert all(70 <= count <= 130 for count in tenths.values())


def test_first_check_times_are_stable_across_restarts() -> None:
    found: list[dict[str, float]] = []

    async def story() -> None:
        found.append(await first_asks(20, 10))

    on_a_fake_clock(story)()
    on_a_fake_clock(story)()

    assert found[0] == pytest.approx(found[1], abs=0.001)


@on_a_fake_clock
async def test_first_check_of_a_long_period_is_early() -> None:
    scene = PlanContext()
    day = timing(no_data_after=86400)
    scene.watch(check(period=3600, timing=day), *(metric(f"metric-{one}", 3600, timing=day) for one in range(3)))

    await scene.run(LONGEST_FIRST)
    assert sorted(one.names for one in scene.asked) == [["metric-0", "metric-1", "metric-2"], ["ready"]]

    await scene.run(2 * 3600)
    assert 2 <= len(scene.times("ready")) <= 3
    assert gaps(scene.times("ready"))[1:] in ([], [3600.0])


@on_a_fake_clock
async def test_entry_is_never_checked_twice_concurrently() -> None:
    scene = PlanContext(seconds={"ready": 25.0})
    scene.watch(check("ready", period=10))

    await scene.run(120)

    assert gaps(scene.times("ready")) == [30.0] * 3
    assert scene.most == 1


@on_a_fake_clock
async def test_entry_changed_during_a_check_drops_the_answer() -> None:
    scene = PlanContext(seconds={"ready": 25.0}, answers={"ready": BAD})
    with scene.running():
        scene.watch(check("ready", period=10))
        await asyncio.sleep(10)
        assert len(scene.asked) == 1

        scene.watch(check("ready", period=11))
        await asyncio.sleep(24)
        assert (len(scene.asked), scene.changed, scene.scheduler.monitor_states(SHOP)) == (1, [], {})
        await asyncio.sleep(40)

    assert scene.changed == [SHOP]
    assert scene.most == 1


@on_a_fake_clock
async def test_hanging_target_delays_no_other_check() -> None:
    scene = PlanContext(seconds={f"hangs-{number}": 3600.0 for number in range(100)})
    scene.watch(*(check(f"hangs-{number}", period=1) for number in range(100)), check("well", period=1))

    await scene.run(100)

    assert len(scene.times("well")) == 100
    assert sample(scene, "sensing_lateness_seconds_sum") < 0.1


@on_a_fake_clock
async def test_metrics_of_one_source_are_read_together_and_checks_separately() -> None:
    scene = PlanContext()
    for name in ("shop", "docs"):
        runbook = replace(SHOP, name=name)
        mine = [metric(f"{name}-{one}", period=15, runbook=runbook) for one in range(100)]
        scene.watch(*mine, metric(f"{name}-other", source="other", runbook=runbook), check(name), runbook=runbook)

    await scene.run(15)

    calls = sorted((len(one.names), one.names[0]) for one in scene.asked if "-" in one.names[0])
    assert calls == [(2, "shop-other"), (200, "shop-0")]
    assert all(one.names in (["shop"], ["docs"]) for one in scene.asked if "-" not in one.names[0])


@on_a_fake_clock
async def test_metric_declared_later_joins_the_common_read() -> None:
    scene = PlanContext()
    with scene.running():
        scene.watch(metric("first", period=15))
        await asyncio.sleep(52)
        scene.watch(metric("later", period=15, runbook=DOCS), metric("rare", period=30, runbook=DOCS), runbook=DOCS)
        scene.asked.clear()
        await asyncio.sleep(30)

    assert sorted(one.names for one in scene.asked) == [["first", "later"], ["first", "later", "rare"]]


@on_a_fake_clock
async def test_only_a_leader_checks_and_missed_periods_are_not_repeated() -> None:
    scene = PlanContext(leading=False)
    scene.watch(*(check(f"check-{number}", period=10) for number in range(100)))
    with scene.running():
        await asyncio.sleep(100)
        assert scene.asked == []

        scene.leading = True
        await asyncio.sleep(5)
        assert 20 <= len(scene.asked) <= 80
        await asyncio.sleep(5)

    assert len(scene.asked) == 100
    assert sample(scene, "sensing_lateness_seconds_sum") < 0.01


@on_a_fake_clock
async def test_new_leader_continues_from_the_statuses() -> None:
    scene = PlanContext()
    ready = check(timing=timing(60))
    scene.watch(ready)
    await scene.run(10)
    scene.scheduler.clear()
    assert scene.scheduler.monitor_states(SHOP) == {}

    track = Track("Critical", NOW - timedelta(hours=1), "Critical", NOW - timedelta(minutes=1))
    scene.watch(ready, known={ready.key: track})
    assert scene.scheduler.monitor_states(SHOP)[ready.key].track == track
    assert scene.scheduler.monitor_states(SHOP)[ready.key].reading == Reading()

    scene.changed.clear()
    with scene.running():
        await asyncio.sleep(59)
        assert (scene.level(ready), scene.changed) == ("Critical", [SHOP])
        await asyncio.sleep(20)
        assert scene.level(ready) == "Ok"


@on_a_fake_clock
async def test_answer_from_before_leading_is_dropped() -> None:
    scene = PlanContext(seconds={"ready": 5.0})
    scene.watch(check())
    with scene.running():
        await until_asked(scene)
        scene.scheduler.clear()
        await asyncio.sleep(60)

    assert (len(scene.asked), scene.changed) == (1, [])


@on_a_fake_clock
async def test_deleted_runbook_is_no_longer_checked_and_its_answer_dropped() -> None:
    scene = PlanContext(seconds={"ready": 3.0})
    scene.watch(check(), runbook=SHOP)
    with scene.running():
        await until_asked(scene)
        scene.watch(check("docs", runbook=DOCS), runbook=DOCS)
        scene.scheduler.forget(SHOP)
        await asyncio.sleep(100)

    assert len(scene.times("ready")) == 1
    assert len(scene.times("docs")) >= 9
    assert set(scene.changed) == {DOCS}
    assert scene.scheduler.monitor_states(SHOP) == {}


@on_a_fake_clock
async def test_removed_entry_leaves_no_state() -> None:
    scene = PlanContext()
    for edit in range(1000):
        scene.watch(*(check(f"check-{one}", period=3600 + edit) for one in range(10)))

    assert len(scene.scheduler._heap) <= 30
    scene.scheduler.forget(SHOP)
    assert (scene.scheduler._heap, scene.scheduler._entries) == ([], {})


@on_a_fake_clock
async def test_unchanged_entry_keeps_its_schedule_and_track() -> None:
    scene = PlanContext(answers={"ready": BAD})
    watch = check(timing=timing(25))
    with scene.running():
        for _ in range(18):
            scene.watch(check(timing=timing(25)), check("other"))
            scene.watch(check(timing=timing(25)))
            await asyncio.sleep(2)

    assert gaps(scene.times("ready"))[:2] == [10.0, 10.0]
    assert scene.level(watch) == "Critical"


@on_a_fake_clock
async def test_changed_entry_starts_again() -> None:
    scene = PlanContext(answers={"ready": BAD})
    scene.watch(check())
    await scene.run(10)
    assert scene.level(check()) == "Critical"

    edited = check(period=20)
    scene.watch(edited)
    assert scene.scheduler.monitor_states(SHOP) == {}

    known = Track("Ok", NOW, "Ok", NOW)
    scene.watch(check(period=30), known={edited.key: known})
    assert scene.scheduler.monitor_states(SHOP)[edited.key].track == known


@on_a_fake_clock
async def test_repeatedly_edited_entry_is_still_checked() -> None:
    scene = PlanContext()
    with scene.running():
        for edit in range(50):
            scene.watch(replace(check(period=10), timeout=timedelta(milliseconds=edit + 1)))
            await asyncio.sleep(2)

    assert gaps(scene.times("ready")) == [10.0] * 9


@on_a_fake_clock
async def test_runbook_is_visited_only_for_a_first_answer_or_a_new_level() -> None:
    scene = PlanContext(answers={"ready": NOTHING})
    scene.watch(check(period=10))
    with scene.running():
        for answer, calls in ((NOTHING, 1), (NOTHING, 1), (GOOD, 2), (GOOD, 2), (NOTHING, 2), (BAD, 3), (BAD, 3)):
            scene.answers["ready"] = answer
            await asyncio.sleep(10)
            assert (len(scene.changed), scene.scheduler.monitor_states(SHOP)[check().key].reading) == (calls, answer)


@on_a_fake_clock
async def test_level_due_by_time_is_checked_when_due() -> None:
    scene = PlanContext(answers={"ready": BAD, "errors": Reading(value=11.0)})
    ready, errors = check(period=60, timing=timing(5)), metric(period=60, timing=timing(5))
    scene.watch(ready, errors)

    await scene.run(60)

    assert gaps(scene.times("ready"))[:1] == pytest.approx([5], abs=0.02)
    assert gaps(scene.times("errors"))[:1] == pytest.approx([6], abs=0.02)
    assert (scene.level(ready), scene.level(errors)) == ("Critical", "Critical")


@on_a_fake_clock
async def test_stale_level_is_reported_when_due() -> None:
    scene = PlanContext(answers={"ready": NOTHING})
    ready = check(period=30, timing=timing(no_data_after=70))
    known = Track("Ok", NOW, "Ok", NOW - timedelta(seconds=15))
    scene.watch(ready, known={ready.key: known})

    await scene.run(54.5)
    assert scene.level(ready) == "Ok"
    await scene.run(1)
    assert scene.level(ready) == "Stale"


@on_a_fake_clock
async def test_consecutive_failures_are_one_period_apart() -> None:
    scene = PlanContext(answers={"ready": BAD})
    ready = check(period=10, timing=timing(failures=3))
    scene.watch(ready)
    with scene.running():
        await asyncio.sleep(20)
        assert (len(scene.asked), scene.level(ready)) == (2, "Unknown")
        await asyncio.sleep(10)
        assert scene.level(ready) == "Critical"

    assert gaps(scene.times("ready")) == [10.0, 10.0]


@on_a_fake_clock
async def test_stopped_clock_causes_at_most_one_check_per_second() -> None:
    scene = PlanContext(answers={"ready": BAD})
    scene.scheduler.now = lambda: NOW
    scene.watch(check(period=10, timing=timing(0.1)))

    await scene.run(30)

    assert min(gaps(scene.times("ready"))) >= 1.0


@on_a_fake_clock
async def test_clock_set_back_does_not_stop_checks() -> None:
    scene = PlanContext(answers={"ready": GOOD})
    ready = check(period=10, timing=timing(15))
    scene.watch(ready)
    with scene.running():
        await asyncio.sleep(40)
        scene.ahead = timedelta(hours=-1)
        scene.answers["ready"] = BAD
        await asyncio.sleep(40)

    assert scene.level(ready) == "Critical"
    assert sum(gaps(scene.times("ready"))) == pytest.approx(70, abs=2)
    assert scene.scheduler.monitor_states(SHOP)[ready.key].track.since < NOW


@on_a_fake_clock
async def test_exception_in_a_check_is_logged_and_counts_as_no_data() -> None:
    async def ask(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        if watches[0].key.name == "buggy":
            raise KeyError("nobody foresaw this")
        return {one.key: GOOD for one in watches}

    scene = PlanContext(ask=ask)
    buggy, well = check("buggy", timing=timing(no_data_after=25)), check("well")
    scene.watch(buggy, well)
    with capture_logs() as logs:
        await scene.run(50)

    monitor_states = scene.scheduler.monitor_states(SHOP)
    assert monitor_states[buggy.key].track.level == "Stale"
    assert monitor_states[buggy.key].reading == Reading(
        reason="Unable", message="the operator itself was not able to send the request"
    )
    assert monitor_states[well.key].track.level == "Ok"
    assert [one["log_level"] for one in logs] == ["error"] * len(logs)
    assert sample(scene, "readings_total", {"group": "HealthEndpoint", "result": "ok"}) == 5
    assert len(logs) >= 5


@on_a_fake_clock
async def test_entry_missing_in_the_answers_counts_as_no_data() -> None:
    async def ask(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        return {one.key: Reading(value=1.0) for one in watches if one.key.name == "errors"}

    scene = PlanContext(ask=ask)
    scene.watch(metric("errors"), metric("lost"))

    await scene.run(15)

    assert (scene.level(metric("errors")), scene.level(metric("lost"))) == ("Ok", "Unknown")


@on_a_fake_clock
async def test_readings_are_counted_by_result_and_checks_by_duration() -> None:
    answers = {
        "well": Reading(ok=True, latency=0.2),
        "down": Reading(ok=False, latency=2.0),
        "busy": Reading(latency=5.0),
        "high": Reading(value=11.0, latency=0.1),
    }
    scene = PlanContext(answers=answers)
    scene.watch(*(check(name) for name in ("well", "down", "busy")), metric("high", period=10))

    await scene.run(10)

    for group, result in (("HealthEndpoint", "ok"), ("HealthEndpoint", "failed"), ("HealthEndpoint", "unknown")):
        assert sample(scene, "readings_total", {"group": group, "result": result}) == 1
    assert sample(scene, "readings_total", {"group": "Metric", "result": "failed"}) == 1
    assert sample(scene, "check_seconds_sum", {"group": "HealthEndpoint"}) == 2.2
    assert sample(scene, "check_seconds_count", {"group": "Metric"}) == 0


@on_a_fake_clock
async def test_few_checks_start_per_loop_turn_after_a_stall() -> None:
    scene = PlanContext()
    scene.watch(*(check(f"check-{number}") for number in range(1000)))
    with scene.running():
        await asyncio.sleep(0.01)
        passing().seconds += 10
        await asyncio.sleep(0.1)

    per_turn = Counter(one.turn for one in scene.asked)
    assert len(scene.asked) >= 990
    assert max(per_turn.values()) <= CHECKS_PER_TURN


@on_a_fake_clock
async def test_metrics_do_not_wait_for_checks_after_a_stall() -> None:
    scene = PlanContext(work=0.01)
    scene.watch(*(check(f"check-{number}") for number in range(1000)), metric(period=10))
    with scene.running():
        await asyncio.sleep(0.01)
        passing().seconds += 10
        await asyncio.sleep(15)

    asked = [one.names for one in scene.asked]
    assert asked.index(["errors"]) <= 1000 / PER_TURN * CHECKS_PER_TURN


async def share_of_checks(scene: PlanContext) -> float:
    """Of the loop's time, where there are twice as many checks as there is time for."""
    scene.watch(*(check(f"check-{number}", period=10) for number in range(2000)))
    await scene.run(100)
    return len(scene.asked) * scene.work / 100


@on_a_fake_clock
async def test_overload_of_checks_leaves_a_fifth_of_the_time() -> None:
    assert 0.75 < await share_of_checks(PlanContext(work=0.01)) < 0.85


@on_a_fake_clock
async def test_overload_of_checks_leaves_most_of_the_time_during_a_throw() -> None:
    scene = PlanContext(work=0.001)
    scene.scheduler.has_urgent = lambda: True

    assert 0.1 < await share_of_checks(scene) < 0.2


@on_a_fake_clock
async def test_queued_check_does_not_start_after_loss_of_leadership() -> None:
    scene = PlanContext()
    scene.watch(*(check(f"check-{number}") for number in range(100)))
    with scene.running():
        await asyncio.sleep(0.01)
        passing().seconds += 10
        while not scene.asked:  # noqa: ASYNC110 # it waits for the fake clock
            await asyncio.sleep(0)
        begun = len(scene.asked)
        scene.leading = False
        await asyncio.sleep(9)

    assert 0 < begun < 100
    assert len(scene.asked) <= begun + CHECKS_PER_TURN


class ElectionLoop(Metrics):
    """In which turn of the loop each entry fell due, and in which its answer was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[int] = []
        self.taken: list[int] = []

    def late(self, seconds: float) -> None:
        del seconds
        self.due.append(passing().turns)

    def observe_reading(self, group: str, result: str, seconds: float | None) -> None:
        del group, result, seconds
        self.taken.append(passing().turns)


@on_a_fake_clock
async def test_large_metric_read_is_split_before_and_after() -> None:
    turns = ElectionLoop()
    scene = PlanContext(metrics=turns)
    scene.watch(*(metric(f"metric-{number}") for number in range(1000)))

    await scene.run(15)

    assert [len(one.names) for one in scene.asked] == [1000]
    assert (len(turns.due), len(turns.taken)) == (1000, 1000)
    assert max(*Counter(turns.due).values(), *Counter(turns.taken).values()) <= PER_TURN


@on_a_fake_clock
async def test_checks_in_progress_end_with_the_scheduler() -> None:
    scene = PlanContext(seconds={"ready": 3600.0})
    scene.watch(check())

    await scene.run(10)
    await asyncio.sleep(1)

    assert len(scene.asked) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@on_a_fake_clock
async def test_changed_answer_is_reported_after_two_and_alternating_ones_are_not() -> None:
    scene = PlanContext(answers={"ready": BAD})
    scene.watch(check(period=10))
    with scene.running():
        await asyncio.sleep(60)
        reported = len(scene.changed)
        for reading in (replace(BAD, reason="404"), BAD) * 3:
            scene.answers["ready"] = reading
            await asyncio.sleep(10)
        assert len(scene.changed) == reported
        scene.answers["ready"] = replace(BAD, reason="404")
        await asyncio.sleep(20)
        assert len(scene.changed) == reported + 1
        await asyncio.sleep(30)

    assert len(scene.changed) == reported + 1
