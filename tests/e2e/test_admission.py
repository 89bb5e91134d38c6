"""The chart's admission policies with people of few rights, and the operator as the account that the chart makes."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook_operator.api.conditions import moment
from tests.e2e import api
from tests.e2e.harness import Body, Cluster, Operator, deployment, eventually, fresh_namespace, kubectl, runbook
from tests.e2e.people import Answer, Person, allowed, denied, policies, role, stamps

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "14-who-may-engage"
OURS = "runbooks.dev"
BY = "runbooks.dev/engaged-by"
ENGAGE: Body = {"spec": {"engaged": True}}
LIE: Body = {"metadata": {"annotations": {BY: "99 mallory"}}}
FORGED: Body = {"status": {"observedGeneration": 99}}


@dataclass(frozen=True)
class Team:
    """A namespace with policies, and who works there."""

    cluster: Cluster
    operator: Operator | None = None

    def person(self, name: str, group: str = "people") -> Person:
        return Person(name, self.cluster.namespace, group)

    @property
    def on_call(self) -> Person:
        """May patch every switch of the example, release all of them, and engage one."""
        return self.person("alice", "booking-on-call")

    @property
    def commander(self) -> Person:
        """May patch, engage and release every switch."""
        return self.person("bob", "incident-commanders")

    @property
    def patcher(self) -> Person:
        """May patch switches, and has no verb for any."""
        return self.person("carol")

    @property
    def author(self) -> Person:
        """Writes Runbooks, and may use one service account."""
        return self.person("dave")

    @property
    def owner(self) -> Person:
        """May do everything to everything of ours in the namespace, subresources and all."""
        return self.person("erin")

    @property
    def editor(self) -> Person:
        """Writes Runbooks, and has what they can reach, as whoever has the role edit."""
        return self.person("grace")


def roles(name: str) -> list[Body]:
    """What those may do of whom the example does not tell."""
    writes = (OURS, "runbooks", "get,create,patch")
    return [
        *role(name, "carol", (OURS, "switches", "get,patch")),
        *role(name, "hank", (OURS, "switches", "get,patch")),
        *role(name, "dave", writes),
        *role(name, "dave", ("", "serviceaccounts", "use"), names=("deployer",)),
        *role(name, "erin", (OURS, "*", "*")),
        *role(
            name,
            "grace",
            writes,
            ("", "serviceaccounts", "impersonate"),
            ("batch", "jobs", "create"),
            ("", "secrets", "get"),
        ),
    ]


@pytest.fixture(scope="module")
def team(_crds: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A namespace where engaging takes its verb, and an operator that serves it."""
    with fresh_namespace() as name, policies(name, "admission.engageVerb=true"):
        cluster = Cluster(name)
        cluster.run("apply", "-f", str(EXAMPLE))
        cluster.apply(*roles(name), runbook("led", serviceAccountName="deployer", killSwitches=[], scaling=[]))
        operator = Operator(name, tmp_path_factory.mktemp("admission"))
        operator.start()
        try:
            _until_in_force(Team(cluster))
            yield Team(cluster, operator)
        finally:
            cluster.clear()
            operator.stop()


@pytest.fixture(scope="module")
def plain(_crds: None) -> Iterator[Team]:
    """A namespace with the policies as they are by default, where the API server cannot stamp users."""
    values = ("admission.stampEngagedBy=false", "admission.markEngaged=false", "settings.requireServiceAccount=true")
    with fresh_namespace() as name:
        found = Team(Cluster(name))
        found.cluster.apply(*roles(name), stray("stop"))
        with policies(name, *values):
            until_denied(lambda: found.patcher.patch("switch", "booking-stop", LIE, dry_run=True))
            until_denied(lambda: found.author.creates(runbook(), dry_run=True))
            yield found


def until_denied(attempt: Callable[[], Answer]) -> None:
    """A policy is in force some moments after it was made."""
    eventually("the policy is in force", lambda: denied(attempt()))


def _until_in_force(team: Team) -> None:
    for entry in ("booking-stop", "booking-shrink"):
        team.cluster.until_reason("switch", entry, "Ready")
    until_denied(lambda: team.patcher.says("booking-stop", engaged=True, dry_run=True))
    until_denied(lambda: team.patcher.says("booking-stop", engaged=False, dry_run=True))
    until_denied(lambda: team.owner.creates(stray("odd"), dry_run=True))
    until_denied(lambda: team.owner.patch("switch", "booking-stop", FORGED, part="/status", dry_run=True))
    until_denied(lambda: team.author.creates(runbook(serviceAccountName="admin"), dry_run=True))
    if stamps():
        eventually("users are stamped", lambda: _is_stamped(team))


