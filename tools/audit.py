"""Asks for known vulnerabilities of every locked package: `python -m tools.audit [--service URL]`.

Ends with 0 where there are none, 1 where there are some, and 2 where nobody could be asked, which is no good news.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
FOUND, NOT_ASKED = 1, 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("--service", default="https://api.osv.dev/", help="an OSV service; OSV's own unless named")
    service: str = parser.parse_args().service
    command = [str(UV), "audit", "--frozen", "--preview-features", "audit-command", "--service-url", service]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status not in (0, FOUND):
        said = f"audit: {service} could not be asked, so that nothing is known about the locked packages"
        print(f"{said}. Run it where that can be reached", file=sys.stderr)
        return NOT_ASKED
    return status


if __name__ == "__main__":
    sys.exit(main())
