"""A case for every field of what a Runbook watches."""

from tests.faults import cases
from tests.faults.cases import ENGAGE, FLAG, LABEL, LONG, WAIT, Case, under

# What is valid elsewhere is tried there with each of its values.
TEXT, PORT = Case(("why",), cases.TEXT.invalid), Case((8080,), cases.PORT.invalid)
TIMES = Case((1, 100), ((0, "or equal to 1"), (101, "or equal to 100"), ("3", "must be of type integer")))
PERIOD = Case(("1s", "2m30s"), (*WAIT, ("999ms", "period must be at least"), ("3m", "twice the period")))
NO_DATA_AFTER = Case(("0s", "9999d"), (*WAIT, ("1999ms", "twice the period")))
OBJECT = Case(("gateway",), (("", "at least 1"), ("../web", "should match"), ("a" * 254, "Too long")))
NAMES = Case(("stop",), (("ghost", "does not declare"), ("", "at least 1 chars"), ("Up", "should match")))
THRESHOLD = (("", "at least 1 chars"), ("9" * 65, "Too long"), ("> 2x", "needs a baseline"))
PATH = Case(("/", "/health?deep=1"), (("", "should match"), ("@example.org", "should match"), ("/" + LONG, "Too long")))
BODY = Case(("well",), ((LONG + "x", "Too long"),))
EXPECT = Case(
    (204, "200,404", "299-200"),
    (
        (99, "greater than or equal to 100"),
        (600, "less than or equal to 599"),
        ("2xx", "should match"),
        ("", "should match"),
        (True, "integer,string"),
    ),
)
SECRET = {
    "name": OBJECT,
    "key": Case(("tls.key",), (("", "at least 1"), ("a/b", "should match"), ("x" * 254, "Too long"))),
}
HEADER = {
    "name": Case(("Authorization",), (("", "at least 1"), ("A B", "should match"), ("x" * 129, "Too long"))),
    "value": Case(("", "a, b"), (("\u00fc", "should match"), (LONG + "x", "Too long"), (None, "exactly one of value"))),
    **under("secret", SECRET),
}
TLS = {
    "serverName": Case(("", "web.shop.svc", "not a name"), (("x" * 254, "Too long"),)),
    "skipVerify": FLAG,
    **under("ca", SECRET),
}
PACE = {
    "period": PERIOD,
    "timeout": Case(("1ms", "1m"), (*WAIT, ("0s", "more than 0s"), ("61s", "at most 1m"), ("1d", "at most 1m"))),
    "failureThreshold": TIMES,
    "successThreshold": TIMES,
    "noDataAfter": NO_DATA_AFTER,
}
ENDPOINT = {
    **PACE,
    "name": Case(("live",), LABEL),
    "meaning": TEXT,
    "target": Case(("web",), (("ghost", "names target ghost"), (None, "Required value"))),
    "protocol": Case(("TCP", "GRPC"), (("UDP", "Unsupported value"),)),
    "path": PATH,
    "expect": EXPECT,
    "bodyContains": BODY,
    **under("headers[]", HEADER),
    "healthService": Case((), (("shop.Cart", "is only for protocol GRPC"), ("x" * 257, "Too long"))),
    **under("tls", TLS),
    "each": FLAG,
    "probe": Case(("readiness",), (("exec", "Unsupported value"),)),
    "enforce": Case((False,), ((True, "set probe to startup"), ("yes", "must be of type boolean"))),
    "container": Case((), (("app", "set probe to startup"), ("", "at least 1 chars"), ("x" * 64, "Too long"))),
}
HTTP = {
    **under("service", {"name": OBJECT, "port": PORT}),
    "url": Case(
        ("https://status.example.com/v2?x=1", "http://10.0.0.1:80"),
        (("ftp://x", "should match"), ("", "at least 1"), ("https://" + LONG, "Too long"), (None, "exactly one of")),
    ),
    "path": PATH,
    "expect": EXPECT,
    "bodyContains": BODY,
    **under("headers[]", HEADER),
    **under("tls", TLS),
}
CHECK = {
    **under("http", HTTP),
    **under("tcp.service", {"name": OBJECT, "port": PORT}),
    **under("grpc.service", {"name": OBJECT, "port": PORT}),
    "grpc.healthService": Case(("", "shop.Cart"), (("x" * 257, "Too long"),)),
    **under("grpc.tls", TLS),
}
DEPENDENCY = {
    **PACE,
    "name": Case(("mail",), LABEL),
    "purpose": TEXT,
    "impactIfDown": TEXT,
    **under("check", CHECK),
    "for": Case(("0s", "9999d"), WAIT),
    "recoverAfter": Case(("0s", "9999d"), WAIT),
    "targets[]": Case(("web",), NAMES.invalid),
    "fallback.engage": ENGAGE,
    "suppress[]": NAMES,
}
NUMBER = {
    **under("http", {path: Case(case.valid[-1:], case.invalid) for path, case in HTTP.items()}),
    "http.jsonPath": Case(
        ("$.queues[0].depth", "$..depth"), (("depth", "should match"), ("", "at least 1"), ("$" * 257, "Too long"))
    ),
    "object.apiVersion": Case(
        ("autoscaling/v2",),
        (("", "at least 1 chars"), ("x" * 129, "Too long"), ("apps/v1/../../../api/v1", "should match")),
    ),
    "object.kind": Case(
        ("HorizontalPodAutoscaler",),
        (
            ("Secret", "a number cannot be read from a Secret"),
            ("", "at least 1"),
            ("x" * 64, "Too long"),
            ("a/b", "should match"),
        ),
    ),
    "object.name": OBJECT,
    "object.field": Case(("status.readyReplicas", "a]"), (("", "at least 1 chars"), ("x" * 257, "Too long"))),
    "pods.target": Case(
        ("still",), (("ghost", "names target ghost"), ("", "at least 1 chars"), (None, "Required value"))
    ),
    "pods.measure": Case(("Restarts", "Waiting"), (("Idle", "Unsupported value"), (None, "Required value"))),
    "pods.reasons[]": Case(
        ("CrashLoopBackOff",), (("a-b", "should match"), ("", "at least 1"), ("x" * 65, "Too long"))
    ),
    "pods.within": Case((), (("10m", "is only for measure Restarts"), *WAIT)),
    "rollout.target": Case(
        ("still",), (("ghost", "names target ghost"), ("", "at least 1 chars"), (None, "Required value"))
    ),
    "rollout.measure": Case(("Overdue", "Unavailable"), (("Late", "Unsupported value"),)),
}
METRIC = {
    **NUMBER,
    "name": Case(("latency",), LABEL),
    "description": TEXT,
    "source": Case(("long-term",), LABEL),
    "query": Case(("up", "x" * 4096), (("", "at least 1"), ("x" * 4097, "Too long"), (None, "exactly one of query"))),
    "unit": Case(("seconds", "pods"), (("x" * 33, "Too long"),)),
    "normal": Case(("< 1%", "1% .. 3%"), THRESHOLD),
    "warning": Case(
        ("> 5 parsecs", "3%"),
        (*THRESHOLD, ("> five", "write a threshold such as"), (None, "at least one of normal")),
    ),
    "critical": Case(("> 10%", "< 1s"), THRESHOLD),
    "baseline": Case(("7d",), WAIT),
    "baselineValue": Case(("100 req/s",), (("", "at least 1"), ("9" * 65, "Too long"))),
    "period": PERIOD,
    "for": Case(("0s", "9999d"), WAIT),
    "clearFor": Case(("0s", "9999d"), WAIT),
    "noDataAfter": NO_DATA_AFTER,
    "absent": Case(("Zero", "Unknown"), (("None", "Unsupported value"),)),
    "settle": Case(("0s", "9999d"), WAIT),
    "response.likelyCause": TEXT,
    "response.firstAction.engage": ENGAGE,
    "response.at": Case(("Warning", "Critical"), (("Ok", "Unsupported value"),)),
}
WATCHED_FIELDS = {
    **under("healthEndpoints[]", ENDPOINT),
    **under("dependencies[]", DEPENDENCY),
    **under("metrics[]", METRIC),
}