def _is_stamped(team: Team) -> bool:
    return BY in allowed(team.commander.says("booking-stop", engaged=True, dry_run=True))["metadata"]["annotations"]


def stray(entry: str) -> Body:
    """A Switch that somebody makes by hand."""
    meta, spec = {"name": f"booking-{entry}"}, {"runbook": "booking", "switch": entry}
    return {"apiVersion": f"{OURS}/v1alpha1", "kind": "Switch", "metadata": meta, "spec": spec}


def test_user_without_the_engage_verb_for_a_switch_is_denied(team: Team) -> None:
    said = denied(team.on_call.says("booking-stop", engaged=True))
    assert said.startswith("spec.engaged: alice may not engage Switch booking-stop; it takes the verb engage beside")
    assert f"kubectl create role engage-booking-stop -n {team.cluster.namespace} --verb=get,patch,engage" in said
    denied(team.patcher.says("booking-shrink", engaged=True))

    allowed(team.on_call.says("booking-shrink", engaged=True, reason="INC-42"))
    engaged = team.cluster.until_phase("booking-shrink", "Engaged")
    assert engaged["status"]["engagedBy"] == "alice" or not stamps()
    assert team.cluster.replicas("booking") == 2
    allowed(team.commander.says("booking-stop", engaged=True))
    engaged = team.cluster.until_phase("booking-stop", "Engaged")
    assert engaged["status"]["engagedBy"] == "bob" or not stamps()

    said = denied(team.on_call.says("booking-stop", expiresAfter="1d"))
    assert "alice may not engage Switch booking-stop" in said
    said = denied(team.patcher.says("booking-stop", engaged=None))
    assert said.startswith("spec.engaged: carol may neither release nor silence Switch booking-stop; it takes the verb")
    for switch in ("booking-stop", "booking-shrink"):
        allowed(team.on_call.says(switch, engaged=None))
        team.cluster.until_phase(switch, "Released")
    assert team.cluster.replicas("booking") == 3


def test_denial_is_shown_in_kubectl_and_the_named_role_suffices(team: Team) -> None:
    throw = ("patch", "switch", "booking-stop", "--type=merge", "-p", '{"spec":{"engaged":true}}', "--dry-run=server")
    command = ["kubectl", "-n", team.cluster.namespace, "--as=carol", *throw]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert "denied request: spec.engaged: carol may not engage Switch booking-stop; it takes the verb" in done.stderr
    said = done.stderr[done.stderr.index("kubectl create role") :].split()

    kubectl(*said[1:])
    team.cluster.run("create", "rolebinding", "commanding", "--role=engage-booking-stop", "--user=hank")

    assert "yes" in team.cluster.run("auth", "can-i", "engage", "switch/booking-stop", "--as=hank")
    allowed(team.person("hank").says("booking-stop", engaged=True, dry_run=True))


def test_engaged_by_is_stamped_by_the_api_server(team: Team) -> None:
    if not stamps():
        pytest.skip("this API server has no MutatingAdmissionPolicy, so that nobody is stamped")
    thrown = allowed(team.owner.patch("switch", "booking-shrink", ENGAGE | LIE))
    allowed(team.commander.patch("switch", "booking-shrink", LIE))
    allowed(team.commander.patch("switch", "booking-shrink", {"metadata": {"annotations": {BY: None}}}))

    assert team.cluster.until_phase("booking-shrink", "Engaged")["status"]["engagedBy"] == "erin"
    switch = team.cluster.get("switch", "booking-shrink")
    generation, at, user = switch["metadata"]["annotations"][BY].split(" ")
    assert (generation, user) == (str(switch["metadata"]["generation"]), "erin")
    assert at == written(thrown)
    allowed(team.commander.says("booking-shrink", engaged=None))
    team.cluster.until_phase("booking-shrink", "Released")
    assert BY not in team.cluster.get("switch", "booking-shrink")["metadata"].get("annotations", {})


def written(switch: Body) -> str:
    """When the Switch was written last, by the API server's clock."""
    return max(str(one["time"]) for one in switch["metadata"]["managedFields"])


def test_annotation_during_downtime_does_not_move_the_start_of_a_throw(team: Team) -> None:
    if not stamps():
        pytest.skip("this API server has no MutatingAdmissionPolicy, so that the time of a throw is not stamped")
    assert team.operator
    team.operator.kill()
    at = written(allowed(team.commander.says("booking-stop", engaged=True, expiresAfter="10m")))
    numbers = iter(range(1000))

    def is_later() -> bool:
        change: Body = {"metadata": {"annotations": {"ticket": f"INC-42-{next(numbers)}"}}}
        return written(allowed(team.commander.patch("switch", "booking-stop", change))) > at

    eventually("the time of whoever threw it has moved", is_later)
    team.operator.start()

    word = team.cluster.until_phase("booking-stop", "Engaged")["status"]["override"]
    assert (word["by"], moment(word["since"])) == ("bob", moment(at))
    allowed(team.on_call.says("booking-stop", engaged=None))
    team.cluster.until_phase("booking-stop", "Released")


