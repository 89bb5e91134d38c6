"""How Argo CD, Flux and Helm see Runbooks and Switches, and what Argo CD's buttons do: by Lua and kstatus."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_operator.core.reasons import Reason
from tests.e2e import api, gitops
from tests.e2e.gitops import asked
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, runbook

ROOT = Path(__file__).resolve().parents[2]
LUA = ROOT / "charts" / "runbook-operator" / "files" / "argocd" / "runbooks.dev"
PAGE = ROOT / "docs" / "gitops.md"
FLUX = ROOT / "examples" / "gitops" / "flux" / "sync.yaml"
RESTART = {"name": "again", "actions": [{"restart": {"target": "idle"}}]}
NOWHERE = {"name": "night", "schedule": "0 3 * * *", "duration": "1h", "timeZone": "Mars/Olympus"}


@pytest.fixture
def customizations(tmp_path: Path) -> Path:
    return gitops.customizations(tmp_path)


def named(document: Body, name: str, **spec: Any) -> Body:
    return document | {"metadata": {"name": name}, "spec": document["spec"] | spec}


def target(name: str) -> list[Body]:
    return [{"name": "web", "workload": {"name": name}}]


def stop(**rest: Any) -> list[Body]:
    return [{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]} | rest]


def declared(cluster: Cluster) -> None:
    """Runbooks and Switches in every state that the page tells of, but for those that nobody has seen yet."""
    idle = deployment("idle")
    idle["spec"]["paused"] = True
    plain = runbook(scaling=[])
    cluster.apply(
        deployment(),
        idle,
        plain,
        named(plain, "waiting", targets=target("missing")),
        named(plain, "broken", automation={"maintenanceWindows": [NOWHERE]}),
        named(plain, "paused", suspend={"reason": "migration"}),
        named(plain, "stuck", targets=[{"name": "idle", "workload": {"name": "idle"}}], killSwitches=[RESTART]),
        named(plain, "silent", killSwitches=stop(automatic=True)),
    )
    for switch, phase in (("shop-stop", "Engaged"), ("waiting-stop", "Engaging"), ("stuck-again", "Stalled")):
        cluster.throw_when_there(switch)
        cluster.until_phase(switch, phase)
    eventually("it is there", lambda: cluster.get("switch", "silent-stop"))
    api.patch(api.path("switch", cluster.namespace, "silent-stop"), {"spec": {"engaged": False}})
    eventually(
        "it is silenced", lambda: cluster.condition("switch", "silent-stop", "Automatic").get("reason") == "Silenced"
    )
    cluster.until_reason("runbook", "broken", "InvalidSpec")
    eventually("it is counted", lambda: cluster.get("runbook", "shop")["status"]["engaged"] == 1)


def states(cluster: Cluster, elsewhere: str) -> dict[str, Body]:
    """An object for each state, by the name that it has on the page; no operator serves the namespace `elsewhere`."""
    unseen = Cluster(elsewhere)
    unseen.apply(runbook())
    return {
        "a Runbook that the operator has not seen yet": unseen.get("runbook", "shop"),
        "a Runbook that is ready": cluster.get("runbook", "shop"),
        "a Runbook whose target is missing": cluster.get("runbook", "waiting"),
        "a Runbook that nothing but an edit mends": cluster.get("runbook", "broken"),
        "a Runbook with `suspend`": cluster.get("runbook", "paused"),
        "a Switch that is released": cluster.get("switch", "paused-stop"),
        "a Switch that is held released by a person": cluster.get("switch", "silent-stop"),
        "a Switch that is engaging": cluster.get("switch", "waiting-stop"),
        "a Switch that is engaged": cluster.get("switch", "shop-stop"),
        "a Switch that is stalled": cluster.get("switch", "stuck-again"),
    }


def told() -> dict[str, list[str]]:
    """What the page says of each state: Helm and Flux, Flux with the example's expressions, Argo CD."""
    rows = re.findall(r"^\| (a (?:Runbook|Switch) [^|]+) \| (\w+) \| (\w+) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    return {name: said for name, *said in rows}


def test_every_state_has_the_documented_argo_cd_health(
    cluster: Cluster, operator: Operator, customizations: Path
) -> None:
    declared(cluster)
    with fresh_namespace() as elsewhere:
        found = states(cluster, elsewhere)
    ways = (["kstatus"], ["kstatus", "--checks", str(FLUX)], ["health", "--customizations", str(customizations)])

    answers = [asked(*way, manifests=list(found.values())) for way in ways]

    observed = {name: [one["status"] for one in said] for name, *said in zip(found, *answers, strict=True)}
    assert observed == told()
    messages = {name: one["message"] for name, one in zip(found, answers[-1], strict=True) if "message" in one}
    assert messages["a Runbook that is ready"] == "1 of 1 switches engaged"
    assert messages["a Runbook with `suspend`"].endswith(": migration")
    assert "Mars/Olympus" in messages["a Runbook that nothing but an edit mends"]
    assert messages["a Switch that is engaged"].startswith("Engaged by kubectl-patch since 20")
    assert messages["a Switch that is engaged"].endswith(": INC-42")
    assert messages["a Switch that is released"] == "Released; the Runbook is suspended: migration"
    assert "holds it released" in messages["a Switch that is held released by a person"]
    assert "paused" in messages["a Switch that is stalled"]
    assert operator.alive


def test_permanent_reasons_are_the_same_in_argo_cd_flux_and_code() -> None:
    lua = re.findall(r"(\w+) = true", (LUA / "Runbook" / "health.lua").read_text())
    checks = yaml.safe_load(FLUX.read_text())["spec"]["healthCheckExprs"]

    assert re.findall(r"'([A-Z]\w+)'", checks[0]["failed"].partition(" in ")[2]) == lua
    assert set(lua) <= {reason.value for reason in Reason}


def pressed(cluster: Cluster, customizations: Path, button: str, *parameters: str) -> Body:
    """Press it as Argo CD does: its Lua on the live object, and the difference as a patch. Returns the patch."""
    switch = cluster.get("switch", "shop-stop")
    arguments = ["--customizations", str(customizations), "--name", button]
    arguments += [part for one in parameters for part in ("--param", one)]
    patch: Body = asked("action", *arguments, manifests=[switch])[0]["patch"]
    api.patch(api.path("switch", cluster.namespace, "shop-stop"), patch, manager="argocd-server")
    return patch


def offered(cluster: Cluster, customizations: Path) -> list[str]:
    switch = cluster.get("switch", "shop-stop")
    (said,) = asked("actions", "--customizations", str(customizations), manifests=[switch])
    return [one["name"] for one in said["actions"] if not one["disabled"]]


def test_argo_cd_buttons_engage_release_and_silence(cluster: Cluster, operator: Operator, customizations: Path) -> None:
    cluster.apply(deployment(), runbook())
    cluster.until_reason("switch", "shop-stop", "Ready")
    assert offered(cluster, customizations) == ["engage", "silence"]

    patch = pressed(cluster, customizations, "engage", "reason=INC-42", "expiresAfter=1h")

    assert patch == {"spec": {"engaged": True, "reason": "INC-42", "expiresAfter": "1h"}}
    switch = cluster.until_phase("shop-stop", "Engaged")
    assert cluster.replicas() == 0
    assert (switch["status"]["engagedBy"], switch["status"]["record"]["reason"]) == ("argocd-server", "INC-42")
    assert offered(cluster, customizations) == ["release", "silence"]

    assert pressed(cluster, customizations, "release") == {
        "spec": {"engaged": None, "reason": "released in Argo CD", "expiresAfter": None}
    }
    cluster.until_phase("shop-stop", "Released")
    assert cluster.replicas() == 3

    assert pressed(cluster, customizations, "silence")["spec"] == {"engaged": False, "reason": "silenced in Argo CD"}
    assert offered(cluster, customizations) == ["engage", "release"]
    assert operator.alive


def test_documented_customizations_merge_into_the_argo_cd_config_map(cluster: Cluster, customizations: Path) -> None:
    own = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "argocd-cm"}, "data": {"url": "https://cd"}}
    cluster.apply(own)
    cluster.run("apply", "-f", str(customizations))
    line = next(
        line for line in PAGE.read_text().splitlines() if line.startswith("$ kubectl patch configmap argocd-cm")
    )
    here = re.sub(r"-n [\w-]+", f"-n {cluster.namespace}", line.removeprefix("$ "))

    subprocess.run(["bash", "-c", here], check=True, capture_output=True)

    merged = cluster.get("configmap", "argocd-cm")["data"]
    assert merged == own["data"] | cluster.get("configmap", "runbook-operator-argocd")["data"]
    assert sorted(merged)[:-1] == [
        "resource.customizations.actions.runbooks.dev_Incident",
        "resource.customizations.actions.runbooks.dev_Switch",
        "resource.customizations.health.runbooks.dev_Incident",
        "resource.customizations.health.runbooks.dev_Runbook",
        "resource.customizations.health.runbooks.dev_Switch",
    ]
