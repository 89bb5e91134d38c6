"""The demo as a person sees it: all acts, in a namespace and a folder of its own."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e import api
from tests.e2e.harness import Cluster

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = "10"
"""How many times longer than usual everything may take: other tests run beside it."""
IN_ORDER = (
    "version 2 is deployed",
    "the first request fails",
    "error-rate is Critical",
    "the Deployment is set back to version 1",
    "error-rate is Ok",
    "the switch is Released by itself",
)


@pytest.mark.node
@pytest.mark.usefixtures("_crds", "node")
def test_demo_throws_a_switch_rolls_a_bad_version_back_and_resolves_an_incident(tmp_path: Path) -> None:
    namespace = f"demo-{uuid4().hex[:8]}"
    environment = {"DEMO_NAMESPACE": namespace, "DEMO_FOLDER": str(tmp_path), "DEMO_PATIENCE": PATIENCE}
    command = [sys.executable, "-m", "tools.demo"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, f"{done.stdout}{done.stderr}{(tmp_path / 'demo-operator.log').read_text()}"
        assert re.search(r"throw +\d+ ms +replicas 3 -> 0\n +release +\d+ ms +replicas 0 -> 3", done.stdout)
        told = time_line(done.stdout)
        moments = [told[what] for what in IN_ORDER]
        assert moments == sorted(moments), done.stdout
        assert told["the last request fails"] < told["the switch is Released by itself"], done.stdout
        assert version(Cluster(namespace)) == "1"
        assert "| bob was notified through mail |" in done.stdout
        printed = masked(done.stdout.replace(namespace, "runbook-demo"))
        recorded = masked(readme())
        assert [one for one in recorded if one not in printed] == []
        typed = iter(commands(printed))
        assert all(one in typed for one in commands(recorded)), "the README has them in another order"
    finally:
        with suppress(api.NotThereError):
            api.delete(f"/api/v1/namespaces/{namespace}")


def readme() -> str:
    """Return what the README says that the demo prints: its transcripts."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## Try it")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```console\n(# .+?)```", section, re.DOTALL))


def masked(printed: str) -> list[str]:
    """Return the lines without times, widths and ids; `...` in the README stands for lines that it leaves out."""
    named = re.sub(r"checkout-[0-9a-f]{8}", "checkout-ID", printed)
    lines = (re.sub(r"(\d+(\.\d+)?[dhms]?)+", "N", " ".join(line.split())) for line in named.splitlines())
    return [line for line in lines if line not in ("", "...")]


def commands(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("$ ")]


def time_line(printed: str) -> dict[str, float]:
    """What happened after the bad version was deployed, and after how many seconds."""
    lines = re.findall(r"^ +(\d+\.\d) s   (.+)$", printed, re.MULTILINE)
    return {what: float(after) for after, what in lines}


def version(cluster: Cluster) -> str:
    containers = cluster.get("deployment", "checkout")["spec"]["template"]["spec"]["containers"]
    return next(str(one["value"]) for one in containers[0]["env"] if one["name"] == "VERSION")
