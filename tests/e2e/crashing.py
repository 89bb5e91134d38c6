"""The operator with one fault: it kills itself by SIGKILL right after its n-th write was accepted.

A real server cannot be told to do that. Everything else is the real thing; writes of the lease do not count.
Usage: python crashing.py N
"""

import asyncio
import os
import signal
import sys
from typing import Any

from runbook_operator import main
from runbook_operator.io.kube import Kube
from runbook_operator.settings import Settings

CRASH_AFTER = int(sys.argv[1])
_request = Kube.request
_writes = 0


async def request(self: Kube, method: str, path: str, **rest: Any) -> dict[str, Any]:
    global _writes  # noqa: PLW0603 # one process, one count
    answer = await _request(self, method, path, **rest)
    if method != "GET" and "/leases" not in path:
        _writes += 1
        print(f"write {_writes}: {method} {path}", file=sys.stderr, flush=True)  # noqa: T201 # the test counts them
        if _writes == CRASH_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer


if __name__ == "__main__":
    setattr(Kube, "request", request)  # noqa: B010 # a method is replaced on purpose
    asyncio.run(main.run(Settings()))
