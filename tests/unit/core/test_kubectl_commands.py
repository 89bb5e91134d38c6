import json
import shlex

import pytest

from runbook_operator.core import kubectl_commands
from runbook_operator.core.references import Ref

SWITCH = Ref("runbooks.dev/v1alpha1", "Switch", "shop", "shop-stop")


@pytest.mark.parametrize(
    ("command", "spec"),
    [
        (kubectl_commands.throw(SWITCH), {"engaged": True}),
        (kubectl_commands.throw(SWITCH, "bad revision"), {"engaged": True, "reason": "bad revision"}),
        (kubectl_commands.clear(SWITCH), {"engaged": None, "reason": None}),
        (kubectl_commands.silence(SWITCH), {"engaged": False}),
        (kubectl_commands.silence(SWITCH, expires_after="1h"), {"engaged": False, "expiresAfter": "1h"}),
        (kubectl_commands.silence(SWITCH, "it's down; $(id)"), {"engaged": False, "reason": "it's down; $(id)"}),
    ],
)
def test_command_splits_in_a_shell_into_its_arguments(command: str, spec: dict[str, object]) -> None:
    *words, patch = shlex.split(command)

    assert words == ["kubectl", "-n", "shop", "patch", "switch", "shop-stop", "--type", "merge", "-p"]
    assert json.loads(patch) == {"spec": spec}


def test_command_without_a_quote_in_its_patch_stays_readable() -> None:
    text = """kubectl -n shop patch switch shop-stop --type merge -p '{"spec":{"engaged":false}}'"""

    assert kubectl_commands.silence(SWITCH) == text


def test_commands_on_an_incident_use_the_full_name_of_its_resource() -> None:
    incident = Ref("runbooks.dev/v1alpha1", "Incident", "shop", "shop-5f2c")
    command = "kubectl -n shop patch incidents.runbooks.dev shop-5f2c --type merge -p"

    assert kubectl_commands.acknowledge(incident) == f"""{command} '{{"spec":{{"acknowledged":true}}}}'"""
    assert kubectl_commands.resolve(incident) == f"""{command} '{{"spec":{{"resolved":true}}}}'"""
    assert kubectl_commands.resolve(incident, "it's up").endswith("""it'"'"'s up"}}'""")
