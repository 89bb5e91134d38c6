"""A case for every field about the people who answer: severities, contacts, links, common issues and alerts."""

from tests.faults.cases import LABEL, NAME, WAIT, Case, under

LEVEL = Case(("SEV1", "SEV4"), (("SEV5", "Unsupported value"), ("sev1", "Unsupported value")))
QUIET = Case((), LEVEL.invalid)
"""A severity of an entry whose incident would be no part of the throw that the case is about."""
WORDS = (("x" * 1025, "Too long"), (7, "must be of type string"))
GHOST = (("ghost", "does not declare"), ("", "at least 1 chars"), (NAME + "a", "Too long"))
SWITCH = (
    ("ghost", "spec.killSwitches and spec.scaling do not declare"),
    ("", "at least 1 chars"),
    (NAME + "a", "Too long"),
)
ANSWERED_FIELDS: dict[str, Case] = {
    "severities[].level": Case(("SEV1",), (*LEVEL.invalid, (None, "Required value"))),
    "severities[].definition": Case((), WORDS),
    "severities[].respondWithin": Case((), WAIT),
    "severities[].examples[]": Case((), (("", "at least 1 chars"), ("x" * 257, "Too long"))),
    "initialResponse[].name": Case(("assess",), LABEL),
    "initialResponse[].description": Case((), WORDS),
    "contacts[].to": Case(("alice@example.com",), (("x" * 255, "Too long"), ("a\nb", "should match"))),
    "contacts[].severities[]": Case(("SEV1",), LEVEL.invalid),
    "links[].name": Case(("board",), LABEL),
    "links[].title": Case((), (("x" * 61, "Too long"),)),
    "links[].url": Case(
        ("https://grafana.example.com/d/1",),
        (("javascript:alert(1)", "should match"), ("https://" + "x" * 400, "Too long"), (None, "Required value")),
    ),
    **under(
        "incidents",
        {
            "recoverFor": Case((), WAIT),
            "reopenFor": Case((), WAIT),
            "keepFor": Case((), WAIT),
            "repeat": Case((0, 9), ((-1, "or equal to 0"), (10, "or equal to 9"))),
            "keep": Case((1, 100), ((0, "or equal to 1"), (101, "or equal to 100"))),
        },
    ),
    **under(
        "issues[]",
        {
            "name": Case((), LABEL),
            "title": Case((), (("x" * 201, "Too long"),)),
            "severity": QUIET,
            "likelyCause": Case((), WORDS),
            "escalate": Case((), (("Later", "Unsupported value"),)),
            "symptoms[].metric": Case((), GHOST),
            "symptoms[].healthEndpoint": Case((), (("ready", "exactly one of metric"), ("", "at least 1 chars"))),
            "symptoms[].dependency": Case((), (("model", "exactly one of metric"), ("", "at least 1 chars"))),
            "symptoms[].alert": Case((), (("burn", "exactly one of metric"), ("", "at least 1 chars"))),
            "symptoms[].at": Case((), (("Ok", "Unsupported value"),)),
            "resolution[].text": Case(
                ("Stop it",), (("", "at least 1 chars"), ("x" * 301, "Too long"), (None, "Required value"))
            ),
            "resolution[].when": Case((), (("x" * 301, "Too long"),)),
            "resolution[].engage": Case((), SWITCH),
        },
    ),
    **under(
        "alerts[]",
        {
            "name": Case((), LABEL),
            "alert": Case((), (("", "at least 1 chars"), ('a"b', "should match"), ("x" * 201, "Too long"))),
            "source": Case((), LABEL),
            "labels": Case((), (({"a": 'b"'}, "should match"), ("x", "must be of type object"))),
            "severity": QUIET,
            "likelyCause": Case((), WORDS),
            "firstAction.engage": Case((), SWITCH),
            "period": Case((), WAIT),
        },
    ),
    "deployments.severity": QUIET,
    "healthEndpoints[].severity": QUIET,
    "dependencies[].severity": QUIET,
    "metrics[].severity": QUIET,
}
