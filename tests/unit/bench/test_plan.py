"""What is asked of the bench, and the turns that it makes of it."""

from pathlib import Path
from typing import Any

import pytest

from bench import contenders
from bench.__main__ import asked_for
from bench.contenders import CONTENDERS, Place, environment
from bench.scene import deployment, half_done, runbook, switch, switch_of
from bench.visit import Amounts, prepared
from lab import build
from runbook_operator.api.parsing import parse_runbook, parse_switch, switch_name


def test_default_plan_measures_all_contenders_with_100_and_1000_runbooks() -> None:
    plan = asked_for()

    assert plan.runbooks == (100, 1000)
    assert plan.contenders == ("floor", "operator", "go", "tutorial")
    assert plan.throws == 500


def test_throws_are_divided_among_turns_and_only_the_last_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROWS", "90")
    monkeypatch.setenv("ROUNDS", "3")
    monkeypatch.setenv("BURSTS", "4")
    monkeypatch.setenv("IDLE", "7")

    turns = [asked_for().amounts(100, number) for number in range(3)]

    assert [one.throws for one in turns] == [30, 30, 30]
    assert [one.bursts for one in turns] == [2, 2, 2]
    assert [one.idle_seconds for one in turns] == [0, 0, 7]


def test_empty_slowed_variable_slows_no_contender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOWED", "")

    assert asked_for().slowed == ()


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the environment that an image has were there."""
    monkeypatch.setattr(contenders, "python", lambda: "installed/bin/python")


def test_every_contender_gets_its_own_namespace() -> None:
    place = Place("throws-x", Path("kubeconfig"), 1234)
    settings = CONTENDERS["operator"].settings(place)

    assert len({one.namespace for one in CONTENDERS.values()}) == len(CONTENDERS)
    assert settings["RUNBOOK_LEASE_NAMESPACE"] == "throws-x"
    assert settings["RUNBOOK_HTTP_PORT"] == "1234"
    assert CONTENDERS["tutorial"].command(place)[-3:-1] == ["--namespace", "throws-x"]


@pytest.mark.parametrize("name", ["floor", "operator", "tutorial"])
def test_python_contender_starts_from_the_installed_environment(name: str) -> None:
    command = CONTENDERS[name].command(Place("throws-x", Path("kubeconfig"), 1234))

    assert command[0] == "installed/bin/python"


@pytest.mark.parametrize("name", ["floor", "operator", "tutorial"])
def test_python_contender_uses_compiled_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    told = environment(CONTENDERS[name], Place("throws-x", Path("kubeconfig"), 1234))

    assert "PYTHONDONTWRITEBYTECODE" not in told
    assert Path(told["PYTHONPYCACHEPREFIX"]).is_absolute()


@pytest.mark.parametrize("name", ["floor", "operator", "tutorial"])
def test_python_contender_has_the_memory_settings_of_the_image(name: str) -> None:
    told = environment(CONTENDERS[name], Place("throws-x", Path("kubeconfig"), 1234))

    assert told["MALLOC_ARENA_MAX"] == "1"
    assert told["MALLOC_MMAP_THRESHOLD_"] == "131072"


def test_prepared_switches_match_the_operators_own() -> None:
    made = runbook("r1")
    made["metadata"] |= {"namespace": "shop", "uid": "1", "resourceVersion": "1"}
    thrown = switch("r1")
    thrown["metadata"] |= {"namespace": "shop", "uid": "2", "resourceVersion": "1"}
    target = deployment("r1")
    target["metadata"] |= {"uid": "3"}

    observed = parse_switch(thrown | {"status": half_done(target)})

    assert parse_runbook(made).entry("stop")
    assert switch_of("r1") == switch_name("r1", "stop")
    assert observed.status.record is not None
    assert [one.saved for one in observed.status.record.actions] == [3]


async def test_contender_is_compiled_before_the_measurement_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_it(_: object, program: contenders.GoPeer) -> Path:
        compiled.append(program.name)
        raise SystemExit

    monkeypatch.setattr(build, "compiled", compile_it)
    nothing: Any = None  # where something was made before, it would be by this client

    with pytest.raises(SystemExit):
        await prepared(nothing, CONTENDERS["go"], Amounts(1, 0, 0, 0, 0.0))

    assert compiled == ["controller_runtime"]
