"""Every field of every resource: what is valid works from two starts, what is not is refused by name.

The method is that of Acto (SOSP 2023): a campaign over all properties, whose states must not depend on where they were
reached from, and a way back from every error.
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually
from tests.faults.fields import KINDS, RUNBOOK_FIELDS, STILL, SWITCH_FIELDS, base, paths, put
from tests.faults.proxy import Answer, Faults, Proxy
from tests.faults.view import masked

INVALID = [(path, value, says) for path, case in RUNBOOK_FIELDS.items() for value, says in case.invalid]
SWITCH_INVALID = [(path, value, says) for path, case in SWITCH_FIELDS.items() for value, says in case.invalid]
VALID = [(path, value) for path, case in RUNBOOK_FIELDS.items() for value in case.valid]
SWITCHES = ("stop", "up")
PAST = ("history", "latencyMilliseconds", "earlierReason", "columns")
"""Fields of a Switch's status that tell of earlier engagements, and what is made of the others."""
PARTS = 6
"""Namespaces that the valid values are spread over, each with an operator of its own."""
TOLD = 120.0
"""Seconds until the last twin tells the same: what has times of its own may be asked first after 30, and its first
level must last for a minute; and the lab's controllers have some hundred pods to delete meanwhile."""


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_case(kind: str) -> None:
    model, cases = KINDS[kind]

    assert set(cases) == paths(model)
    assert [path for path, case in cases.items() if not case.invalid] == []


def test_invalid_value_is_refused_with_its_field(cluster: Cluster) -> None:
    wrong = []
    for path, value, says in INVALID:
        text = refusal(api.path("runbook", cluster.namespace), put(base(), path, value))
        if says not in text or not names(text, path):
            wrong.append(f"{path}={str(value)[:20]}: {text[:200]}")

    assert wrong == []


def test_invalid_switch_value_is_refused_with_its_field(cluster: Cluster, operator: Operator) -> None:
    cluster.apply(deployment(), base())
    cluster.until_reason("switch", "base-stop", "Ready")
    where = api.path("switch", cluster.namespace, "base-stop")
    wrong = []
    for path, value, says in SWITCH_INVALID:
        try:
            api.patch(where, {"spec": {path: value}})
            wrong.append(f"{path}={value} was accepted")
        except AssertionError as refused:
            if says not in str(refused) or path not in str(refused):
                wrong.append(f"{path}={str(value)[:20]}: {str(refused)[:200]}")

    assert wrong == []
    assert operator.alive


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_valid_value_is_reached_alike_from_rest_and_engaged(
    cluster: Cluster, operator: Operator, part: int
) -> None:
    twins = [
        Twins(cluster, number, path, value) for number, (path, value) in enumerate(VALID) if number % PARTS == part
    ]
    api.create(api.path("deployment", cluster.namespace), deployment(STILL, 0))
    for step in (Twins.make, Twins.throw_the_plain_one, Twins.edit_it, Twins.throw_both):
        for pair in twins:
            step(pair)

    assert [str(pair) for pair in twins if not pair.are_the_same()] == []
    for pair in twins:
        pair.release()
    for pair in twins:
        eventually(f"{pair} is put back", pair.is_put_back, TOLD)
    assert operator.alive


@dataclass(frozen=True)
class Twins:
    """Two Runbooks that end with one value: one is made with it, the other is engaged, edited and thrown again."""

    cluster: Cluster
    number: int
    path: str
    value: Any

    @property
    def fresh(self) -> str:
        return f"a{self.number}"

    @property
    def plain(self) -> str:
        return f"b{self.number}"

    def __str__(self) -> str:
        return f"{self.path}={str(self.value)[:20]}"

    @property
    def left_with(self) -> int:
        """The replicas after the release: a momentary switch puts nothing back."""
        return 0 if (self.path, self.value) == ("killSwitches[].momentary", True) else 3

    def make(self) -> None:
        made = put(base(self.fresh, self.fresh), self.path, self.value)
        for kind, body in (
            ("deployment", deployment(self.fresh)),
            ("deployment", deployment(self.plain)),
            ("runbook", made),
            ("runbook", base(self.plain, self.plain)),
        ):
            api.create(api.path(kind, self.cluster.namespace), body)

    def throw_the_plain_one(self) -> None:
        self.cluster.throw_when_there(f"{self.plain}-stop")

    def edit_it(self) -> None:
        self.cluster.until_phase(f"{self.plain}-stop", "Engaged")
        eventually(f"{self.plain} is edited", self._is_edited)
        self.cluster.release(f"{self.plain}-stop")

    def throw_both(self) -> None:
        eventually(f"{self.plain} is released", self._is_released)
        for name in (self.plain, self.fresh):
            self.cluster.throw_when_there(f"{name}-stop")

    def are_the_same(self) -> bool:
        """Waits for it, since both are still on their way."""
        with suppress(pytest.fail.Exception):
            return bool(eventually("both are the same", self._same, seconds=TOLD))
        print(end(self.cluster, self.fresh), end(self.cluster, self.plain), sep="\n")  # noqa: T201 # for who reads it
        return False

    def release(self) -> None:
        for name in (self.plain, self.fresh):
            self.cluster.release(f"{name}-stop")

    def is_put_back(self) -> bool:
        return {self.cluster.replicas(name) for name in (self.plain, self.fresh)} == {self.left_with}

    def _is_edited(self) -> bool:
        """Again where the operator has just written the status, which makes the edit one of an older object."""
        edited = put(base(self.plain, self.plain), self.path, self.value)
        live = self.cluster.get("runbook", self.plain)
        api.request("PUT", api.path("runbook", self.cluster.namespace, self.plain), live | {"spec": edited["spec"]})
        return True

    def _is_released(self) -> bool:
        return "record" not in state(self.cluster, "switch", f"{self.plain}-stop")

    def _same(self) -> bool:
        return end(self.cluster, self.fresh) == end(self.cluster, self.plain)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500])
