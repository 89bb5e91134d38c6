"""The messages about what the administrator has not allowed, and the commands in them."""

from runbook_operator.core.installation import Installation

CHART = Installation(actions=("scale", "notify"), probes=False, release="ops", release_namespace="infra")
PLAIN = Installation(actions=(), probes=False)


def test_empty_list_allows_every_action() -> None:
    assert Installation().allows("restart")
    assert CHART.allows("scale")
    assert not CHART.allows("restart")


def test_helm_release_refusal_has_a_command_that_keeps_other_actions() -> None:
    assert CHART.refusal(["setFlag"]) == (
        "action setFlag is not allowed: rights.actions of the Helm release ops in namespace infra allows scale, "
        "notify. To allow it: helm upgrade ops CHART --namespace infra --reuse-values "
        "--set 'rights.actions={scale,notify,setFlag}'"
    )


def test_several_actions_are_listed_once_with_one_command() -> None:
    said = CHART.refusal(["restart", "setFlag", "restart"])

    assert said.startswith("actions restart, setFlag are not allowed")
    assert "{scale,notify,restart,setFlag}" in said


def test_operator_without_helm_gets_the_environment_variable() -> None:
    assert PLAIN.refusal(["scale"]) == (
        "action scale is not allowed: RUNBOOK_ALLOWED_ACTIONS allows no action. "
        "To allow it: start the operator with RUNBOOK_ALLOWED_ACTIONS=scale"
    )


def test_enforced_probe_refusal_has_the_value_or_the_variable() -> None:
    assert CHART.probes_refusal("ready").endswith(
        "rights.probes of the Helm release ops in namespace infra is false. To allow it: "
        "helm upgrade ops CHART --namespace infra --reuse-values --set 'rights.probes=true'"
    )
    assert PLAIN.probes_refusal("ready").endswith("start the operator with RUNBOOK_ENFORCE_PROBES=true")


def test_operator_with_namespaces_is_scoped() -> None:
    assert Installation(namespaces=("shop",)).is_scoped
    assert not Installation().is_scoped