def test_user_with_only_the_release_verb_prolongs_no_throw(team: Team) -> None:
    allowed(team.commander.says("booking-stop", engaged=True, reason="INC-42", expiresAfter="10m"))
    first = team.cluster.until_phase("booking-stop", "Engaged")["status"]["override"]
    metadata: Body = {"metadata": {"annotations": {"ticket": "INC-42"}, "labels": {"ticket": "INC-42"}}}

    for change in ({"reason": "still"}, {"expiresAfter": "1d"}, {"renewedAt": "03:20"}, {"expiresAfter": None}):
        said = denied(team.on_call.says("booking-stop", **change))
        assert said.startswith("spec.engaged: alice may not engage Switch booking-stop; it takes the verb engage")
    allowed(team.on_call.patch("switch", "booking-stop", metadata))
    team.cluster.run("scale", "deployment", "booking", "--replicas=1")
    eventually("it is put back", lambda: team.cluster.replicas("booking") == 0)

    assert team.cluster.get("switch", "booking-stop")["status"]["override"] == first
    allowed(team.on_call.says("booking-stop", engaged=None))
    team.cluster.until_phase("booking-stop", "Released")


def test_finalizer_is_set_by_the_write_that_engages(team: Team) -> None:
    if not stamps():
        pytest.skip("this API server has no MutatingAdmissionPolicy, so that the operator marks what it holds")
    thrown = allowed(team.commander.says("booking-stop", engaged=True, dry_run=True))
    assert thrown["metadata"]["finalizers"] == ["runbooks.dev/restore"]
    silenced = allowed(team.commander.says("booking-stop", engaged=False, dry_run=True))
    assert "finalizers" not in silenced["metadata"]

    allowed(team.commander.says("booking-stop", engaged=True))
    team.cluster.until_phase("booking-stop", "Engaged")
    allowed(team.on_call.says("booking-stop", engaged=None))
    team.cluster.until_phase("booking-stop", "Released")

    eventually("nothing is marked", lambda: "finalizers" not in team.cluster.get("switch", "booking-stop")["metadata"])


def test_override_of_a_terminating_switch_is_accepted_without_finalizer(team: Team) -> None:
    waits: Body = {"metadata": {"finalizers": ["example.com/wait"]}}
    allowed(team.owner.patch("switch", "booking-shrink", waits))
    allowed(team.owner.deletes("switch", "booking-shrink"))

    said = allowed(team.commander.says("booking-shrink", engaged=True, dry_run=True))

    assert said["metadata"]["finalizers"] == ["example.com/wait"]
    allowed(team.owner.patch("switch", "booking-shrink", {"metadata": {"finalizers": None}}))
    team.cluster.until_reason("switch", "booking-shrink", "Ready")


def test_only_the_operator_writes_a_status_and_creates_switches(team: Team) -> None:
    for kind, name in (("switch", "booking-stop"), ("runbook", "booking")):
        said = denied(team.owner.patch(kind, name, FORGED, part="/status"))
        assert said.startswith("status: only the operator writes it, since it puts back what is recorded there")

    said = denied(team.owner.creates(stray("odd")))

    assert said.startswith("Switch booking-odd: the operator makes one for each entry of a Runbook, and nobody else")
    assert team.cluster.get("switch", "booking-stop")["status"]["observedGeneration"] != 99


def test_restore_finalizer_stays_without_the_right_to_delete_the_switch(team: Team) -> None:
    allowed(team.commander.says("booking-stop", engaged=True))
    team.cluster.until_phase("booking-stop", "Engaged")
    forgotten: Body = {"metadata": {"finalizers": []}}
    disowned: Body = {"metadata": {"ownerReferences": []}}

    said = [denied(team.commander.patch("switch", "booking-stop", one)) for one in (forgotten, disowned)]

    assert said[0].startswith("metadata.finalizers: runbooks.dev/restore stays until what Switch booking-stop holds is")
    assert said[1].startswith("metadata.ownerReferences: Switch booking-stop is deleted with its Runbook")
    for patch in (forgotten, disowned):
        allowed(team.owner.patch("switch", "booking-stop", patch, dry_run=True))
    allowed(team.on_call.says("booking-stop", engaged=None))
    team.cluster.until_phase("booking-stop", "Released")


