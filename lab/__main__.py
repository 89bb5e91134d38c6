"""`python3 -m lab up | down | status`."""

import argparse
import os
import sys

from lab.layout import here
from lab.up import Lab


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="lab", description="A real Kubernetes on this machine, for the demo and the tests."
    )
    parser.add_argument("command", choices=("up", "down", "status"))
    command = parser.parse_args().command
    lab = Lab(here())
    if command == "up":
        lab.up(node=False)
    elif command == "down":
        lab.down()
    else:
        for process in lab.processes.all().values():
            print(f"{process.name:26} {process.pid:8d} {'running' if process.alive else 'ended'}")
    return 0


if __name__ == "__main__":
    os.chdir(here().checkout)
    sys.exit(main())
