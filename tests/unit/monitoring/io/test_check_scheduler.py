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
from tests.unit.monitoring.io.sensing import (
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
async def test_an_entry_is_asked_a_period_apart_however_long_the_answers_take() -> None:
    scene = PlanContext(seconds={"ready": 7.0})
    scene.watch(check("ready", period=10))

    await scene.run(100)

    assert gaps(scene.times("ready")) == [10.0] * 9


@on_a_fake_clock
async def test_load_does_not_stretch_the_period() -> None:
    scene = PlanContext(work=0.3)
    scene.watch(*(check(f"check-{number}", period=10) for number in range(20)))

    await scene.run(1000)

    for number in range(20):
        times = scene.times(f"check-{number}")
        assert len(times) == 100
        assert times[-1] - times[0] == pytest.approx(990, abs=3)


@on_a_fake_clock
async def test_what_was_missed_is_not_made_up_for_and_its_lateness_is_counted() -> None:
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
async def test_what_is_late_by_nearly_a_period_is_not_asked_twice_in_a_row() -> None:
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
async def test_the_first_asks_are_spread_over_the_period() -> None:
    tenths = Counter(int(first) for first in (await first_asks(1000, 10)).values())

    assert set(tenths) == set(range(10))
    assert all(70 <= count <= 130 for count in tenths.values())


def test_the_first_asks_are_the_same_after_a_restart() -> None:
    found: list[dict[str, float]] = []

    async def story() -> None:
        found.append(await first_asks(20, 10))

    on_a_fake_clock(story)()
    on_a_fake_clock(story)()

    assert found[0] == pytest.approx(found[1], abs=0.001)


@on_a_fake_clock
async def test_nobody_waits_for_a_first_answer_as_long_as_a_long_period_is() -> None:
    scene = PlanContext()
    day = timing(no_data_after=86400)
    scene.watch(check(period=3600, timing=day), *(metric(f"metric-{one}", 3600, timing=day) for one in range(3)))

    await scene.run(LONGEST_FIRST)
    assert sorted(one.names for one in scene.asked) == [["metric-0", "metric-1", "metric-2"], ["ready"]]

    await scene.run(2 * 3600)
    assert 2 <= len(scene.times("ready")) <= 3
    assert gaps(scene.times("ready"))[1:] in ([], [3600.0])


@on_a_fake_clock
async def test_an_entry_is_never_asked_twice_at_once() -> None:
    scene = PlanContext(seconds={"ready": 25.0})
    scene.watch(check("ready", period=10))

    await scene.run(120)

    assert gaps(scene.times("ready")) == [30.0] * 3
    assert scene.most == 1


@on_a_fake_clock
async def test_an_entry_that_changes_while_it_is_asked_waits_for_the_answer_and_drops_it() -> None:
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
async def test_a_target_that_hangs_holds_nobody_else_up() -> None:
    scene = PlanContext(seconds={f"hangs-{number}": 3600.0 for number in range(100)})
    scene.watch(*(check(f"hangs-{number}", period=1) for number in range(100)), check("well", period=1))

    await scene.run(100)

    assert len(scene.times("well")) == 100
    assert sample(scene, "sensing_lateness_seconds_sum") < 0.1


@on_a_fake_clock
async def test_the_metrics_of_one_source_are_asked_together_and_checks_one_by_one() -> None:
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
async def test_what_was_declared_later_is_asked_together_with_what_was_there() -> None:
    scene = PlanContext()
    with scene.running():
        scene.watch(metric("first", period=15))
        await asyncio.sleep(52)
        scene.watch(metric("later", period=15, runbook=DOCS), metric("rare", period=30, runbook=DOCS), runbook=DOCS)
        scene.asked.clear()
        await asyncio.sleep(30)

    assert sorted(one.names for one in scene.asked) == [["first", "later"], ["first", "later", "rare"]]


@on_a_fake_clock
async def test_only_a_leader_asks_and_periods_without_one_are_not_made_up_for() -> None:
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
async def test_a_new_leader_begins_with_what_the_statuses_say() -> None:
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
async def test_an_answer_from_before_leading_began_is_dropped() -> None:
    scene = PlanContext(seconds={"ready": 5.0})
    scene.watch(check())
    with scene.running():
        await until_asked(scene)
        scene.scheduler.clear()
        await asyncio.sleep(60)

    assert (len(scene.asked), scene.changed) == (1, [])


@on_a_fake_clock
async def test_a_runbook_that_is_gone_is_asked_no_more_and_what_is_under_way_is_dropped() -> None:
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
async def test_what_is_watched_no_more_leaves_nothing_behind() -> None:
    scene = PlanContext()
    for edit in range(1000):
        scene.watch(*(check(f"check-{one}", period=3600 + edit) for one in range(10)))

    assert len(scene.scheduler._heap) <= 30
    scene.scheduler.forget(SHOP)
    assert (scene.scheduler._heap, scene.scheduler._entries) == ([], {})


@on_a_fake_clock
async def test_what_is_unchanged_goes_on_where_it_was() -> None:
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
async def test_what_has_changed_begins_anew() -> None:
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
async def test_an_entry_that_is_edited_again_and_again_is_asked_all_the_same() -> None:
    scene = PlanContext()
    with scene.running():
        for edit in range(50):
            scene.watch(replace(check(period=10), timeout=timedelta(milliseconds=edit + 1)))
            await asyncio.sleep(2)

    assert gaps(scene.times("ready")) == [10.0] * 9


@on_a_fake_clock
async def test_a_runbook_is_looked_at_for_a_first_answer_and_for_a_new_level_and_for_nothing_else() -> None:
    scene = PlanContext(answers={"ready": NOTHING})
    scene.watch(check(period=10))
    with scene.running():
        for answer, calls in ((NOTHING, 1), (NOTHING, 1), (GOOD, 2), (GOOD, 2), (NOTHING, 2), (BAD, 3), (BAD, 3)):
            scene.answers["ready"] = answer
            await asyncio.sleep(10)
            assert (len(scene.changed), scene.scheduler.monitor_states(SHOP)[check().key].reading) == (calls, answer)


@on_a_fake_clock
async def test_what_time_alone_changes_is_asked_when_it_may_change_and_not_a_period_later() -> None:
    scene = PlanContext(answers={"ready": BAD, "errors": Reading(value=11.0)})
    ready, errors = check(period=60, timing=timing(5)), metric(period=60, timing=timing(5))
    scene.watch(ready, errors)

    await scene.run(60)

    assert gaps(scene.times("ready"))[:1] == pytest.approx([5], abs=0.02)
    assert gaps(scene.times("errors"))[:1] == pytest.approx([6], abs=0.02)
    assert (scene.level(ready), scene.level(errors)) == ("Critical", "Critical")


@on_a_fake_clock
async def test_the_lack_of_data_is_told_in_time_too() -> None:
    scene = PlanContext(answers={"ready": NOTHING})
    ready = check(period=30, timing=timing(no_data_after=70))
    known = Track("Ok", NOW, "Ok", NOW - timedelta(seconds=15))
    scene.watch(ready, known={ready.key: known})

    await scene.run(54.5)
    assert scene.level(ready) == "Ok"
    await scene.run(1)
    assert scene.level(ready) == "Stale"


@on_a_fake_clock
async def test_failures_that_are_counted_come_a_period_apart() -> None:
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
async def test_a_clock_that_stands_still_has_nobody_asked_more_than_once_a_second() -> None:
    scene = PlanContext(answers={"ready": BAD})
    scene.scheduler.now = lambda: NOW
    scene.watch(check(period=10, timing=timing(0.1)))

    await scene.run(30)

    assert min(gaps(scene.times("ready"))) >= 1.0


@on_a_fake_clock
async def test_a_clock_that_is_put_back_stops_nothing() -> None:
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
async def test_a_bug_of_the_asker_is_logged_and_is_no_data_and_everything_goes_on() -> None:
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
        reason="Unable", message="the operator itself was not able to ask"
    )
    assert monitor_states[well.key].track.level == "Ok"
    assert [one["log_level"] for one in logs] == ["error"] * len(logs)
    assert sample(scene, "readings_total", {"group": "HealthEndpoint", "result": "ok"}) == 5
    assert len(logs) >= 5


