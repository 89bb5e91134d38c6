"""A case for every field that a user can write: values that must work, and values that must be refused."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any

from runbook_operator.api.crd_generation import crd
from runbook_operator.api.resource_kind import ResourceKind
from runbook_operator.api.runbook_kind import RUNBOOK
from runbook_operator.api.switch_kind import SWITCH
from tests.e2e.harness import Body
from tests.faults.answered import ANSWERED_FIELDS
from tests.faults.automated import AUTOMATED_FIELDS
from tests.faults.cases import COUNT, ENGAGE, FACTOR, FLAG, LABEL, LONG, PORT, TEXT, WAIT, Case
from tests.faults.watched import WATCHED_FIELDS

RUNBOOK_FIELDS: dict[str, Case] = {
    "title": Case(("S", "x" * 256), (("", "at least 1 chars"), ("x" * 257, "Too long"), (None, "Required value"))),
    "description": TEXT,
    "mode": Case(("Enforce", "Observe"), (("Dream", "Unsupported value"),)),
    "serviceAccountName": Case(
        (),
        (
            ("", "at least 1 chars"),
            ("other:deployer", "should match"),
            ("system:masters", "should match"),
            ("Deployer", "should match"),
            ("a" * 254, "Too long"),
        ),
    ),
    "suspend.reason": TEXT,
    "suspend.until": Case(("2020-01-01T00:00:00Z", "2999-01-01T00:00:00+02:00"), (("tomorrow", "suspend.until"),)),
    "silenceFor": Case(("0s", "4h", "9999d"), WAIT),
    "deployments.goodAfter": Case(("0s", "5m", "9999d"), WAIT),
    "deployments.monitorFor": Case(("0s", "30m", "9999d"), WAIT),
    "deployments.firstAction.engage": ENGAGE,
    "deployments.metrics[]": Case((), (("ghost", "does not declare"), ("", "at least 1 chars"))),
    "deployments.healthEndpoints[]": Case((), (("ghost", "does not declare"), ("", "at least 1 chars"))),
    "gitOps.flux": Case(("Annotate", "Ignore"), (("Off", "Unsupported value"),)),
    "gitOps.argoCD": Case(("ExpectIgnore", "PauseAutoSync", "Ignore"), (("Off", "Unsupported value"),)),
    "targets[].name": Case(("web",), (*LABEL, ("other", "names a target"))),
    "targets[].workload.apiVersion": Case(
        ("apps/v1", "example.org/v1"),
        (("", "at least 1 chars"), ("x" * 129, "Too"), ("apps/v1/../../../api/v1", "should match")),
    ),
    "targets[].workload.kind": Case(
        ("Deployment", "DaemonSet"), (("", "at least 1 chars"), ("x" * 64, "Too long"), ("a/b", "should match"))
    ),
    "targets[].workload.name": Case(
        ("not-there", "a" * 253), (("", "at least 1"), ("A", "should match"), ("a" * 254, "Too"))
    ),
    "targets[].service.name": Case(("web", "a" * 253), (("", "at least 1"), ("A", "should match"), ("a" * 254, "Too"))),
    "targets[].service.port": PORT,
    "targets[].flags.configMap": Case(
        ("web", "a" * 253), (("", "at least 1"), ("A", "should match"), (None, "exactly"))
    ),
    "targets[].flags.key": Case(("", "app.yaml"), (("a]", "should match"), ("x" * 254, "Too long"))),
    "targets[].flags.featureFlag": Case((), (("web", "exactly one of configMap"), ("A", "should match"))),
    "contacts[].name": Case(("primary",), LABEL),
    "contacts[].role": Case(("x" * 256,), (("", "at least 1 chars"), ("x" * 257, "Too long"), (None, "Required"))),
    "contacts[].notify": Case(("slack",), (("x" * 64, "Too long"),)),
    "contacts[].escalateAfter": Case(("15m",), WAIT),
    "killSwitches[].name": Case(("stop",), LABEL),
    "killSwitches[].description": TEXT,
    "killSwitches[].momentary": FLAG,
    "killSwitches[].automatic": FLAG,
    "killSwitches[].continueOnFailure": FLAG,
    "killSwitches[].onDelete": Case(("Restore", "Keep"), (("Burn", "Unsupported value"),)),
    "killSwitches[].reapplyOnChange": FLAG,
    "killSwitches[].actions[].timeout": Case(("0s", "1ms", "1m30s"), WAIT),
    "killSwitches[].actions[].scale.target": Case(("web",), (("ghost", "names a target"), ("", "at least 1 chars"))),
    "killSwitches[].actions[].scale.replicas": Case((0, 1, 5), (*COUNT, (None, "exactly one of replicas"))),
    "killSwitches[].actions[].scale.by": Case((), ((1, "exactly one of replicas"), (10_001, "less than or equal"))),
    "killSwitches[].actions[].scale.min": Case((0, 2), COUNT),
    "killSwitches[].actions[].scale.max": Case((0, 2), COUNT),
    "killSwitches[].actions[].scale.factor": Case((), ((2, "exactly one of replicas"), *FACTOR)),
    "killSwitches[].actions[].scale.autoscaler": Case(("Pin", "Refuse"), (("Delete", "Unsupported value"),)),
    "killSwitches[].actions[].rollback.target": Case(("web",), (("ghost", "names a target"), (None, "Required value"))),
    "killSwitches[].actions[].rollback.toRevision": Case(
        (2, 2**31), ((0, "greater than or equal to 1"), ("2", "must be of type integer"))
    ),
    "killSwitches[].actions[].rollback.rollForwardOnRelease": FLAG,
    "killSwitches[].actions[].rollback.deleteBrokenPods": FLAG,
    "killSwitches[].actions[].blockTraffic.target": Case(("web",), (("ghost", "names a target"), (None, "Required"))),
    "killSwitches[].actions[].blockTraffic.through[]": Case(
        ("ServiceSelector", "HTTPRoute"), (("Firewall", "Unsupported value"), ("NetworkPolicy", "needs verify"))
    ),
    "killSwitches[].actions[].blockTraffic.verify.path": Case(
        ("/", "/health?deep=1"), (("", "should match"), ("@example.org", "should match"), ("/" + LONG, "Too long"))
    ),
    "killSwitches[].actions[].blockTraffic.verify.service": Case(
        ("gateway",), (("", "at least 1"), ("../web", "should match"), ("a" * 254, "Too long"))
    ),
    "killSwitches[].actions[].blockTraffic.verify.port": PORT,
    "killSwitches[].actions[].rateLimit.target": Case(("web",), (("ghost", "names a target"), (None, "Required"))),
    "killSwitches[].actions[].rateLimit.requests": Case(
        (1, 1_000_000), ((0, "or equal to 1"), (1_000_001, "less than or equal"), (None, "Required value"))
    ),
    "killSwitches[].actions[].rateLimit.per": Case(
        ("Second", "Minute", "Hour"), (("Day", "Unsupported value"), (None, "Required value"))
    ),
    "killSwitches[].actions[].rateLimit.burst": Case(
        (1, 1_000_000), ((0, "or equal to 1"), (1_000_001, "less than or equal"))
    ),
    "killSwitches[].actions[].rateLimit.through[]": Case(("Traefik", "Ingress"), (("HTTPRoute", "Unsupported value"),)),
    "killSwitches[].actions[].setFlag.target": Case(("web",), (("ghost", "names a target"), (None, "Required value"))),
    "killSwitches[].actions[].setFlag.flag": Case(
        ("a.b", "x" * 253), (("", "at least 1 chars"), ("a b", "should match"), ("x" * 254, "Too long"))
    ),
    "killSwitches[].actions[].setFlag.value": Case(
        ("", LONG), ((LONG + "x", "Too long"), (False, "must be of type string"), (None, "Required value"))
    ),
    "killSwitches[].actions[].setFlag.restart": FLAG,
    "killSwitches[].actions[].setFlag.flagMustExist": FLAG,
    "killSwitches[].actions[].setFlag.env.container": Case(("app",), (("x" * 64, "Too long"),)),
    "killSwitches[].actions[].restart.target": Case(("web",), (("ghost", "names a target"), (None, "Required value"))),
    "killSwitches[].actions[].suspend.target": Case(("web",), (("ghost", "names a target"), (None, "Required value"))),
    "killSwitches[].actions[].runJob.fromCronJob": Case(
        (),
        (
            ("a", "exactly one of fromCronJob"),
            ("", "at least 1 chars"),
            ("x" * 254, "Too long"),
            ("../../../kube-system/cronjobs/backup", "should match"),
        ),
    ),
    "killSwitches[].actions[].runJob.job.template.spec.containers[]": Case(
        ({"name": "a", "image": "b"},), (("x", "must be of type object"),)
    ),
    "killSwitches[].actions[].runJob.job.backoffLimit": Case((0,), ((3, "runs its command once"),)),
    "killSwitches[].actions[].runJob.job.template.spec.restartPolicy": Case(
        ("Never",), (("OnFailure", "Unsupported value"),)
    ),
    "killSwitches[].actions[].runJob.wait": FLAG,
    "killSwitches[].actions[].notify.contact": Case(("primary",), (("ghost", "names a contact"), ("", "at least 1"))),
    "killSwitches[].actions[].notify.message": Case(
        ("m", "x" * 512), (("", "at least 1 chars"), ("x" * 513, "Too long"), (None, "Required value"))
    ),
    "scaling[].name": Case(
        ("up",), (*LABEL, ("stop", "scaling command cannot have the same name, since each has a Switch of that name;"))
    ),
    "scaling[].description": TEXT,
    "scaling[].target": Case(("web",), (("ghost", "names target ghost"), (None, "Required value"))),
    "scaling[].replicas": Case((), ((1, "exactly one of replicas"), *COUNT)),
    "scaling[].by": Case(
        (1, -1, 10_000, -10_000), ((10_001, "less than or"), (-10_001, "greater than or"), (None, "exactly one"))
    ),
    "scaling[].min": Case((0, 6), (*COUNT, (7, "min must not be greater than max"))),
    "scaling[].max": Case((4, 6), COUNT),
    "scaling[].factor": Case((), ((0.5, "exactly one of replicas"), *FACTOR)),
    **WATCHED_FIELDS,
    **AUTOMATED_FIELDS,
    **ANSWERED_FIELDS,
}
SWITCH_FIELDS: dict[str, Case] = {
    "runbook": Case(("base",), (("", "at least 1 chars"), ("B", "should match"), ("other", "cannot be changed"))),
    "switch": Case(("stop",), (("", "at least 1 chars"), ("S", "should match"), ("other", "cannot be changed"))),
    "engaged": Case((True, False, None), (("yes", "must be of type boolean"),)),
    "reason": TEXT,
    "expiresAfter": Case(("1h", "9999d", None), WAIT),
    "renewedAt": Case(("2026-11-24T03:00:00Z", "", None), (("a b", "should match"), ("x" * 65, "Too long"))),
}
STILL = "still"
"""A workload that no switch moves: what a number is told with stays as it was when it was read first."""
OTHERS: dict[str, Body] = {
    "rollback": {"target": "web"},
    "blockTraffic": {"target": "web"},
    "rateLimit": {"target": "web", "requests": 10, "per": "Second"},
    "setFlag": {"target": "web", "flag": "ai", "value": "false"},
    "restart": {"target": "web"},
    "suspend": {"target": "web"},
    "runJob": {"job": {"template": {"spec": {"schedulerName": "nobody", "containers": [{"name": "a", "image": "b"}]}}}},
    "notify": {"contact": "primary", "message": "It is off."},
    "http": {"service": {"name": "web"}},
    "tcp": {"service": {"name": "web"}},
    "grpc": {"service": {"name": "web"}},
}
"""What an action or a check that is not in the base needs at least, where a path leads into it."""
NUMBERS: dict[str, Body] = {
    "http": {"service": {"name": "web"}, "jsonPath": "$.depth"},
    "object": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "field": "spec.replicas"},
    "pods": {"target": STILL, "measure": "Waiting"},
    "rollout": {"target": STILL, "measure": "Overdue"},
}
"""As above, of a source that takes the place of a metric's query."""
SECRET = {"name": "keys", "key": "token"}
PARTS: dict[str, Body] = {
    "maintenanceWindows[]": {"name": "nightly", "schedule": "0 2 * * *", "duration": "1h"},
    "service": {"name": "web"},
    "flags": {"configMap": "web"},
    "secret": SECRET,
    "ca": SECRET,
    "healthEndpoints[]": {"name": "ready", "target": "web", "period": "2s"},
    "dependencies[]": {"name": "model", "check": {"tcp": {"service": {"name": "web"}}}, "period": "2s", "for": "0s"},
    "metrics[]": {"name": "errors", "query": "errors", "warning": "> 5%", "period": "2s", "for": "0s"},
    "headers[]": {"name": "X-Tier", "value": "gold"},
    "severities[]": {"level": "SEV2"},
    "initialResponse[]": {"name": "assess"},
    "links[]": {"name": "board", "url": "https://grafana.example.com/"},
    "issues[]": {"name": "slow", "symptoms": [{"metric": "errors"}]},
    "resolution[]": {"text": "Stop it"},
    "alerts[]": {"name": "burn", "alert": "ErrorBudgetBurn"},
}
"""As above, of what stands beside the base's own. What is watched is asked often, and told at once."""
RIVALS = {"secret": "value", "url": "service", "baselineValue": "baseline"}
"""What must go where a path leads to the other of the two."""