def test_runbook_is_deleted_and_its_holds_restored_under_all_policies(team: Team) -> None:
    team.cluster.apply(deployment(), runbook())
    team.cluster.until_reason("switch", "shop-stop", "Ready")
    allowed(team.commander.says("shop-stop", engaged=True))
    team.cluster.until_phase("shop-stop", "Engaged")

    allowed(team.owner.deletes("runbook", "shop"))

    eventually("its switches are gone", lambda: "shop-stop" not in switches(team.cluster))
    assert team.cluster.replicas() == 3


def switches(cluster: Cluster) -> set[str]:
    return {one["metadata"]["name"] for one in api.items("switch", cluster.namespace)}


SECRET = {"name": "token", "key": "token"}
HEADER = [{"name": "Authorization", "secret": SECRET}]
SERVICE = {"name": "web"}
JOB = {"template": {"spec": {"serviceAccountName": "admin", "containers": [{"name": "a", "image": "a"}]}}}
SECRETS = "spec: headers[].secret and tls.ca send or read a Secret, and dave may not get Secrets in"
REACHING: dict[str, tuple[Body, str]] = {
    "another account": (
        {"serviceAccountName": "admin"},
        "spec.serviceAccountName: dave may not let a Runbook act as ServiceAccount admin; it takes the verb use, or",
    ),
    "a Job as any account": (
        {"killSwitches": [{"name": "run", "actions": [{"runJob": {"job": JOB}}]}]},
        "spec.killSwitches: runJob.job runs what is written there as any ServiceAccount of the namespace, and dave may",
    ),
    "a Secret in a header": (
        {"dependencies": [{"name": "a", "check": {"http": {"service": SERVICE, "headers": HEADER}}}]},
        SECRETS,
    ),
    "a Secret as an authority": (
        {"healthEndpoints": [{"name": "a", "target": "web", "tls": {"ca": SECRET}}]},
        SECRETS,
    ),
    "a Secret as an authority of gRPC": (
        {"dependencies": [{"name": "a", "check": {"grpc": {"service": SERVICE, "tls": {"ca": SECRET}}}}]},
        SECRETS,
    ),
    "a Secret in the header of a number": (
        {
            "metrics": [
                {"name": "a", "http": {"service": SERVICE, "headers": HEADER, "jsonPath": "$.a"}, "critical": "> 1"}
            ]
        },
        SECRETS,
    ),
}


@pytest.mark.parametrize(("spec", "says"), REACHING.values(), ids=REACHING.keys())
def test_runbook_targets_only_objects_its_author_may_change(team: Team, spec: Body, says: str) -> None:
    written = runbook("his", **spec)

    assert denied(team.author.creates(written, dry_run=True)).startswith(says)

    allowed(team.editor.creates(written, dry_run=True))


def test_account_is_named_and_its_runbook_edited_only_by_its_users(team: Team) -> None:
    edit = {"spec": {"title": "Another"}}
    allowed(team.author.creates(runbook("his", serviceAccountName="deployer"), dry_run=True))
    allowed(team.author.patch("runbook", "led", edit, dry_run=True))

    said = denied(team.owner.patch("runbook", "led", edit))

    assert said.startswith("spec.serviceAccountName: erin may not let a Runbook act as ServiceAccount deployer")
    allowed(team.owner.patch("runbook", "led", {"metadata": {"labels": {"team": "web"}}}, dry_run=True))


def test_user_with_patch_throws_a_switch_without_the_engage_verb_policy(plain: Team) -> None:
    for word in (True, False):
        allowed(plain.patcher.says("booking-stop", engaged=word, dry_run=True))


def test_engaged_by_annotation_of_a_user_is_denied_without_stamping(plain: Team) -> None:
    now = plain.cluster.get("switch", "booking-stop")["metadata"]["generation"]
    truth = {"metadata": {"annotations": {BY: f"{now + 1} carol"}}}

    said = denied(plain.patcher.patch("switch", "booking-stop", ENGAGE | LIE, dry_run=True))

    assert said == f"metadata.annotations[{BY}] says who wrote spec.engaged, and you are carol; leave it out"
    allowed(plain.patcher.patch("switch", "booking-stop", ENGAGE | truth, dry_run=True))
    denied(plain.patcher.patch("switch", "booking-stop", truth, dry_run=True))


def test_runbook_without_account_is_denied_in_a_shared_cluster(plain: Team) -> None:
    said = denied(plain.author.creates(runbook(), dry_run=True))

    assert said.startswith(f"spec.serviceAccountName: name the ServiceAccount of {plain.cluster.namespace} in whose")
    allowed(plain.author.creates(runbook(serviceAccountName="deployer"), dry_run=True))
