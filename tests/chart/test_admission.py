"""The policies, as the chart makes them of its values; what they do to people is in tests/e2e/test_admission.py."""

import subprocess

import pytest

from tests.chart.helm import FULLNAME, NAMESPACE, RELEASE, Rendered, packaged, render

VALIDATING, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
MUTATING = ("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding")
WARNING = {"dropped"}
"""Policies that warn and never refuse."""
ALWAYS = {"runbooks", "status", "switches", *WARNING}
UNATTENDED = {"warnUnattended": True}


def policies(rendered: Rendered) -> set[str]:
    """What the policies are about, by the end of their names."""
    return {one["metadata"]["name"].rpartition(".")[2] for one in rendered.kinds(VALIDATING, MUTATING[0])}


def test_a_throw_takes_no_verb_of_its_own_unless_it_is_asked_for() -> None:
    assert policies(render()) == ALWAYS | {"mark", "stamp"}
    assert policies(render(admission={"engageVerb": True})) == ALWAYS | {"mark", "stamp", "engage", "release"}
    assert policies(render(admission={"enabled": False, "engageVerb": True})) == set()


def test_each_policy_is_bound_once_and_belongs_to_the_release_alone() -> None:
    rendered = render(admission={"engageVerb": True})
    made = {one["metadata"]["name"] for one in rendered.kinds(VALIDATING, MUTATING[0])}

    assert {one["spec"]["policyName"] for one in rendered.kinds(BINDING, MUTATING[1])} == made
    assert all(name.startswith(f"{FULLNAME}.{NAMESPACE}.") for name in made)


@pytest.mark.parametrize(("namespaces", "selected"), [(None, None), (["team-a", "team-b"], ["team-a", "team-b"])])
def test_policies_hold_where_the_operator_serves(namespaces: list[str] | None, selected: list[str] | None) -> None:
    rendered = render(scope={"namespaces": namespaces} if namespaces else {})

    for one in rendered.kinds(BINDING, MUTATING[1]):
        if one["spec"]["policyName"].endswith(".scope"):
            continue
        expressions = one["spec"].get("matchResources", {}).get("namespaceSelector", {}).get("matchExpressions", [])
        assert [part["values"] for part in expressions] == ([selected] if selected else [])


def test_operator_of_some_namespaces_writes_to_no_runbook_or_switch_elsewhere() -> None:
    rendered = render(scope={"namespaces": ["team-a"]}, serviceAccount={"name": "ops"})
    name = f"{FULLNAME}.{NAMESPACE}.scope"

    policy, binding = rendered.one(VALIDATING, name)["spec"], rendered.one(BINDING, name)["spec"]

    (condition,) = policy["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username == 'system:serviceaccount:{NAMESPACE}:ops'"
    (selected,) = binding["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (selected["operator"], selected["values"]) == ("NotIn", ["team-a"])
    assert binding["validationActions"] == ["Deny"]
    assert "scope" not in policies(render())


def test_no_policy_refuses_anything_to_the_operator_or_to_who_is_exempt() -> None:
    rendered = render(admission={"engageVerb": True, "exemptUsers": ["backup"]}, serviceAccount={"name": "ops"})

    for one in rendered.kinds(VALIDATING):
        expressions = [part["expression"] for part in one["spec"]["matchConditions"]]
        exempt = f'["system:serviceaccount:{NAMESPACE}:ops","backup"]'
        assert f"!(request.userInfo.username in {exempt})" in expressions


def test_what_cannot_be_decided_holds_up_a_throw_and_never_a_release() -> None:
    rendered = render(admission={"engageVerb": True})
    policy = {
        one["metadata"]["name"].rpartition(".")[2]: one["spec"]["failurePolicy"] for one in rendered.kinds(VALIDATING)
    }

    assert policy == dict.fromkeys(ALWAYS | {"engage"}, "Fail") | dict.fromkeys(WARNING | {"release"}, "Ignore")
    assert {one["spec"]["failurePolicy"] for one in render().kinds(MUTATING[0])} == {"Ignore"}


@pytest.mark.parametrize(("value", "policy"), [("stampEngagedBy", "stamp"), ("markEngaged", "mark")])
def test_what_admission_adds_to_a_throw_is_switched_off_one_by_one(value: str, policy: str) -> None:
    assert policies(render(admission={value: False})) == (ALWAYS | {"mark", "stamp"}) - {policy}


def test_policies_can_be_tried_out_first() -> None:
    rendered = render(admission={"validationActions": ["Warn", "Audit"]})

    bindings = rendered.kinds(BINDING)
    actions = {one["spec"]["policyName"].rpartition(".")[2]: one["spec"]["validationActions"] for one in bindings}
    assert [actions.pop(one) for one in sorted(WARNING)] == [["Warn"]]
    assert all(one == ["Warn", "Audit"] for one in actions.values())


def test_removal_of_an_engaged_switch_is_warned_of_and_never_refused() -> None:
    bindings = render(admission={"validationActions": ["Deny"]}).kinds(BINDING)

    actions = {one["spec"]["policyName"].rpartition(".")[2]: one["spec"]["validationActions"] for one in bindings}
    assert actions == {one: ["Deny"] for one in ALWAYS} | {one: ["Warn"] for one in WARNING}


def test_warning_about_no_operator_looks_at_the_lease_that_the_operator_renews() -> None:
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
def test_where_users_cannot_be_stamped_the_rest_is_there_and_the_notes_say_what_is_lost(
    asked: str, *, stamps: bool
) -> None:
    """The lab's API server stamps; who asks none knows of none that does."""
    alone = "--set=crds.enabled=false,rights.shared=false"
    command = ["helm", "install", RELEASE, str(packaged()), f"--namespace={NAMESPACE}", f"--dry-run={asked}", alone]

    done = subprocess.run(command, text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (f"kind: {MUTATING[0]}" in done.stdout) is stamps
    assert f"kind: {VALIDATING}" in done.stdout
    assert ("status.engagedBy is the client" in done.stdout) is not stamps
