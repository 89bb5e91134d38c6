"""`python3 -m lab up | down | status | guard | image | import ARCHIVE | skew`, or a program to compile."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from lab import build, guard, image, node, skew
from lab.layout import OLDEST, here
from lab.up import Lab

PROGRAMS = {program.name: program for program in (build.GITOPS, build.PROMETHEUS, build.ALERTMANAGER, build.ACTIONLINT)}


def main() -> int:
    """Run the command; returns the exit status."""
    description = "A real Kubernetes on this machine, for the demo and the tests."
    parser = argparse.ArgumentParser(prog="lab", description=description)
    parser.add_argument("command", choices=("up", "down", "status", "guard", "image", "import", "skew", *PROGRAMS))
    parser.add_argument("archive", nargs="?", type=Path, help="for import: a docker or OCI archive of an image")
    parser.add_argument("--kubernetes", default=OLDEST, help=f"for skew: the version, {OLDEST} unless it is said")
    parser.add_argument("--node", choices=("auto", "yes", "no"), default="auto", help="whether pods run")
    arguments = parser.parse_args()
    lab = Lab(here())
    if arguments.command == "up":
        lab.up(with_node=_with_node(lab, arguments.node))
    elif arguments.command == "down":
        lab.down()
    elif arguments.command == "guard":
        guard.check()
    elif arguments.command == "image":
        _answer(lambda: image.made(lab.layout))
    elif arguments.command == "import":
        print(image.imported(lab, arguments.archive))
    elif arguments.command == "skew":
        _answer(lambda: skew.assets(lab.layout, arguments.kubernetes))
    elif arguments.command in PROGRAMS:
        _answer(lambda: build.compiled(lab.layout, PROGRAMS[arguments.command]))
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


def _answer(make: Callable[[], Path]) -> None:
    # Only the path is an answer: $(python3 -m lab gitops) must be a program's name also where it is compiled first.
    with contextlib.redirect_stdout(sys.stderr):
        path = make()
    print(path)


def _status(lab: Lab) -> None:
    for process in lab.processes.all().values():
        print(f"{process.name:26} {process.pid:8d} {'running' if process.alive else 'ended'}")


if __name__ == "__main__":
    os.chdir(here().checkout)
    sys.exit(main())
