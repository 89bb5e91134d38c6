"""Large flag documents in the whole operator but for its sockets: parsed off the event loop, and each of them once.

The fake API server of test_faults.
"""

import asyncio
import json
import threading
from collections import Counter
from contextlib import AbstractContextManager

import pytest
import yaml

from runbook_operator.core import yaml_positions, yaml_values
from tests.builders import NAMESPACE, condition
from tests.fakes.faulty_kube import Body
from tests.fakes.rig import Rig

FLAGS = f"/api/v1/namespaces/{NAMESPACE}/configmaps/flags"
COUNT = 8
"""The most actions that a switch may have."""


def large(count: int = 400) -> str:
    """YAML like flagd's; a decision may not parse it."""
    flags = {f"flag{n}": {"state": "ENABLED", "default": "off", "variants": ["on", "off"]} for n in range(count)}
    return yaml.dump({"flags": flags})


class Parsed:
    """How often each text was parsed for each path, and how many characters each decision has parsed on the loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: Counter[tuple[str, str]] = Counter()
        self.on_the_loop = [0]
        self._loop, self._read, self._limited = threading.get_ident(), yaml_positions.read, yaml_values.limited
        monkeypatch.setattr(yaml_values, "_known", {})
        monkeypatch.setattr(yaml_values, "_origins", {})
        monkeypatch.setattr(yaml_positions, "read", self._counted)
        monkeypatch.setattr(yaml_values, "limited", self._begun)

    def _counted(self, text: str, path: str) -> yaml_positions.Outline:
        self.times[text, path] += 1
        if threading.get_ident() == self._loop:
            self.on_the_loop[-1] += len(text)
        return self._read(text, path)

    def _begun(self) -> AbstractContextManager[None]:
        self.on_the_loop.append(0)
        return self._limited()


def rig_of(text: str) -> Rig:
    """A Runbook whose switch sets eight flags of one document; the switch is at rest."""
    actions = [{"setFlag": {"target": "web", "flag": f"flags.flag{n}.default", "value": "on"}} for n in range(COUNT)]
    target = {"name": "web", "flags": {"configMap": "flags", "key": "flags.yaml"}}
    rig = Rig(targets=[target], killSwitches=[{"name": "stop", "actions": actions}])
    meta = {"name": "flags", "namespace": NAMESPACE, "uid": "flags-1", "resourceVersion": "1"}
    body: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"flags.yaml": text}}
    rig.kube.objects[FLAGS] = body
    rig.release()
    return rig


async def test_close_look_parses_a_large_document_once_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, text = Parsed(monkeypatch), large()
    assert len(text) > yaml_values.BUDGET
    rig = rig_of(text)

    status = await rig.visit()

    assert condition(status, "Ready")[:2] == ("True", "Ready")
    assert set(parsed.times.values()) == {1}
    assert [path for known, path in parsed.times if known == text] == [f"flags.flag{n}.default" for n in range(COUNT)]
    assert not any(parsed.on_the_loop)


async def test_close_look_parses_large_json_once_for_each_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, text = Parsed(monkeypatch), json.dumps(yaml.safe_load(large()), indent=1)

    status = await rig_of(text).visit()

    assert condition(status, "Ready")[:2] == ("True", "Ready")
    assert parsed.times == {(text, f"flags.flag{n}.default"): 1 for n in range(COUNT)}


async def test_targets_are_not_locked_while_a_document_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    Parsed(monkeypatch)
    rig, held = rig_of(large()), list[int]()
    parse = rig.reconciler.query_supply.parse_one_at_a_time

    async def noted(unparsed: yaml_values.NeedsParse) -> None:
        held.append(len(rig.reconciler.locks._locks))
        await parse(unparsed)

    monkeypatch.setattr(rig.reconciler.query_supply, "parse_one_at_a_time", noted)

    assert condition(await rig.visit(), "Ready")[1] == "Ready"
    assert set(held) == {0}


async def test_small_documents_are_parsed_on_the_event_loop_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, text = Parsed(monkeypatch), large(60)
    assert 2 * len(text) < yaml_values.BUDGET < COUNT * len(text)

    await rig_of(text).visit()

    assert 0 < max(parsed.on_the_loop) <= yaml_values.BUDGET
    assert set(parsed.times.values()) == {1}


async def test_throw_after_a_close_look_parses_no_document_before_its_write(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, text = Parsed(monkeypatch), large()
    rig = rig_of(text)
    await rig.visit()
    parsed.times.clear()
    before: list[int] = []

    def note(_method: str, path: str) -> None:
        if path == FLAGS:
            before.append(parsed.times.total())

    rig.kube.fault = note
    rig.engage()
    status = await rig.visit()

    assert before == [0]
    assert status.phase == "Engaged"
    held = yaml.safe_load(rig.kube.objects[FLAGS]["data"]["flags.yaml"])["flags"]
    assert [held[f"flag{n}"]["default"] for n in range(COUNT + 1)] == ["on"] * COUNT + ["off"]


async def test_first_write_of_a_throw_does_not_wait_for_another_parse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Parsed(monkeypatch)
    rig, written = rig_of(large()), asyncio.Event()
    rig.kube.fault = lambda _method, path: written.set() if path == FLAGS else None
    rig.engage()

    async with rig.reconciler.query_supply._turn:
        visit = asyncio.create_task(rig.visit())
        await asyncio.wait_for(written.wait(), 60)

    assert (await visit).phase == "Engaged"
