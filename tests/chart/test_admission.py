"""The policies, as the chart makes them of its values; what they do to people is in tests/e2e/test_admission.py."""

import subprocess

import pytest

from tests.chart.helm import FULLNAME, NAMESPACE, RELEASE, Rendered, packaged, render

VALIDATING, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
MUTATING = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
WARNING = {"dropped"}
"""Policies that warn and never refuse."""
ALWAYS = {"runbooks", "status", "switches", "incidents", *WARNING}
ADDED = {"mark", "stamp", "authors"}
"""Policies that add to what is written."""
UNATTENDED = {"warnUnattended": True}
VERBS = {"engageVerb": True, "respondVerbs": True}


def policies(rendered: Rendered) -> set[str]:
    """What the policies are about, by the end of their names."""
    return {one["metadata"]["name"].rpartition(".")[2] for one in rendered.kinds(VALIDATING, MUTATING[0])}


def test_engage_verb_policy_exists_only_on_request() -> None:
    assert policies(render()) == ALWAYS | ADDED
    assert policies(render(admission={"engageVerb": True})) == ALWAYS | ADDED | {"engage", "release"}
    assert policies(render(admission={"enabled": False, "engageVerb": True})) == set()


def test_policies_of_the_incident_verbs_exist_only_on_request() -> None:
    assert policies(render(admission={"respondVerbs": True})) == ALWAYS | ADDED | {"acknowledge", "resolve"}


def test_each_policy_has_one_binding_of_its_release() -> None:
    rendered = render(admission={"engageVerb": True, "respondVerbs": True})
    made = {one["metadata"]["name"] for one in rendered.kinds(VALIDATING, MUTATING[0])}

    assert {one["spec"]["policyName"] for one in rendered.kinds(BINDING, MUTATING[1])} == made
    assert all(name.startswith(f"{FULLNAME}.{NAMESPACE}.") for name in made)


@pytest.mark.parametrize(("namespaces", "selected"), [(None, None), (["team-a", "team-b"], ["team-a", "team-b"])])
def test_policies_select_the_served_namespaces(namespaces: list[str] | None, selected: list[str] | None) -> None:
    rendered = render(scope={"namespaces": namespaces} if namespaces else {})

    for one in rendered.kinds(BINDING, MUTATING[1]):
        if one["spec"]["policyName"].endswith(".scope"):
            continue
        expressions = one["spec"].get("matchResources", {}).get("namespaceSelector", {}).get("matchExpressions", [])
        assert [part["values"] for part in expressions] == ([selected] if selected else [])


def test_scoped_operator_writes_no_runbook_or_switch_elsewhere() -> None:
    rendered = render(scope={"namespaces": ["team-a"]}, serviceAccount={"name": "ops"})
    name = f"{FULLNAME}.{NAMESPACE}.scope"

    policy, binding = rendered.one(VALIDATING, name)["spec"], rendered.one(BINDING, name)["spec"]

    (condition,) = policy["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username == 'system:serviceaccount:{NAMESPACE}:ops'"
    (selected,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (selected["operator"], selected["values"]) == ("NotIn", ["team-a"])
    assert binding["validationActions"] == ["Deny"]
    assert "scope" not in policies(render())


def test_no_policy_refuses_the_operator_or_an_exempt_user() -> None:
    rendered = render(admission=VERBS | {"exemptUsers": ["backup"]}, serviceAccount={"name": "ops"})

    for one in rendered.kinds(VALIDATING):
        expressions = [part["expression"] for part in one["spec"]["matchConditions"]]
        exempt = f'["system:serviceaccount:{NAMESPACE}:ops","backup"]'
        assert f"!(request.userInfo.username in {exempt})" in expressions


def test_undecidable_policy_refuses_a_throw_and_never_a_release() -> None:
    rendered = render(admission=VERBS)
    policy = {
        one["metadata"]["name"].rpartition(".")[2]: one["spec"]["failurePolicy"] for one in rendered.kinds(VALIDATING)
    }

    refusing = ALWAYS | {"engage", "acknowledge", "resolve"}
    assert policy == dict.fromkeys(refusing, "Fail") | dict.fromkeys(WARNING | {"release"}, "Ignore")
    assert {one["spec"]["failurePolicy"] for one in render().kinds(MUTATING[0])} == {"Ignore"}


@pytest.mark.parametrize(("value", "off"), [("stampEngagedBy", {"stamp", "authors"}), ("markEngaged", {"mark"})])
def test_each_addition_of_admission_can_be_disabled(value: str, off: set[str]) -> None:
    assert policies(render(admission={value: False})) == (ALWAYS | ADDED) - off


def test_policies_can_run_in_audit_mode() -> None:
    rendered = render(admission={"validationActions": ["Warn", "Audit"]})

    bindings = rendered.kinds(BINDING)
    actions = {one["spec"]["policyName"].rpartition(".")[2]: one["spec"]["validationActions"] for one in bindings}
    assert [actions.pop(one) for one in sorted(WARNING)] == [["Warn"]]
    assert all(one == ["Warn", "Audit"] for one in actions.values())


def test_deletion_of_an_engaged_switch_warns_and_is_never_refused() -> None:
    bindings = render(admission={"validationActions": ["Deny"]}).kinds(BINDING)

    actions = {one["spec"]["policyName"].rpartition(".")[2]: one["spec"]["validationActions"] for one in bindings}
    assert actions == {one: ["Deny"] for one in ALWAYS} | {one: ["Warn"] for one in WARNING}


def test_unattended_warning_reads_the_lease_of_the_operator() -> None:
    (binding,) = [
        one for one in render(admission=UNATTENDED).kinds(BINDING) if one["metadata"]["name"].endswith(".unattended")
    ]

    assert binding["spec"]["paramRef"] == {
        "name": FULLNAME,
        "namespace": NAMESPACE,
        "parameterNotFoundAction": "Allow",
    }
    assert binding["spec"]["validationActions"] == ["Warn"]
    assert policies(render(admission=UNATTENDED)) - policies(render()) == {"unattended"}


@pytest.mark.parametrize(("asked", "stamps"), [("server", True), ("client", False)])
def test_cluster_without_mutating_policies_gets_the_rest_and_a_note(asked: str, *, stamps: bool) -> None:
    """The lab's API server stamps; who asks none knows of none that does."""
    alone = "--set=crds.enabled=false,rights.shared=false"
    command = ["helm", "install", RELEASE, str(packaged()), f"--namespace={NAMESPACE}", f"--dry-run={asked}", alone]

    done = subprocess.run(command, text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (f"kind: {MUTATING[0]}" in done.stdout) is stamps
    assert f"kind: {VALIDATING}" in done.stdout
    assert ("status.engagedBy is the client" in done.stdout) is not stamps
