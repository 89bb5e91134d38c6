"""`runbook-operator check`: poll a running operator until it is ready, as the test of an installation does.

It imports only the standard library, so it starts at once, and works in an image without a shell or curl.
"""

import http.client
import time
import urllib.error
import urllib.request

PAUSE = 0.5
"""Seconds between two tries."""
PATIENCE = 5.0
"""Seconds that one response may take."""
LONGEST_ANSWER = 4096


def problem(url: str, seconds: float) -> str:
    """Poll the URL until it returns 200 or `seconds` have passed; return the last problem, empty on success."""
    deadline, asked = time.monotonic() + seconds, _bracketed(url)
    while (wrong := _wrong(asked)) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return wrong


def _bracketed(url: str) -> str:
    """Put an IPv6 address in the URL into brackets: the address of a Service comes without them."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.rpartition(":")
    return f"{scheme}://[{host}]:{port}/{path}" if ":" in host and not host.startswith("[") else url


def _wrong(url: str) -> str:
    # No proxy: one in the environment is for traffic that leaves the cluster.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            return "" if answer.status == 200 else f"{url}: {answer.status}"  # noqa: PLR2004 # HTTP's own number
    except urllib.error.HTTPError as error:
        with error:
            return f"{url}: {error.code} {error.read(LONGEST_ANSWER).decode(errors='replace')}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{url}: {error}"
