"""What the performance page says is what was measured."""

from tools.performance.figures import committed
from tools.performance.page import PAGE, page


def test_the_performance_page_is_what_the_committed_figures_say() -> None:
    assert PAGE.read_text() == page(), "run make performance"


def test_every_run_that_is_compared_has_all_contenders_in_it() -> None:
    contenders = [set(run["contenders"]) for run in committed().runs.values() if "floor" in run["contenders"]]

    assert contenders
    assert all(one == {"floor", "operator", "go", "tutorial"} for one in contenders)
