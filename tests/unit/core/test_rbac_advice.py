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


def test_account_is_granted_a_role_in_its_namespace() -> None:
    said = commands(DEPLOYER, "shop", [SCALE, Right("", "pods", ("get", "patch"))])

    name = said.split()[3]
    assert said == (
        f"kubectl create role {name} --namespace=shop --verb=get,patch --resource=deployments.apps/scale,pods && "
        f"kubectl create rolebinding {name} --namespace=shop --role={name} --serviceaccount=shop:deployer"
    )


def test_each_verb_set_is_a_separate_role() -> None:
    said = commands(DEPLOYER, "shop", [SCALE, Right("batch", "jobs", ("create",))])

    first, _, second, _ = said.split(" && ")
    assert "--verb=create --resource=jobs.batch" in first
    assert "--verb=get,patch --resource=deployments.apps/scale" in second
    assert first.split()[3] != second.split()[3]


def test_operator_is_granted_a_cluster_role() -> None:
    assert "kubectl create clusterrole runbook-" in commands(OPERATOR, "shop", [SCALE])
    assert "--serviceaccount=ops:runbook-operator" in commands(OPERATOR, "shop", [SCALE])
    assert "--user=admin" in commands("admin", "shop", [SCALE])


def test_api_server_refusal_gives_the_grant_commands() -> None:
    said = advice(forbidden(DEPLOYER, "patch", "deployments/scale", "apps"))

    assert said.startswith("Grant it: kubectl create role runbook-")
    assert "--verb=patch --resource=deployments.apps/scale" in said
    assert "clusterrole " in advice(forbidden(OPERATOR, "list", "nodes", "", namespace=""))


def test_missing_impersonation_right_gives_the_role_binding_command() -> None:
    said = advice(forbidden(OPERATOR, "impersonate", "serviceaccounts", ""))

    assert said == (
        "To allow it, add shop to the chart's rights.impersonation, or: "
        "kubectl create rolebinding runbook-operator-impersonation --namespace=shop "
        "--clusterrole=runbook-operator-impersonation --serviceaccount=ops:runbook-operator"
    )


def test_newer_impersonation_verb_uses_the_namespace_of_the_account() -> None:
    said = advice(forbidden(OPERATOR, "impersonate-on:serviceaccount:create", "jobs", "batch", namespace=""), "shop")

    assert "--namespace=shop --clusterrole=runbook-operator-impersonation" in said


def test_policy_refusal_gives_general_advice() -> None:
    assert advice("pods is forbidden: violates PodSecurity") == GENERAL
    assert errors.ForbiddenError("403").user_action == GENERAL


def test_account_has_namespace_and_name() -> None:
    assert Account("shop", "deployer").user == DEPLOYER
    assert str(Account("shop", "deployer")) == "ServiceAccount shop/deployer"
    assert named("shop", None) is None


def test_scoped_operator_is_granted_a_role_in_its_namespace() -> None:
    said = commands(OPERATOR, "shop", [SCALE], scoped=True)

    assert "clusterrole" not in said
    assert said.count("--namespace=shop") == 2
    assert "--serviceaccount=ops:runbook-operator" in said
    assert "kubectl create role " in advice(forbidden(OPERATOR, "list", "runbooks", "runbooks.dev"), scoped=True)
    assert "clusterrole " in advice(forbidden(OPERATOR, "list", "nodes", "", namespace=""), scoped=True)


def test_missing_right_message_omits_the_request() -> None:
    said = plain(f"GET /api: 403 {forbidden(OPERATOR, 'get', 'deployments', 'apps')}")

    assert said == f"{OPERATOR} may not get deployments (apps) in namespace shop"
    assert plain(forbidden(OPERATOR, "list", "nodes", "", namespace="")) == f"{OPERATOR} may not list nodes"


def test_refusal_without_request_right_stays_unchanged() -> None:
    for message in ("pods is forbidden", forbidden(OPERATOR, "impersonate", "serviceaccounts", "")):
        assert plain(message) == message


def test_refusal_of_another_verb_is_not_an_impersonation_refusal() -> None:
    assert (
        refused_impersonator(forbidden(OPERATOR, "get", "pods", "", namespace="shop"), Account("shop", "deployer"))
        == ""
    )
    assert refused_impersonator("pods is forbidden: violates PodSecurity", Account("shop", "deployer")) == ""
