"""Samples of stacks, made into a table of threads and parts."""

import pytest

from bench.stacks import CLIENT, LOOP, OTHERS, REST, WATCH, folded, told

SITE = "/venv/lib/python3.11/site-packages"
PYTHON = "/usr/lib/python3.11"
OURS = "/src/operator/runbook_operator"


def line(*paths: str, thread: str = "thread (7): MainThread", samples: int = 1) -> str:
    frames = [f"run ({path}:{number})" for number, path in enumerate(paths)]
    return f"{';'.join([thread, *frames])} {samples}"


def part_of(*paths: str) -> str:
    (parts,) = folded([line(*paths)]).values()
    (part,) = parts
    return part


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (f"{SITE}/kopf/_cogs/clients/watching.py", "kopf"),
        (f"{SITE}/aiohttp/client.py", CLIENT),
        (f"{SITE}/kubernetes/aio/client/api_client.py", CLIENT),
        (f"{PYTHON}/asyncio/sslproto.py", CLIENT),
        (f"{PYTHON}/ssl.py", CLIENT),
        (f"{PYTHON}/json/decoder.py", "JSON"),
        (f"{SITE}/pydantic_core/__init__.py", "pydantic"),
        (f"{SITE}/structlog/_config.py", "structlog, logging"),
        (f"{PYTHON}/logging/__init__.py", "structlog, logging"),
        (f"{PYTHON}/asyncio/selector_events.py", "sockets"),
        (f"{PYTHON}/selectors.py", "waking up"),
        (f"{PYTHON}/asyncio/events.py", "asyncio"),
        (f"{OURS}/decide/switch.py", "own: decide"),
        (f"{OURS}/reconcile.py", "own: reconcile"),
        (f"{PYTHON}/copy.py", REST),
    ],
)
def test_sample_is_attributed_to_the_part_of_its_file(path: str, part: str) -> None:
    assert part_of(path) == part


def test_innermost_known_part_gets_the_sample() -> None:
    assert part_of(f"{PYTHON}/asyncio/events.py", f"{SITE}/kopf/on.py", f"{PYTHON}/json/decoder.py") == "JSON"


def test_frame_without_part_is_attributed_to_its_caller() -> None:
    assert part_of(f"{OURS}/act/effects.py", f"{PYTHON}/copy.py", f"{PYTHON}/copy.py") == "own: act"


def test_samples_are_counted_by_thread_name() -> None:
    path = f"{SITE}/kopf/on.py"

    table = folded(
        [
            line(path, samples=5),
            line(path, f"{PYTHON}/copy.py", samples=2),
            line(path, thread="thread (8): watch", samples=3),
            line(path, thread="thread (9): asyncio_0"),
            line(path, thread="thread (0x7F3A)"),
        ]
    )

    assert table == {LOOP: {"kopf": 7}, WATCH: {"kopf": 3}, OTHERS: {"kopf": 2}}


def test_frame_without_file_has_no_part() -> None:
    assert folded(["thread (7): MainThread;<module> 2", "process 1:python 1"]) == {LOOP: {REST: 2}, OTHERS: {REST: 1}}


def test_processor_time_is_divided_by_samples() -> None:
    lines = told({LOOP: {"kopf": 1, "JSON": 6}, WATCH: {"kopf": 1}}, seconds=2.0, throws=10).splitlines()

    assert [one.split() for one in lines] == [["JSON", "75.0%", "150.00", "ms"], ["kopf", "25.0%", "50.00", "ms"]]
