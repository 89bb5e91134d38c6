"""What a log line has of an error: where it was, and nothing of the objects that were at hand."""

import subprocess
import sys

import pytest

from runbook_operator.telemetry.logs import LINES

FAILING = """
import asyncio, logging, sys
import structlog
from runbook_operator.telemetry.logs import set_up

set_up(sys.argv[1], "info")
log = structlog.get_logger("ours")

def fail(depth, secret):
    body = {"data": [secret] * 2000}
    if depth:
        return fail(depth - 1, secret) if depth % 2 else other(depth - 1, secret)
    raise KeyError("the message " + "x" * 9000)

def other(depth, secret):
    return fail(depth - 1, secret)

async def main():
    try:
        fail(400, "".join(["of-another", "-tenant"]))
    except KeyError:
        log.exception("ours failed", errorId="abc")
        logging.getLogger("kopf").exception("theirs failed")

asyncio.run(main())
"""


@pytest.mark.parametrize("form", ["json", "console"])
def test_exception_is_logged_without_locals_and_in_few_lines(form: str) -> None:
    done = subprocess.run([sys.executable, "-c", FAILING, form], capture_output=True, text=True, check=True, timeout=60)

    assert "of-another-tenant" not in done.stderr
    assert done.stderr.count("KeyError: ") == 2
    assert "abc" in done.stderr
    assert len(done.stderr.replace("\\n", "\n").splitlines()) < 2 * LINES + 10
    assert len(done.stderr) < 12_000
    assert not done.stdout
