"""The roles: what is needed and no more."""

from runbook_operator.actions import REGISTRY
from runbook_operator.api.rbac_generation import AGGREGATE, people, roles


def test_there_is_a_base_and_a_role_for_each_action_and_for_whatever_else_is_opted_in_to() -> None:
    names = [role["metadata"]["name"] for role in roles()]

    actions = [f"runbook-operator-action-{kind.lower()}" for kind in sorted(REGISTRY)]
    others = ["gitops", "sensing-pods", "sensing-secrets", "source-pods", "source-rollout", "probes", "shards"]
    others = [*others, "impersonation"]
    assert names == ["runbook-operator", *actions, *(f"runbook-operator-{one}" for one in others)]


def rights(name: str) -> set[tuple[str, str]]:
    """Resources with each of their verbs that a role grants."""
    (rules,) = [role["rules"] for role in roles() if role["metadata"]["name"] == name]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_the_base_reads_neither_secrets_nor_pods() -> None:
    base = rights("runbook-operator")

    assert [one for one in base if one[0] in ("secrets", "pods")] == []
    assert {(one, verb) for one in ("services", "endpointslices") for verb in ("list", "watch")} <= base


def test_what_sensing_reads_beyond_the_base_is_opted_in_to() -> None:
    assert rights("runbook-operator-sensing-pods") == {("pods", "list"), ("pods", "watch")}
    # Who may list or watch Secrets may read all of them at once.
    assert rights("runbook-operator-sensing-secrets") == {("secrets", "get")}


def test_a_single_leader_sees_its_own_lease_alone_and_replicas_that_share_take_out_who_is_dead() -> None:
    assert {verb for resource, verb in rights("runbook-operator") if resource == "leases"} == {
        "get",
        "create",
        "update",
    }
    assert rights("runbook-operator-shards") == {("leases", "list"), ("leases", "delete")}


def test_no_role_has_a_wildcard_or_a_verb_that_escalates() -> None:
    granted = [rule for role in roles() for rule in role["rules"]]

    assert [rule for rule in granted if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])] == []
    assert [rule for rule in granted if {"escalate", "bind"} & set(rule["verbs"])] == []


def test_resources_with_the_same_verbs_are_one_rule() -> None:
    (rules,) = [role["rules"] for role in roles() if role["metadata"]["name"].endswith("-action-scale")]

    assert {
        "apiGroups": ["apps"],
        "resources": ["deployments/scale", "statefulsets/scale"],
        "verbs": ["get", "patch"],
    } in rules


def test_who_may_throw_switches_has_the_verbs_that_policies_may_ask_for() -> None:
    (rules,) = [role["rules"] for role in people() if role["metadata"]["name"] == "switch-operator"]

    (verbs,) = [set(rule["verbs"]) for rule in rules if rule["resources"] == ["switches"]]
    assert {"patch", "engage", "release"} <= verbs


def test_acting_for_accounts_is_a_role_of_its_own_that_nothing_is_made_of() -> None:
    """Aggregated, it would be granted in every namespace, where it is as good as all rights."""
    (alone,) = [role for role in roles() if any("impersonate" in rule["verbs"] for rule in role["rules"])]

    assert alone["metadata"]["name"] == "runbook-operator-impersonation"
    assert alone["metadata"]["labels"] == {}
    assert alone["rules"] == [{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "impersonate"]}]
    others = [role for role in roles() if role is not alone and role["metadata"] != alone["metadata"]]
    assert [role for role in others if role["metadata"]["labels"] != {AGGREGATE: "true"}] == []


def test_people_have_roles_that_view_edit_and_admin_are_made_of() -> None:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    parts = {
        role["metadata"]["name"]: {label.removeprefix(prefix) for label in role["metadata"]["labels"]}
        for role in people()
    }

    assert parts == {
        "runbook-viewer": {"view"},
        "runbook-editor": {"edit", "admin"},
        "switch-operator": {"edit", "admin"},
    }


def test_a_switch_operator_patches_switches_and_sees_runbooks_and_events_and_nobody_writes_a_status() -> None:
    (operator,) = [role for role in people() if role["metadata"]["name"] == "switch-operator"]

    read = {"get", "list", "watch"}
    assert [(rule["apiGroups"], rule["resources"], set(rule["verbs"])) for rule in operator["rules"]] == [
        ([""], ["events"], read),
        (["runbooks.dev"], ["runbooks"], read),
        (["runbooks.dev"], ["switches"], read | {"patch", "engage", "release"}),
    ]
    granted = [resource for role in people() for rule in role["rules"] for resource in rule["resources"]]
    assert set(granted) == {"events", "runbooks", "switches"}
