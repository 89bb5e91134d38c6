"""A case for every field of what acts by itself: the gates before it."""

from tests.faults.cases import LABEL, WAIT, Case, under

WINDOW = {
    "name": Case(("nightly",), LABEL),
    "schedule": Case(
        ("0 2 * * SUN", "*/15 0-6,22 1-7 * 1-5"),
        (("@daily", "should match"), ("60 2 * * *", "should match"), (None, "Required value")),
    ),
    "duration": Case(("0s", "2h"), (*WAIT, (None, "Required value"))),
    "timeZone": Case(
        ("UTC", "Europe/Berlin"), (("a zone", "should match"), ("", "at least 1 chars"), ("x" * 65, "Too long"))
    ),
}
AUTOMATION = {
    "coolDown": Case(("0s", "5m", "9999d"), WAIT),
    "actsPerHour": Case((1, 60), ((0, "or equal to 1"), (61, "or equal to 60"))),
    "ineffectiveAfter": Case((0, 10), ((-1, "or equal to 0"), (11, "or equal to 10"))),
    "minReadyPods": Case((0, 10_000), ((-1, "or equal to 0"), (10_001, "or equal to 10000"))),
    **under("maintenanceWindows[]", WINDOW),
}
AUTOMATED_FIELDS = under("automation", AUTOMATION)
