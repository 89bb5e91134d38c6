"""What a throw waits for, and what a process uses."""

import os
from typing import Any

import pytest

from bench.process import cpu, memory, peak, proportional
from bench.throwing import NOTED, Watcher, at_rest
from bench.visit import summed
from runbook_operator.api.switch import FINALIZER


def switch(phase: str, *finalizers: str) -> dict[str, Any]:
    return {"metadata": {"finalizers": list(finalizers)}, "status": {"phase": phase}}


def observed(name: str, replicas: int) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"replicas": replicas}}


def test_released_switch_is_at_rest_without_finalizer() -> None:
    assert at_rest(switch("Released"), engaged=False)
    assert at_rest(switch("Released", "kopf.zalando.org/KopfFinalizerMarker"), engaged=False)
    assert not at_rest(switch("Released", FINALIZER), engaged=False)
    assert not at_rest(switch("Releasing"), engaged=False)
    assert not at_rest({}, engaged=False)


def test_engaged_switch_is_at_rest_with_finalizer() -> None:
    assert at_rest(switch("Engaged", FINALIZER), engaged=True)
    assert not at_rest(switch("Engaging", FINALIZER), engaged=True)


@pytest.mark.parametrize("engaged", [True, False])
def test_switch_without_kopf_annotation_update_is_not_at_rest(*, engaged: bool) -> None:
    phase = "Engaged" if engaged else "Released"
    noted = {True: '{"spec":{"engaged":true}}', False: '{"spec":{}}'}

    told = {word: switch(phase) for word in noted}
    for word, text in noted.items():
        told[word]["metadata"]["annotations"] = {NOTED: text}

    assert at_rest(told[engaged], engaged=engaged)
    assert not at_rest(told[not engaged], engaged=engaged)


async def test_watcher_records_the_first_matching_change() -> None:
    watcher = Watcher(None, "shop")  # type: ignore[arg-type] # nothing is asked here
    watcher.see(observed("web", 3))
    effect = watcher.expect("web", 0)

    watcher.see(observed("web", 3))
    watcher.see(observed("api", 0))
    assert not effect.done()
    watcher.see(observed("web", 0))
    first = effect.result()
    watcher.see(observed("web", 0))

    assert effect.result() == first


@pytest.mark.parametrize("measure", [memory, peak, proportional])
def test_memory_is_measured_in_megabytes(measure: Any) -> None:
    assert 5 < measure(os.getpid()) < 5000
    assert cpu(os.getpid()) > 0


def test_metric_is_summed_over_its_labels_by_exact_name() -> None:
    text = 'looks_total{kind="a"} 2.0\nlooks_total{kind="b",result="ok"} 3.0\nlooks_total_created 9\nleft 4\n'

    assert [summed(text, name) for name in ("looks_total", "left", "none")] == [5.0, 4.0, 0.0]
