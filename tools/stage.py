"""What the acts of the demo are played with: commands as a person types them, watches of one field, the operator."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = os.environ.get("DEMO_NAMESPACE", "runbook-demo")
FOLDER = Path(os.environ.get("DEMO_FOLDER", ROOT / ".lab"))
"""Where its logs are, and what it watches."""
PATIENCE = float(os.environ.get("DEMO_PATIENCE", "1"))
"""How many times longer than usual everything may take: on a machine that has other things to do."""
WAIT_SECONDS = 45.0
BOLD, DIM, END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(text: str) -> None:
    print(f"{BOLD}# {text}{END}")


def aside(text: str) -> None:
    print(f"{DIM}({text}){END}")


def kubectl(arguments: str, *, quiet: bool = False) -> None:
    """Run kubectl as typed and show what came back; a failure ends the demo."""
    if not quiet:
        print(f"{BOLD}$ kubectl {arguments}{END}", flush=True)
    done = subprocess.run(["kubectl", *shlex.split(arguments)], cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"demo: kubectl {arguments}\n{done.stderr}")
    if not quiet:
        print(done.stdout)


def run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False).stdout.strip()


def get(kind: str, name: str, field: str) -> str:
    return run(["kubectl", "get", kind, name, "-n", NAMESPACE, "-o", f"jsonpath={field}", "--ignore-not-found"])


def phase(switch: str) -> str:
    return get("switch", switch, "{.status.phase}")


def ready(switch: str) -> bool:
    return get("switch", switch, '{.status.conditions[?(@.type=="Ready")].status}') == "True"


def has_node() -> bool:
    return bool(run(["kubectl", "get", "nodes", "-o", "name"]))


def wait(what: str, check: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds * PATIENCE
    while not check():
        if time.monotonic() > deadline:
            raise SystemExit(f"demo: not within {seconds * PATIENCE:.0f} s: {what}; see {FOLDER}/demo-operator.log")
        time.sleep(0.02)


@contextmanager
def watching(kind: str, name: str, field: str) -> Iterator[Path]:
    """A kubectl watch of one field in the background; its file holds a line per event, with the time it came."""
    path = FOLDER / f"watch-{kind}.txt"
    path.parent.mkdir(exist_ok=True)
    stamp = "import sys,time\nfor line in sys.stdin: print(time.monotonic(), line.strip(), flush=True)"
    command = ["kubectl", "get", kind, name, "-n", NAMESPACE, "--watch", "-o", f'jsonpath={field}{{"\\n"}}']
    with path.open("w") as out:
        watch = subprocess.Popen(command, stdout=subprocess.PIPE)
        stamper = subprocess.Popen([sys.executable, "-c", stamp], stdin=watch.stdout, stdout=out)
    wait("the watch is open", lambda: bool(path.read_text()))
    try:
        yield path
    finally:
        for process in (watch, stamper):
            process.terminate()
            process.wait()


def observed(path: Path, value: str, after: float = 0.0, seconds: float = WAIT_SECONDS) -> float:
    """When the watched field first became `value` after the watch was opened, and after a moment of that clock."""

    def found() -> float:
        lines = (line.partition(" ") for line in path.read_text().splitlines()[1:])
        return next((float(at) for at, _, what in lines if what == value and float(at) > after), 0.0)

    wait(f"{path.stem} shows {value or 'nothing'}", lambda: found() > 0, seconds)
    return found()


@contextmanager
def running_operator(wrap: Callable[[list[str]], list[str]] = list, **settings: str) -> Iterator[Path]:
    """The operator of this checkout as a process, ended at the end; `wrap` runs it somewhere else."""
    log = FOLDER / "demo-operator.log"
    command = [sys.executable, "-m", "runbook_operator", "run", "--http-port", "0", "--namespace", NAMESPACE]
    environment = os.environ | {"RUNBOOK_LEASE_NAMESPACE": NAMESPACE} | settings
    print(f"{BOLD}$ runbook-operator run --namespace {NAMESPACE} &{END}")
    with log.open("w") as out:
        operator = subprocess.Popen(wrap(command), stdout=out, stderr=out, env=environment)
    try:
        wait("the operator leads", lambda: '"leading"' in log.read_text() or operator.poll() is not None)
        print("leading\n")
        yield log
    finally:
        operator.terminate()
        operator.wait(timeout=15 * PATIENCE)