@on_a_fake_clock
async def test_what_the_asker_leaves_out_is_no_data() -> None:
    async def ask(watches: Sequence[Watch]) -> Mapping[Key, Reading]:
        return {one.key: Reading(value=1.0) for one in watches if one.key.name == "errors"}

    scene = PlanContext(ask=ask)
    scene.watch(metric("errors"), metric("lost"))

    await scene.run(15)

    assert (scene.level(metric("errors")), scene.level(metric("lost"))) == ("Ok", "Unknown")


@on_a_fake_clock
async def test_readings_are_counted_by_what_they_say_and_checks_by_how_long_they_took() -> None:
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
async def test_after_a_stall_few_checks_begin_between_two_turns_of_everything_else() -> None:
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
async def test_after_a_stall_metrics_wait_for_no_check_to_begin() -> None:
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
async def test_more_checks_than_there_is_time_for_leave_a_fifth_of_it_to_everybody_else() -> None:
    assert 0.75 < await share_of_checks(PlanContext(work=0.01)) < 0.85


@on_a_fake_clock
async def test_while_a_lever_moves_more_checks_than_there_is_time_for_leave_most_of_it_and_still_go_on() -> None:
    scene = PlanContext(work=0.001)
    scene.scheduler.has_urgent = lambda: True

    assert 0.1 < await share_of_checks(scene) < 0.2


@on_a_fake_clock
async def test_what_waits_to_be_begun_is_not_begun_once_somebody_else_leads() -> None:
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
async def test_many_metrics_of_one_call_are_taken_in_parts_before_and_after_it() -> None:
    turns = ElectionLoop()
    scene = PlanContext(metrics=turns)
    scene.watch(*(metric(f"metric-{number}") for number in range(1000)))

    await scene.run(15)

    assert [len(one.names) for one in scene.asked] == [1000]
    assert (len(turns.due), len(turns.taken)) == (1000, 1000)
    assert max(*Counter(turns.due).values(), *Counter(turns.taken).values()) <= PER_TURN


@on_a_fake_clock
async def test_what_is_under_way_ends_with_the_sensor() -> None:
    scene = PlanContext(seconds={"ready": 3600.0})
    scene.watch(check())

    await scene.run(10)
    await asyncio.sleep(1)

    assert len(scene.asked) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@on_a_fake_clock
async def test_two_answers_of_another_kind_are_reported_and_answers_that_take_turns_are_not() -> None:
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
