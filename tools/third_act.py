"""The third act: the bad version opens an incident. One contact sleeps, the next one answers."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from lab.layout import here
from lab.up import Lab
from tools import checkout, mailbox
from tools.checkout import DEPLOYMENT, SETTLES, WORK
from tools.stage import BOLD, END, NAMESPACE, get, kubectl, run, say, wait

INCIDENTS = "incidents.runbooks.dev"
MAILS = WORK / "mails.jsonl"


def play() -> None:
    """Play it, and print the post-mortem."""
    WORK.mkdir(parents=True, exist_ok=True)
    with _mailbox() as port, checkout.running("17-paged-at-night", **_channels(port)):
        checkout.wait_until_watched()
        say("Version 2 is deployed. It answers every second request with an error.")
        kubectl(f"set env deployment/{DEPLOYMENT} -n {NAMESPACE} VERSION=2 ERROR_RATE=0.5")
        _answer_it()


def _answer_it() -> None:
    print(f"{BOLD}The mail to alice:{END}\n{textwrap.indent(_mail_to('alice')['text'].strip(), '  | ')}\n")
    say("Alice sleeps. Three seconds later the next contact gets a mail.")
    print(f"{BOLD}The mail to bob:{END} {_mail_to('bob')['subject']}\n")
    (name,) = run(["kubectl", "get", INCIDENTS, "-n", NAMESPACE, "-o", "name"]).splitlines()
    name = name.rpartition("/")[2]
    patch = '{"spec":{"acknowledged":true,"commander":"bob"}}'
    kubectl(f"patch {INCIDENTS} {name} -n {NAMESPACE} --type merge -p '{patch}'")
    _wait_for(name, "Acknowledged", "Recovering", "Resolved")
    kubectl(f"get {INCIDENTS} -n {NAMESPACE}")
    say("Meanwhile the deployment guard has rolled back. All signals are Ok for a while, and the incident is resolved.")
    _wait_for(name, "Resolved")
    kubectl(f"get {INCIDENTS} -n {NAMESPACE}")
    print(f"{BOLD}$ runbook-operator postmortem {name} -n {NAMESPACE}{END}")
    print(run([sys.executable, "-m", "runbook_operator", "postmortem", name, "-n", NAMESPACE]), "\n")


def _wait_for(name: str, *phases: str) -> None:
    wait(f"the incident is {phases[0]}", lambda: get(INCIDENTS, name, "{.status.phase}") in phases, SETTLES)


@contextmanager
def _mailbox() -> Iterator[int]:
    """Run a mail server where the operator runs; yield its port."""
    command = Lab(here()).run_inside([sys.executable, mailbox.__file__, str(WORK)])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield int(server.stdout.readline() if server.stdout else 0)
        finally:
            server.terminate()


def _channels(port: int) -> dict[str, str]:
    """Return the settings of the administrator for the channel `mail`."""
    channel = {
        "kind": "email",
        "host": mailbox.LOOPBACK,
        "port": port,
        "from": "runbooks@example.com",
        "domains": ["example.com"],
        "caFile": str(WORK / "ca.pem"),
    }
    path = WORK / "channels.yaml"
    path.write_text(yaml.safe_dump({"mail": channel}))
    return {"RUNBOOK_CHANNELS": str(path), "RUNBOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]'}


def _mail_to(contact: str) -> dict[str, Any]:
    """Wait for the first mail to the contact, and return it."""

    def found() -> dict[str, Any] | None:
        mails = (json.loads(line) for line in MAILS.read_text().splitlines())
        return next((one for one in mails if one["to"] == [f"{contact}@example.com"]), None)

    wait(f"{contact} has a mail", lambda: found() is not None, SETTLES)
    return found() or {}
