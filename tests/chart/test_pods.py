"""What every pod of the chart is, whatever the values: the rules of kube-linter and kube-score, and why they hold."""

import re
from collections.abc import Iterator

import pytest

from tests.chart.helm import NAMESPACE, Body, Rendered, render
from tests.chart.matrix import MATRIX

ALL = [pytest.param(values, id=name) for name, values in MATRIX.items()]
pytestmark = pytest.mark.parametrize("values", ALL)
PINNED = re.compile(r"^[^\s:@]+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$")


def containers(rendered: Rendered) -> Iterator[tuple[str, Body, Body]]:
    for name, pod in rendered.pods():
        for container in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]:
            yield name, pod["spec"], container


def matches(selector: Body, labels: Body) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())


def operator(rendered: Rendered) -> Body:
    found: Body = rendered.one("Deployment")["spec"]["template"]
    return found


def others(rendered: Rendered) -> list[Body]:
    return [pod for name, pod in rendered.pods() if pod != operator(rendered)]


def test_no_pod_runs_as_root_or_can_become_root(values: Body) -> None:
    for name, spec, container in containers(render(**values)):
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 65532, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_no_pod_uses_host_namespaces_or_folders(values: Body) -> None:
    for name, pod in render(**values).pods():
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & pod["spec"].keys(), name
        assert not [one for one in pod["spec"].get("volumes", []) if "hostPath" in one], name


def test_every_container_has_requests_and_a_memory_limit(values: Body) -> None:
    """No limit of the CPU by default: a throttled operator throws late, and its request keeps its share."""
    for name, _, container in containers(render(**values)):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
        assert "memory" in container["resources"]["limits"], name


def test_every_image_is_pinned_to_a_version(values: Body) -> None:
    for name, _, container in containers(render(**values)):
        assert PINNED.match(container["image"]), name
        assert container["imagePullPolicy"], name


def test_only_pods_using_the_api_have_a_token(values: Body) -> None:
    rendered = render(**values)

    for account in rendered.kinds("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False, account["metadata"]["name"]
    for name, pod in rendered.pods():
        named = pod["spec"].get("serviceAccountName", "default")
        assert pod["spec"]["automountServiceAccountToken"] is (named != "default"), name


def test_no_pod_with_settings_gets_service_links(values: Body) -> None:
    """`RUNBOOK_HTTP_PORT` of a Service called runbook-http would be taken for a setting."""
    linked = [name for name, pod in render(**values).pods() if pod["spec"]["enableServiceLinks"] is not False]

    assert all(name.endswith("-ready") for name in linked)


def test_operator_probes_use_its_port(values: Body) -> None:
    (container,) = operator(render(**values))["spec"]["containers"]

    port = next(one["value"] for one in container["env"] if one["name"] == "RUNBOOK_HTTP_PORT")
    assert [(one["name"], str(one["containerPort"])) for one in container["ports"]] == [("http", port)]
    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    assert asked == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


def test_uninstall_jobs_are_scheduled_like_the_operator(values: Body) -> None:
    rendered = render(**values)
    placed = ("nodeSelector", "affinity", "tolerations", "priorityClassName", "imagePullSecrets")

    for job in rendered.kinds("Job"):
        spec = job["spec"]["template"]["spec"]
        assert {key: spec.get(key) for key in placed} == {key: operator(rendered)["spec"].get(key) for key in placed}, (
            job["metadata"]["name"]
        )


def test_selectors_match_only_operator_pods(values: Body) -> None:
    rendered = render(**values)
    labels = operator(rendered)["metadata"]["labels"]
    selectors = [rendered.one("Deployment")["spec"]["selector"]]
    selectors += [{"matchLabels": one["spec"]["selector"]} for one in rendered.kinds("Service")]
    selectors += [one["spec"]["podSelector"] for one in rendered.kinds("NetworkPolicy")]
    selectors += [one["spec"]["selector"] for one in rendered.kinds("PodDisruptionBudget", "PodMonitor")]
    constraints = operator(rendered)["spec"].get("topologySpreadConstraints", [])
    selectors += [one["labelSelector"] for one in constraints]

    assert len(selectors) >= 2
    for selector in selectors:
        assert matches(selector, labels)
        assert not any(matches(selector, pod["metadata"]["labels"]) for pod in others(rendered))


def test_service_monitor_selects_the_service_and_its_port(values: Body) -> None:
    rendered = render(**values)
    service = rendered.one("Service")

    for monitor in rendered.kinds("ServiceMonitor"):
        assert matches(monitor["spec"]["selector"], service["metadata"]["labels"])
        assert {one["port"] for one in monitor["spec"]["endpoints"]} == {
            one["name"] for one in service["spec"]["ports"]
        }


def test_disruption_budget_allows_one_replica_at_a_time(values: Body) -> None:
    rendered = render(**values)
    budgets = rendered.kinds("PodDisruptionBudget")
    wanted = values.get("podDisruptionBudget", {}).get("enabled", True)

    assert len(budgets) == (1 if wanted and rendered.one("Deployment")["spec"]["replicas"] > 1 else 0)
    assert [one["spec"]["maxUnavailable"] for one in budgets] in ([], [1])


def test_every_object_is_in_its_namespace_with_its_labels(values: Body) -> None:
    rendered = render(**values)
    elsewhere = {"default", *values.get("scope", {}).get("namespaces", [])}
    elsewhere |= set(values.get("rights", {}).get("impersonation", []))

    for one in rendered.documents:
        labels, where = one["metadata"]["labels"], one["metadata"].get("namespace", NAMESPACE)
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/instance"] == "ops"
        assert where == NAMESPACE or (one["kind"] in ("Role", "RoleBinding") and where in elsewhere), one["kind"]


def test_every_volume_is_mounted_and_every_mount_has_a_volume(values: Body) -> None:
    for name, pod in render(**values).pods():
        mounted = {one["name"] for container in pod["spec"]["containers"] for one in container.get("volumeMounts", [])}
        assert mounted == {one["name"] for one in pod["spec"].get("volumes", [])}, name
