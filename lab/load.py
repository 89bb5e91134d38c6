"""Sends requests to one address, evenly and not for ever, and says of each what came back.

Run as `python load.py URL RATE SECONDS`, inside the lab's network where URL is a Service's: a line of JSON for each
answer with `at` (seconds of the system-wide monotonic clock), `code` (0 where none came) and `version`, as the app of
the examples tells it.
"""

import json
import sys
import time
import urllib.error
import urllib.request

ANSWER_SECONDS = 2.0
MOST_SECONDS = 600.0
MOST_RATE = 200.0


def ask(url: str) -> tuple[int, str]:
    """The status and the app's version; a request that fails in another way has status 0."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 # the lab's own address
            return answer.status, _version(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _version(error.read())
    except OSError:
        return 0, ""


def _version(body: bytes) -> str:
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError):
        return ""


def run(url: str, rate: float, seconds: float) -> None:
    """A request at each of the moments that the rate gives; one that is late is not made up for."""
    began = time.monotonic()
    due = began
    while (now := time.monotonic()) < began + min(seconds, MOST_SECONDS):
        if now < due:
            time.sleep(due - now)
        code, version = ask(url)
        print(json.dumps({"at": time.monotonic(), "code": code, "version": version}), flush=True)
        due = max(due + 1 / min(rate, MOST_RATE), time.monotonic())


if __name__ == "__main__":
    run(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
