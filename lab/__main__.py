"""`python3 -m lab up | down | status | guard`."""

import argparse
import os
import sys

from lab import guard, node
from lab.layout import here
from lab.up import Lab


def main() -> int:
    """Run the command; returns the exit status."""
    description = "A real Kubernetes on this machine, for the demo and the tests."
    parser = argparse.ArgumentParser(prog="lab", description=description)
    parser.add_argument("command", choices=("up", "down", "status", "guard"))
    parser.add_argument("--node", choices=("auto", "yes", "no"), default="auto", help="whether pods run")
    arguments = parser.parse_args()
    lab = Lab(here())
    if arguments.command == "up":
        lab.up(with_node=_with_node(lab, arguments.node))
    elif arguments.command == "down":
        lab.down()
    elif arguments.command == "guard":
        guard.check()
    else:
        _status(lab)
    return 0


def _with_node(lab: Lab, wanted: str) -> bool:
    """Whether to have a node; one that is wanted for certain, or in CI, and cannot be had ends the run."""
    if lab.processes.alive("network") is not None:
        return bool(lab.processes.noted("node"))
    if wanted == "no" or os.environ.get("KUBEBUILDER_ASSETS"):
        return False
    if not (why := node.missing()):
        return True
    if wanted == "yes" or os.environ.get("CI") == "true":
        raise SystemExit(f"lab: {why}")
    print(f"lab: no node, since {why}: pods stay Pending, and tests that need running pods do not run", flush=True)
    return False


def _status(lab: Lab) -> None:
    for process in lab.processes.all().values():
        print(f"{process.name:26} {process.pid:8d} {'running' if process.alive else 'ended'}")


if __name__ == "__main__":
    os.chdir(here().checkout)
    sys.exit(main())