def base(name: str = "base", workload: str = "web") -> Body:
    """A Runbook that has every list that a path goes through."""
    spec = {
        "title": "Base",
        "contacts": [{"name": "primary", "role": "Primary On-Call"}],
        "targets": [{"name": "web", "workload": {"name": workload}}],
        "killSwitches": [{"name": "stop", "actions": [{"scale": {"target": "web", "replicas": 0}}]}],
        "scaling": [{"name": "up", "target": "web", "by": 2, "min": 0, "max": 6}],
    }
    return {"apiVersion": "runbooks.dev/v1alpha1", "kind": "Runbook", "metadata": {"name": name}, "spec": spec}


def put(body: Body, path: str, value: Any) -> Body:
    """The body with the field set, or removed where the value is None."""
    changed = deepcopy(body)
    at: Any = changed["spec"]
    if path.startswith("healthEndpoints"):
        at["targets"][0]["service"] = {"name": "web"}
    if path.startswith("metrics"):
        at["targets"].append({"name": STILL, "workload": {"name": STILL}})
    if path.startswith("issues"):
        at["metrics"] = [deepcopy(PARTS["metrics[]"])]
    *way, last = path.split(".")
    for above, step in pairwise(("", *way)):
        is_other = above in ("actions[]", "check") and step in OTHERS
        if is_other:
            at.clear()
        is_number = above == "metrics[]" and step in NUMBERS
        at.pop("query" if is_number else RIVALS.get(step), None)
        usual = deepcopy(OTHERS[step] if is_other else NUMBERS[step] if is_number else PARTS.get(step, {}))
        at = at.setdefault(step[:-2], [usual])[0] if step.endswith("[]") else at.setdefault(step, usual)
    at.pop(RIVALS.get(last), None)
    if last.endswith("[]"):
        last, value = last[:-2], [value]
    if value is None:
        at.pop(last, None)
    else:
        at[last] = value
    return changed


def paths(kind: ResourceKind) -> set[str]:
    """Every field of the kind's spec that holds a value, by its path."""
    return set(_leaves(crd(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"], ""))


def _leaves(node: Body, path: str) -> Iterator[str]:
    if "properties" in node:
        for name, child in node["properties"].items():
            yield from _leaves(child, f"{path}.{name}" if path else name)
    elif node.get("type") == "array":
        yield from _leaves(node["items"], path + "[]")
    else:
        yield path


KINDS = {"Runbook": (RUNBOOK, RUNBOOK_FIELDS), "Switch": (SWITCH, SWITCH_FIELDS)}
"""The cases by the kind that they are about."""
