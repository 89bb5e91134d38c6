"""Samples of stacks, as py-spy writes them, made into a table: by thread, and by the part that was at work."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

LOOP, WATCH, OTHERS = "loop", "watch", "others"
THREADS = {"MainThread": LOOP, "watch": WATCH}
"""By the names that the operator gives them; a thread of another name only helps out."""
CLIENT = "aiohttp, kubernetes, TLS"
REST = "the rest of the interpreter"
PARTS = (
    (r"/site-packages/kopf/", "kopf"),
    (r"/site-packages/(aiohttp|aiohappyeyeballs|kubernetes|multidict|propcache|urllib3|yarl)/", CLIENT),
    (r"/(ssl|asyncio/sslproto)\.py$", CLIENT),
    (r"/json/(__init__|decoder|encoder|scanner)\.py$", "JSON"),
    (r"/site-packages/pydantic\w*/", "pydantic"),
    (r"/site-packages/structlog/|/logging/\w+\.py$", "structlog, logging"),
    (r"/site-packages/prometheus_client/", "prometheus_client"),
    (r"/asyncio/selector_events\.py$", "sockets"),
    (r"/selectors\.py$", "waking up"),
    (r"/asyncio/\w+\.py$", "asyncio"),
)
OWN = re.compile(r"/runbook_operator/(\w+)")
FRAME = re.compile(r"^.* \((?P<path>.*?)(?::\d+)?\)$")
THREAD = re.compile(r"^thread \([^)]*\)(?:: (?P<name>.*))?$")
Table = Mapping[str, Mapping[str, int]]


def folded(lines: Iterable[str]) -> Table:
    """How many samples each part has in each thread, of lines as `thread (7): watch;run (/a.py:1);go (/b.py:2) 12`."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        first, *frames = stack.split(";")
        table[_thread(first)][_part(frames)] += int(samples)
    return table


def _thread(frame: str) -> str:
    found = THREAD.match(frame)
    return THREADS.get(found["name"] or "", OTHERS) if found else OTHERS


def _part(frames: Iterable[str]) -> str:
    """That of the innermost frame that belongs to one: what the standard library does, it does for its caller."""
    known = (part for frame in reversed([*frames]) if (part := _known(frame)))
    return next(known, REST)


def _known(frame: str) -> str:
    path = found["path"] if (found := FRAME.match(frame)) else ""
    if own := OWN.search(path):
        return f"own: {own[1]}"
    return next((part for pattern, part in PARTS if re.search(pattern, path)), "")


def told(table: Table, seconds: float, throws: int) -> str:
    """The parts, that with the most samples first: its part of them, and so much of the processor's time of a throw."""
    parts: Counter[str] = Counter()
    for one in table.values():
        parts.update(one)
    lines = (
        f"{part:30}{samples / parts.total():7.1%}{samples / parts.total() * seconds / throws * 1000:9.2f} ms"
        for part, samples in parts.most_common()
    )
    return "\n".join(lines)
