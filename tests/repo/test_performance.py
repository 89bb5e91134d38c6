"""What the performance page says is what was measured."""

import subprocess

from bench.installed import python
from tools.performance.figures import committed
from tools.performance.page import PAGE, page


def test_performance_page_matches_the_committed_figures() -> None:
    assert PAGE.read_text() == page(), "run make performance"


def test_every_compared_run_has_all_contenders() -> None:
    contenders = [set(run["contenders"]) for run in committed().runs.values() if "floor" in run["contenders"]]

    assert contenders
    assert all(one == {"floor", "operator", "go", "tutorial"} for one in contenders)


def test_measured_operator_is_installed_without_development_packages() -> None:
    script = "import importlib.util as found; print([bool(found.find_spec(one)) for one in ('kopf', 'rich', 'pytest')])"

    done = subprocess.run([python(), "-c", script], text=True, capture_output=True, check=True)

    assert done.stdout.strip() == "[True, False, False]"
