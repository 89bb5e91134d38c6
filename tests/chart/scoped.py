"""Releases that serve some namespaces: installed by the real helm without a replica; tests run the operators."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.chart.helm import packaged
from tests.e2e import account
from tests.e2e.harness import Body, Operator, eventually, fresh_namespace, kubectl
from tests.e2e.installed import has_rights

VALUES: Body = {"crds": {"enabled": False}, "rights": {"shared": False}, "replicas": 0}
"""The suite's own release has the CRDs and the roles with fixed names."""


@dataclass(frozen=True)
class Scoped:
    """`name` is that of the release, and of the namespace that it is in."""

    name: str
    folder: Path
    operators: list[Operator] = field(default_factory=list)
    shards: int = 1

    @property
    def fullname(self) -> str:
        return f"{self.name}-runbook-operator"

    def install(self, *namespaces: str) -> None:
        """Install or upgrade it for these namespaces; returns when the account has its rights."""
        done = self.tried(*namespaces)
        assert done.returncode == 0, done.stderr
        eventually("the account has its rights", lambda: has_rights(self.fullname))

    def tried(self, *namespaces: str) -> "subprocess.CompletedProcess[str]":
        command = ["helm", "upgrade", "--install", self.name, str(packaged()), "--namespace", self.name, "--values=-"]
        values = json.dumps(VALUES | {"scope": {"namespaces": namespaces}, "settings": {"shards": self.shards}})
        return subprocess.run(command, input=values, text=True, capture_output=True, check=False)

    def operator(self, name: str, *namespaces: str, **settings: str) -> Operator:
        """A process with the rights of the release and no others."""
        settings = self.environment(*namespaces) | settings
        self.operators.append(Operator(self.name, self.folder / name, as_typed=False, **settings))
        return self.operators[-1]

    def uninstall(self, *arguments: str, namespaces: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
        """What the Job before the deletion of the release runs, with the rights that it has."""
        command = [sys.executable, "-m", "runbook_operator", "uninstall", *arguments]
        environment = os.environ | self.environment(*namespaces) | {"RUNBOOK_HTTP_PORT": "0"}
        return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)

    def environment(self, *namespaces: str) -> dict[str, str]:
        """The settings of a process that has the rights of the release."""
        config = self.folder / "kubeconfig"
        if not config.exists():
            account.like_mine(config, kubectl("create", "token", self.fullname, "--namespace", self.name))
        return {
            "KUBECONFIG": str(config),
            "RUNBOOK_NAMESPACES": json.dumps(namespaces),
            "RUNBOOK_LEASE_NAMESPACE": self.name,
            "RUNBOOK_LEASE_NAME": self.fullname,
        }


@contextmanager
def scoped(folder: Path, *, shards: int = 1) -> Iterator[Scoped]:
    """One that is to be installed; it is taken away at the end."""
    with fresh_namespace() as name:
        made = Scoped(name, folder, shards=shards)
        try:
            yield made
        finally:
            for operator in made.operators:
                if operator.alive:
                    operator.kill()
            ended = ["helm", "uninstall", name, "--namespace", name, "--no-hooks", "--ignore-not-found"]
            subprocess.run(ended, check=False, capture_output=True)
