"""`runbook-operator check`: asks a running operator until it is ready, as the test of an installation does.

Of the standard library alone, so that it begins at once and in an image without a shell or curl.
"""

import http.client
import time
import urllib.error
import urllib.request

PAUSE = 0.5
"""Seconds between two tries."""
PATIENCE = 5.0
"""Seconds that one answer may take."""
LONGEST_ANSWER = 4096


def problem(url: str, seconds: float) -> str:
    """Ask until the answer is 200, for so many seconds; returns what was wrong at last, empty where nothing is."""
    deadline, asked = time.monotonic() + seconds, _bracketed(url)
    while (wrong := _wrong(asked)) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return wrong


def _bracketed(url: str) -> str:
    """With an address of IPv6 as URLs have it: the address of a Service comes without brackets."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.rpartition(":")
    return f"{scheme}://[{host}]:{port}/{path}" if ":" in host and not host.startswith("[") else url


def _wrong(url: str) -> str:
    # Whatever proxy the environment names is for the way out of the cluster.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=PATIENCE) as answer:
            return "" if answer.status == 200 else f"{url}: {answer.status}"  # noqa: PLR2004 # HTTP's own number
    except urllib.error.HTTPError as error:
        with error:
            return f"{url}: {error.code} {error.read(LONGEST_ANSWER).decode(errors='replace')}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{url}: {error}"
