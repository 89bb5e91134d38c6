"""kopf's lines about CRDs that are missing, and the lines that the operator logs instead."""

import logging

from structlog.testing import capture_logs

from runbook_operator.controller.watch_log import Unserved

FAILED = "Watcher for switches.v1alpha1.runbooks.dev@shop has failed: 404 page not found"
SELECTOR = "Selector(group='runbooks.dev', version='v1alpha1', any_name='{}')"
UNRESOLVED = "Unresolved resources cannot be served (try creating their CRDs): "


def passes(unserved: Unserved, text: str) -> bool:
    return unserved.filter(logging.LogRecord("kopf", logging.ERROR, "", 1, text, (), None))


def test_missing_crd_is_logged_once_until_it_is_served_again() -> None:
    unserved = Unserved()
    both = ", ".join(map(SELECTOR.format, ("runbooks", "switches")))

    with capture_logs() as logs:
        assert not passes(unserved, FAILED)
        assert not passes(unserved, UNRESOLVED + SELECTOR.format("switches"))
        assert not passes(unserved, UNRESOLVED + both)
        unserved.served()
        unserved.served()
        assert not passes(unserved, UNRESOLVED + SELECTOR.format("switches"))

    assert [(one["crd"], one["log_level"]) for one in logs] == [
        ("switches.runbooks.dev", "warning"),
        ("runbooks.runbooks.dev", "warning"),
        ("runbooks.runbooks.dev", "info"),
        ("switches.runbooks.dev", "info"),
        ("switches.runbooks.dev", "warning"),
    ]
    assert logs[0]["event"] == (
        "the CRD switches.runbooks.dev is being deleted, or is not installed; the operator serves switches again as "
        "soon as it is applied"
    )
    assert "kubectl apply" in logs[0]["hint"]


def test_other_lines_of_kopf_are_logged() -> None:
    unserved = Unserved()

    assert passes(unserved, "Watcher for switches.v1alpha1.runbooks.dev@shop has failed: 500")
    assert passes(unserved, UNRESOLVED + "Selector(group='example.com', version='v1', any_name='things')")


def test_end_of_the_watches_is_explained_by_a_missing_crd() -> None:
    unserved = Unserved()
    late = TimeoutError("3 of 4 watches were open for 10 s")

    assert not unserved.explains(late)
    assert unserved.explains(RuntimeError("404 page not found"))
    passes(unserved, UNRESOLVED + SELECTOR.format("switches"))
    assert unserved.explains(late)
