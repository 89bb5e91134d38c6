"""The demo: a thrown switch, a deployment that rolls back, and an incident, by commands that a person would type."""

import os
import sys
import time

from tools import checkout, first_act, second_act, third_act
from tools.stage import BOLD, END, FOLDER, NAMESPACE, aside, kubectl, say


def main() -> int:
    """Run the demo; return 0 if everything that it prints was observed."""
    began = time.monotonic()
    kubectl(f"delete namespace {NAMESPACE} --ignore-not-found --timeout=60s", quiet=True)
    say("The operator has three kinds: Runbook, Switch and Incident. Install their CRDs first.")
    kubectl("apply --server-side --force-conflicts -f crds/")
    kubectl(
        "wait --for=condition=Established crd/runbooks.runbooks.dev crd/switches.runbooks.dev "
        "crd/incidents.runbooks.dev --timeout=30s",
        quiet=True,
    )
    kubectl(f"create namespace {NAMESPACE}")
    first_act.play(began)
    say("Another night, another runbook. Nobody is awake.")
    if why := checkout.why_not():
        aside(why)
    else:
        second_act.play()
        say("The same night, with the human half of the runbook: contacts, a severity and a common issue.")
        third_act.play()
    aside(f"{time.monotonic() - began:.0f} s in all; the operator's log: {os.path.relpath(FOLDER)}/demo-operator.log")
    farewell()
    return 0


def farewell() -> None:
    print(f"{BOLD}Look around by hand:{END}")
    if "KUBECONFIG" in os.environ:
        print(f"  export KUBECONFIG={os.path.relpath(os.environ['KUBECONFIG'])} PATH=$PWD/.lab/bin:$PATH")
    print("  make run                                         # the operator, in another terminal")
    print(f"  kubectl apply -n {NAMESPACE} -f examples/01-first-switch/")
    print(f"  kubectl get rb,sw,incidents.runbooks.dev -n {NAMESPACE}")
    print(f"{BOLD}Stop:{END}\n  make lab-down")


if __name__ == "__main__":
    sys.exit(main())
