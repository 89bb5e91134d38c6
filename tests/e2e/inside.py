"""The operator inside of the lab's network, where the address of a Service leads to its pods."""

import subprocess
import sys

from lab.layout import here
from lab.up import Lab
from tests.e2e import account
from tests.e2e.harness import Operator


class Inside(Operator):
    """An operator that is started there."""

    def launch(self, **settings: str) -> None:
        config = account.inside(self._log.with_name("inside.kubeconfig"))
        environment = self._environment() | self._settings | settings | {"KUBECONFIG": str(config)}
        command = Lab(here()).run_inside([sys.executable, "-m", "runbook_operator"])
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
