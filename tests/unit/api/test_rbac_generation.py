"""The roles: what is needed and no more."""

from runbook_operator.actions import REGISTRY
from runbook_operator.api.rbac_generation import AGGREGATE, people, roles


def test_roles_exist_for_base_actions_and_options() -> None:
    names = [role["metadata"]["name"] for role in roles()]

    actions = [f"runbook-operator-action-{kind.lower()}" for kind in sorted(REGISTRY)]
    others = ["gitops", "sensing-pods", "sensing-secrets", "source-pods", "source-rollout", "probes", "shards"]
    others = [*others, "impersonation"]
    assert names == ["runbook-operator", *actions, *(f"runbook-operator-{one}" for one in others)]


def rights(name: str) -> set[tuple[str, str]]:
    """Resources with each of their verbs that a role grants."""
    (rules,) = [role["rules"] for role in roles() if role["metadata"]["name"] == name]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_base_role_reads_neither_secrets_nor_pods() -> None:
    base = rights("runbook-operator")

    assert [one for one in base if one[0] in ("secrets", "pods")] == []
    assert {(one, verb) for one in ("services", "endpointslices") for verb in ("list", "watch")} <= base


def test_monitoring_reads_beyond_the_base_are_optional_roles() -> None:
    assert rights("runbook-operator-sensing-pods") == {("pods", "list"), ("pods", "watch")}
    # Who may list or watch Secrets may read all of them at once.
    assert rights("runbook-operator-sensing-secrets") == {("secrets", "get")}


def test_single_leader_role_uses_its_lease_and_shards_role_lists_and_deletes_leases() -> None:
    assert {verb for resource, verb in rights("runbook-operator") if resource == "leases"} == {
        "get",
        "create",
        "update",
    }
    assert rights("runbook-operator-shards") == {("leases", "list"), ("leases", "delete")}


def test_no_role_has_a_wildcard_or_an_escalating_verb() -> None:
    granted = [rule for role in roles() for rule in role["rules"]]

    assert [rule for rule in granted if "*" in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])] == []
    assert [rule for rule in granted if {"escalate", "bind"} & set(rule["verbs"])] == []


def test_resources_with_the_same_verbs_share_one_rule() -> None:
    (rules,) = [role["rules"] for role in roles() if role["metadata"]["name"].endswith("-action-scale")]

    assert {
        "apiGroups": ["apps"],
        "resources": ["deployments/scale", "statefulsets/scale"],
        "verbs": ["get", "patch"],
    } in rules


def test_switch_operator_role_has_engage_and_release_verbs() -> None:
    (rules,) = [role["rules"] for role in people() if role["metadata"]["name"] == "switch-operator"]

    (verbs,) = [set(rule["verbs"]) for rule in rules if rule["resources"] == ["switches"]]
    assert {"patch", "engage", "release"} <= verbs


def test_impersonation_is_a_separate_role_that_no_role_aggregates() -> None:
    """Aggregated, it would be granted in every namespace, where it is as good as all rights."""
    (alone,) = [role for role in roles() if any("impersonate" in rule["verbs"] for rule in role["rules"])]

    assert alone["metadata"]["name"] == "runbook-operator-impersonation"
    assert alone["metadata"]["labels"] == {}
    assert alone["rules"] == [{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "impersonate"]}]
    others = [role for role in roles() if role is not alone and role["metadata"] != alone["metadata"]]
    assert [role for role in others if role["metadata"]["labels"] != {AGGREGATE: "true"}] == []


def test_people_roles_aggregate_to_view_edit_and_admin() -> None:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    parts = {
        role["metadata"]["name"]: {label.removeprefix(prefix) for label in role["metadata"]["labels"]}
        for role in people()
    }

    assert parts == {
        "runbook-viewer": {"view"},
        "runbook-editor": {"edit", "admin"},
        "switch-operator": {"edit", "admin"},
        "incident-responder": {"edit", "admin"},
    }


def test_switch_operator_patches_switches_and_no_people_role_writes_a_status() -> None:
    (operator,) = [role for role in people() if role["metadata"]["name"] == "switch-operator"]

    read = {"get", "list", "watch"}
    assert [(rule["apiGroups"], rule["resources"], set(rule["verbs"])) for rule in operator["rules"]] == [
        ([""], ["events"], read),
        (["runbooks.dev"], ["runbooks"], read),
        (["runbooks.dev"], ["incidents"], read | {"create", "patch", "acknowledge", "resolve"}),
        (["runbooks.dev"], ["switches"], read | {"patch", "engage", "release"}),
    ]
    granted = [resource for role in people() for rule in role["rules"] for resource in rule["resources"]]
    assert set(granted) == {"events", "incidents", "runbooks", "switches"}


def test_incident_responder_answers_incidents_and_only_reads_switches() -> None:
    (responder,) = [role for role in people() if role["metadata"]["name"] == "incident-responder"]

    read = {"get", "list", "watch"}
    assert [(rule["apiGroups"], rule["resources"], set(rule["verbs"])) for rule in responder["rules"]] == [
        ([""], ["events"], read),
        (["runbooks.dev"], ["runbooks", "switches"], read),
        (["runbooks.dev"], ["incidents"], read | {"create", "patch", "acknowledge", "resolve"}),
    ]