def test_release_recovers_from_every_error(cluster: Cluster, tmp_path: Path, status: int) -> None:
    proxy = Proxy(tmp_path / "proxy")
    operator = Operator(cluster.namespace, tmp_path, KUBECONFIG=str(proxy.kubeconfig))
    operator.start()
    cluster.apply(deployment(), deployment("other"), two_actions())
    cluster.until_reason("switch", "base-stop", "Ready")
    proxy.faults.answers = [(lambda call: call.path.endswith("web/scale"), Answer(status, body=refused(status)))]

    cluster.throw("base-stop")
    cluster.until_replicas(0, "other")
    cluster.release("base-stop")

    cluster.until_replicas(3, "other")
    cluster.until_phase("base-stop", "Released")
    assert cluster.replicas() == 3
    proxy.faults = Faults()
    cluster.throw("base-stop")
    cluster.until_phase("base-stop", "Engaged")
    cluster.clear()
    assert operator.stop() == 0
    proxy.close()


def two_actions() -> Body:
    """The first action is the one that fails; the second is done all the same."""
    body = put(base(), "killSwitches[].continueOnFailure", True)
    body["spec"]["targets"].append({"name": "other", "workload": {"name": "other"}})
    body["spec"]["killSwitches"][0]["actions"].append({"scale": {"target": "other", "replicas": 0}})
    return body


def refused(status: int) -> Body:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "made up by a test"}


def end(cluster: Cluster, name: str) -> str:
    """What can be seen of a Runbook, with its name, its history and what became of it before left out.

    What is made for an engagement has its id in its name, and words about it have times.
    """
    switches = [state(cluster, "switch", f"{name}-{switch}") for switch in SWITCHES]
    observed = [state(cluster, "runbook", name), *switches, cluster.replicas(name)]
    text = re.sub(rf"\b{name}\b", "NAME", json.dumps(masked(observed), sort_keys=True))
    return re.sub(r"\b[0-9a-f]{12}\b", "ID", re.sub(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text))


def state(cluster: Cluster, kind: str, name: str) -> Body:
    """The status without its past. A list that was emptied is as good as one that was never there."""
    status: Body = cluster.get(kind, name).get("status", {})
    conditions = [one for one in status.get("conditions", []) if one["type"] not in ("Restored", "Acted")]
    kept = {key: value for key, value in status.items() if key not in PAST and value != []}
    if "targets" in kept:
        kept["targets"] = [as_it_is(one) for one in kept["targets"]]
    return kept | {"conditions": [one | past(one) for one in conditions]}


def as_it_is(target: Body) -> Body:
    """A target without its past: the verdicts of older revisions, and what is kept of a workload that is away."""
    past = {"verdicts"} if target["found"] else {"verdicts", "uid", "good", "available", "watch"}
    return {key: value for key, value in target.items() if key not in past}


def past(condition: Body) -> Body:
    """A switch that is released says what its last release did, which one that was never engaged cannot."""
    return {"message": ""} if condition["reason"] == "Released" else {}


def names(text: str, path: str) -> bool:
    """Whether a refusal names the field, or the list that its rule is about."""
    parts = [part.removesuffix("[]") for part in path.split(".")]
    return any(part in text for part in (parts[-1], "spec.targets"))


def refusal(where: str, body: Body) -> str:
    try:
        api.create(where, body, dry_run=True)
    except AssertionError as refused:
        return str(refused)
    return "it was accepted"
