"""From a right that is missing to the commands that grant it."""

from runbook_operator.core.accounts import Account, named
from runbook_operator.core.rbac_advice import GENERAL, advice, commands, plain, refused_impersonator
from runbook_operator.core.rbac_rules import Right
from runbook_operator.kube import errors

DEPLOYER = "system:serviceaccount:shop:deployer"
OPERATOR = "system:serviceaccount:ops:runbook-operator"
SCALE = Right("apps", "deployments/scale", ("get", "patch"))


def forbidden(user: str, verb: str, resource: str, group: str, namespace: str = "shop") -> str:
    """As the API server says it."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    return f'x "y" is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{group}"{where}'


def test_an_account_is_granted_a_role_in_its_own_namespace() -> None:
    said = commands(DEPLOYER, "shop", [SCALE, Right("", "pods", ("get", "patch"))])

    name = said.split()[3]
    assert said == (
        f"kubectl create role {name} --namespace=shop --verb=get,patch --resource=deployments.apps/scale,pods && "
        f"kubectl create rolebinding {name} --namespace=shop --role={name} --serviceaccount=shop:deployer"
    )


def test_each_set_of_verbs_is_a_role_of_its_own_so_that_nothing_is_granted_besides() -> None:
    said = commands(DEPLOYER, "shop", [SCALE, Right("batch", "jobs", ("create",))])

    first, _, second, _ = said.split(" && ")
    assert "--verb=create --resource=jobs.batch" in first
    assert "--verb=get,patch --resource=deployments.apps/scale" in second
    assert first.split()[3] != second.split()[3]


def test_the_operator_itself_is_granted_a_cluster_role() -> None:
    assert "kubectl create clusterrole runbook-" in commands(OPERATOR, "shop", [SCALE])
    assert "--serviceaccount=ops:runbook-operator" in commands(OPERATOR, "shop", [SCALE])
    assert "--user=admin" in commands("admin", "shop", [SCALE])


def test_a_refusal_of_the_api_server_says_how_to_grant_what_it_refuses() -> None:
    said = advice(forbidden(DEPLOYER, "patch", "deployments/scale", "apps"))

    assert said.startswith("Grant it: kubectl create role runbook-")
    assert "--verb=patch --resource=deployments.apps/scale" in said
    assert "clusterrole " in advice(forbidden(OPERATOR, "list", "nodes", "", namespace=""))


def test_an_operator_that_may_not_act_for_others_is_to_be_bound_in_their_namespace() -> None:
    said = advice(forbidden(OPERATOR, "impersonate", "serviceaccounts", ""))

    assert said == (
        "To allow it, add shop to the chart's rights.impersonation, or: "
        "kubectl create rolebinding runbook-operator-impersonation --namespace=shop "
        "--clusterrole=runbook-operator-impersonation --serviceaccount=ops:runbook-operator"
    )


def test_a_newer_api_server_tells_so_of_the_request_and_the_namespace_is_that_of_the_account() -> None:
    said = advice(forbidden(OPERATOR, "impersonate-on:serviceaccount:create", "jobs", "batch", namespace=""), "shop")

    assert "--namespace=shop --clusterrole=runbook-operator-impersonation" in said


def test_what_a_policy_refuses_is_no_matter_of_rights_alone() -> None:
    assert advice("pods is forbidden: violates PodSecurity") == GENERAL
    assert errors.ForbiddenError("403").user_action == GENERAL


def test_an_account_is_known_by_its_namespace_and_its_name() -> None:
    assert Account("shop", "deployer").user == DEPLOYER
    assert str(Account("shop", "deployer")) == "ServiceAccount shop/deployer"
    assert named("shop", None) is None


def test_scoped_operator_is_granted_a_role_in_the_namespace_that_it_serves() -> None:
    said = commands(OPERATOR, "shop", [SCALE], scoped=True)

    assert "clusterrole" not in said
    assert said.count("--namespace=shop") == 2
    assert "--serviceaccount=ops:runbook-operator" in said
    assert "kubectl create role " in advice(forbidden(OPERATOR, "list", "runbooks", "runbooks.dev"), scoped=True)
    assert "clusterrole " in advice(forbidden(OPERATOR, "list", "nodes", "", namespace=""), scoped=True)


def test_missing_right_is_told_without_the_request() -> None:
    said = plain(f"GET /api: 403 {forbidden(OPERATOR, 'get', 'deployments', 'apps')}")

    assert said == f"{OPERATOR} may not get deployments (apps) in namespace shop"
    assert plain(forbidden(OPERATOR, "list", "nodes", "", namespace="")) == f"{OPERATOR} may not list nodes"


def test_refusal_that_is_not_about_a_right_of_the_request_stays_as_it_is() -> None:
    for message in ("pods is forbidden", forbidden(OPERATOR, "impersonate", "serviceaccounts", "")):
        assert plain(message) == message


def test_refusal_of_another_verb_is_not_about_acting_as_an_account() -> None:
    assert (
        refused_impersonator(forbidden(OPERATOR, "get", "pods", "", namespace="shop"), Account("shop", "deployer"))
        == ""
    )
    assert refused_impersonator("pods is forbidden: violates PodSecurity", Account("shop", "deployer")) == ""
