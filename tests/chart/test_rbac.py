"""The chart's rights: those that the code says it needs and no others, and where they hold."""

from collections.abc import Iterable

import pytest

from runbook_operator.api.rbac_generation import AGGREGATE, people, roles
from tests.chart.helm import FULLNAME, NAMESPACE, Body, Rendered, render
from tests.chart.matrix import ACTIONS, EVERY_RIGHT, MATRIX, NO_RIGHT

ALL = [pytest.param(values, id=name) for name, values in MATRIX.items()]
LEASES = "coordination.k8s.io"
SHARED = {"runbook-viewer", "runbook-editor", "switch-operator", "incident-responder", "runbook-operator-impersonation"}
BESIDE = {*SHARED, "runbook-operator-shards"}
"""Roles that are not part of the operator's own: the leases are given in the release's namespace."""
APISERVER = [
    {"apiGroups": [""], "resources": ["services"], "resourceNames": ["kubernetes"], "verbs": ["get"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
]


def aggregated(rendered: Rendered) -> dict[str, list[Body]]:
    """The rules of each role that goes to the operator of this release."""
    found = rendered.kinds("ClusterRole")
    return {
        one["metadata"]["name"]: one["rules"] for one in found if one["metadata"]["labels"].get(AGGREGATE) == FULLNAME
    }


OWN = ("runbooks", "switches", "incidents")


def granted(rules: Iterable[Body]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def bindings(rendered: Rendered) -> set[tuple[str, str, str]]:
    """Kind, namespace and role of each binding to the operator's account; hooks have accounts of their own."""
    return {
        (one["kind"], one["metadata"].get("namespace", ""), one["roleRef"]["name"])
        for one in rendered.kinds("ClusterRoleBinding", "RoleBinding")
        if "helm.sh/hook" not in one["metadata"].get("annotations", {})
    }


def test_all_rights_together_equal_the_roles_of_the_code() -> None:
    wanted = {
        FULLNAME + (name.removeprefix("runbook-operator") or "-base"): role["rules"]
        for role in roles()
        if (name := role["metadata"]["name"]) not in BESIDE
    }
    base = wanted[f"{FULLNAME}-base"]
    wanted[f"{FULLNAME}-base"] = [rule for rule in base if rule["apiGroups"] != [LEASES]]

    assert aggregated(render(rights=EVERY_RIGHT)) == wanted


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_is_one_optional_role(action: str) -> None:
    without = set(aggregated(render(rights=NO_RIGHT)))

    with_it = set(aggregated(render(rights=NO_RIGHT | {"actions": [action]})))

    assert with_it - without == {f"{FULLNAME}-action-{action.lower()}"}


def test_no_rights_leave_only_the_base_role() -> None:
    assert set(aggregated(render(rights=NO_RIGHT))) == {f"{FULLNAME}-base"}


def test_default_rights_change_only_amounts() -> None:
    rules = granted(rule for rules in aggregated(render()).values() for rule in rules)
    ours = {"runbooks.dev"}
    written = {(group, resource) for group, resource, verb in rules if verb not in ("get", "list", "watch")}

    assert "secrets" not in {resource for _, resource, _ in rules}
    assert {one for one in written if one[0] not in ours} == {
        ("", "events"),
        ("apps", "deployments/scale"),
        ("apps", "statefulsets/scale"),
        ("argoproj.io", "rollouts/scale"),
        ("autoscaling", "horizontalpodautoscalers"),
        ("keda.sh", "scaledobjects"),
    }


@pytest.mark.parametrize("values", ALL)
def test_no_rule_has_a_wildcard_or_escalates(values: Body) -> None:
    for role in render(**values).kinds("ClusterRole", "Role"):
        rules = role.get("rules", [])
        allowed = {"impersonate"} if role["metadata"]["name"] == "runbook-operator-impersonation" else set()
        assert all(rule["apiGroups"] and rule["resources"] and rule["verbs"] for rule in rules)
        assert "*" not in {part for triple in granted(rules) for part in triple}
        assert {"escalate", "bind", "impersonate"} & {verb for _, _, verb in granted(rules)} == allowed
        assert {verb for _, resource, verb in granted(rules) if resource == "secrets"} <= {"get"}
        assert "nonResourceURLs" not in {key for rule in rules for key in rule}


def test_cluster_scope_has_one_binding_and_a_lease_role() -> None:
    assert bindings(render()) == {
        ("ClusterRoleBinding", "", FULLNAME),
        ("RoleBinding", NAMESPACE, f"{FULLNAME}-lease"),
    }


def test_namespace_scope_has_a_binding_each_and_cluster_wide_finalizer_removal() -> None:
    rendered = render(scope={"namespaces": ["team-a", "team-b"]}, rights=NO_RIGHT)

    assert bindings(rendered) == {
        ("RoleBinding", "team-a", FULLNAME),
        ("RoleBinding", "team-b", FULLNAME),
        ("ClusterRoleBinding", "", f"{FULLNAME}-finalizers"),
        ("RoleBinding", "default", f"{FULLNAME}-apiserver"),
        ("RoleBinding", NAMESPACE, f"{FULLNAME}-lease"),
    }
    assert rendered.one("Role", f"{FULLNAME}-apiserver")["rules"] == APISERVER
    *ours, namespaces = rendered.one("ClusterRole", f"{FULLNAME}-finalizers")["rules"]
    assert (namespaces["resources"], namespaces["verbs"]) == (["namespaces"], ["get"])
    assert namespaces["resourceNames"] == ["team-a", "team-b"]
    everywhere = granted(ours)
    assert {resource for _, resource, _ in everywhere} == {f"{one}{part}" for one in OWN for part in ("", "/status")}
    assert {verb for _, _, verb in everywhere} == {"get", "list", "watch", "patch"}


@pytest.mark.parametrize("scope", [{}, {"namespaces": ["team-a"]}])
def test_lease_role_is_limited_to_one_name(scope: Body) -> None:
    rules = render(scope=scope).one("Role", f"{FULLNAME}-lease")["rules"]

    assert [(one["verbs"], one.get("resourceNames")) for one in rules] == [
        (["get", "update"], [FULLNAME]),
        (["create"], None),
    ]


def test_sharded_replicas_may_use_all_leases_of_the_release_namespace() -> None:
    rendered = render(settings={"shards": 8})

    (rule,) = rendered.one("Role", f"{FULLNAME}-lease")["rules"]
    assert rule["resources"] == ["leases"]
    assert set(rule["verbs"]) == {"get", "list", "create", "update", "delete"}
    assert "resourceNames" not in rule
    assert bindings(rendered) == bindings(render())


def test_impersonation_is_granted_only_in_listed_namespaces() -> None:
    name = "runbook-operator-impersonation"

    given = bindings(render(rights={"impersonation": ["team-a"]}))

    assert {one for one in given if one[2] == name} == {("RoleBinding", "team-a", name)}
    assert not {one for one in bindings(render()) if one[2] == name}


def test_roles_for_people_equal_those_of_the_code() -> None:
    rendered = render()

    for role in people():
        found = rendered.one("ClusterRole", role["metadata"]["name"])
        assert found["rules"] == role["rules"]
        assert role["metadata"]["labels"].items() <= found["metadata"]["labels"].items()


def test_second_release_leaves_out_shared_roles() -> None:
    names = {one["metadata"]["name"] for one in render(rights={"shared": False}).kinds("ClusterRole")}

    assert not names & SHARED
    assert {one["metadata"]["name"] for one in render().kinds("ClusterRole")} >= SHARED


def test_rights_created_elsewhere_render_no_roles() -> None:
    rendered = render(**MATRIX["rights by somebody else"])

    assert not rendered.kinds("ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "ServiceAccount")
    assert rendered.one("Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
