"""`make check` checks the workflow files by actionlint."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BROKEN = """
on: push
jobs:
  check:
    runs-on: ubuntu-24.04
    needs: missing
    steps:
      - run: make check
"""


def actionlint(*files: Path) -> subprocess.CompletedProcess[str]:
    built = subprocess.run(
        [sys.executable, "-m", "lab", "actionlint"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    command = [built.stdout.strip(), "-no-color", "-shellcheck=", "-pyflakes=", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_workflow_with_an_unknown_job_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(BROKEN)

    done = actionlint(file)

    assert done.returncode == 1
    assert 'job "check" needs job "missing"' in done.stdout


def test_workflows_of_the_repository_pass() -> None:
    done = actionlint(*sorted((ROOT / ".github" / "workflows").glob("*.yaml")))

    assert (done.returncode, done.stdout) == (0, "")
