"""The demo: a runbook, a thrown switch, a held Deployment, a release, each by the command that a person would type."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "runbook-demo"
SWITCH, DEPLOYMENT, REPLICAS = "shop-stop", "shop", 3
WAIT_SECONDS = 45.0
BOLD, DIM, END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def main() -> int:
    """Run the demo; returns 0 where all that it says was seen."""
    began = time.monotonic()
    kubectl(f"delete namespace {NAMESPACE} --ignore-not-found --timeout=60s", quiet=True)
    say("The operator knows two kinds, Runbook and Switch. First they are made known to the API server.")
    kubectl("apply --server-side -f crds/")
    kubectl(
        "wait --for=condition=Established crd/runbooks.runbooks.dev crd/switches.runbooks.dev --timeout=30s", quiet=True
    )
    kubectl(f"create namespace {NAMESPACE}")
    with running_operator() as log:
        try:
            return play(began)
        finally:
            kubectl(f"delete runbooks --all -n {NAMESPACE} --timeout=30s", quiet=True)
            print(f"{DIM}(the operator's log: {os.path.relpath(log)}){END}")


def play(began: float) -> int:
    say("A shop, and the runbook of its team.")
    kubectl(f"apply -n {NAMESPACE} -f examples/01-first-switch/")
    wait(
        "the switch is ready",
        lambda: get("switch", SWITCH, '{.status.conditions[?(@.type=="Ready")].status}') == "True",
    )
    pods()
    kubectl(f"get rb,sw -n {NAMESPACE}")
    say("Three in the morning: the payment provider charges twice. The kill switch is thrown.")
    first = time.monotonic() - began
    engaged = timed('{"spec":{"engaged":true,"reason":"INC-42"}}', thrown="true", replicas="0")
    wait("the switch is engaged", lambda: get("switch", SWITCH, "{.status.phase}") == "Engaged")
    kubectl(f"get sw,deploy -n {NAMESPACE}")
    say("Somebody scales it up again while it is held. It is put back, and told.")
    kubectl(f"scale deployment {DEPLOYMENT} -n {NAMESPACE} --replicas=2")
    wait("it is put back", lambda: get("deployment", DEPLOYMENT, "{.spec.replicas}") == "0")
    wait("it is told", lambda: "PutBack" in events())
    columns = "-o custom-columns=REASON:.reason,MESSAGE:.message"
    kubectl(f"get events -n {NAMESPACE} --field-selector involvedObject.name={SWITCH} {columns}")
    say("The incident is over. The switch is released, and what was there is put back.")
    released = timed('{"spec":{"engaged":null}}', thrown="", replicas=str(REPLICAS))
    wait("the switch is released", lambda: get("switch", SWITCH, "{.status.phase}") == "Released")
    kubectl(f"get sw,deploy -n {NAMESPACE}")
    print(f"{BOLD}From the accepted patch to the Deployment's accepted write, as an independent watcher saw it:{END}")
    print(f"  throw    {engaged:5.0f} ms   replicas {REPLICAS} -> 0")
    print(f"  release  {released:5.0f} ms   replicas 0 -> {REPLICAS}")
    print(f"{DIM}(first switch thrown {first:.0f} s after the start, {time.monotonic() - began:.0f} s in all){END}\n")
    farewell()
    return 0


def timed(patch: str, *, thrown: str, replicas: str) -> float:
    """Patch the switch; returns the milliseconds between a watcher seeing the lever and seeing the target move."""
    with (
        watching("switch", SWITCH, "{.spec.engaged}") as lever,
        watching("deployment", DEPLOYMENT, "{.spec.replicas}") as target,
    ):
        kubectl(f"patch sw {SWITCH} -n {NAMESPACE} --type merge -p {shlex.quote(patch)}")
        moved = seen(lever, thrown)
        done = seen(target, replicas)
    return (done - moved) * 1000


@contextmanager
def watching(kind: str, name: str, field: str) -> Iterator[Path]:
    """A kubectl watch of one field in the background; its file holds a line per event, with the time it came."""
    path = ROOT / ".lab" / f"watch-{kind}.txt"
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


def seen(path: Path, value: str) -> float:
    """When the watched field first became `value` after the watch was opened."""

    def found() -> float:
        lines = (line.partition(" ") for line in path.read_text().splitlines()[1:])
        return next((float(at) for at, _, what in lines if what == value), 0.0)

    wait(f"{path.stem} shows {value or 'nothing'}", lambda: found() > 0)
    return found()


@contextmanager
def running_operator() -> Iterator[Path]:
    """The operator of this checkout as a process; ended at the end."""
    log = ROOT / ".lab" / "demo-operator.log"
    command = [sys.executable, "-m", "runbook_operator", "run", "--http-port", "0", "--namespace", NAMESPACE]
    environment = os.environ | {"RUNBOOK_LEASE_NAMESPACE": NAMESPACE}
    print(f"{BOLD}$ runbook-operator run --namespace {NAMESPACE} &{END}")
    with log.open("w") as out:
        operator = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        wait("the operator leads", lambda: '"leading"' in log.read_text() or operator.poll() is not None)
        print("leading\n")
        yield log
    finally:
        operator.terminate()
        operator.wait(timeout=15)


def pods() -> None:
    """With a node the pods run; without one they stay Pending, which no switch minds."""
    if not run(["kubectl", "get", "nodes", "-o", "name"]):
        print(f"{DIM}(the lab runs without a node here: pods stay Pending; what the switch does is the same){END}\n")
        return
    kubectl(f"rollout status deployment/{DEPLOYMENT} -n {NAMESPACE} --timeout=40s")


def farewell() -> None:
    print(f"{BOLD}Look around by hand:{END}")
    if "KUBECONFIG" in os.environ:
        print(f"  export KUBECONFIG={os.path.relpath(os.environ['KUBECONFIG'])} PATH=$PWD/.lab/bin:$PATH")
    print("  make run                                         # the operator, in another terminal")
    print(f"  kubectl apply -n {NAMESPACE} -f examples/01-first-switch/")
    print(f"  kubectl get rb,sw -n {NAMESPACE} -w")
    print(f"{BOLD}Stop:{END}\n  make lab-down")


def events() -> str:
    return run(["kubectl", "get", "events", "-n", NAMESPACE, "-o", "jsonpath={.items[*].reason}"])


def get(kind: str, name: str, field: str) -> str:
    return run(["kubectl", "get", kind, name, "-n", NAMESPACE, "-o", f"jsonpath={field}", "--ignore-not-found"])


def say(text: str) -> None:
    print(f"{BOLD}# {text}{END}")


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


def wait(what: str, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"demo: not within {WAIT_SECONDS:.0f} s: {what}; see .lab/demo-operator.log")
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
