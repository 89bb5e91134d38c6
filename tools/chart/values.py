"""What can be set in the chart: the one source of values.yaml, of its schema and of the README's table.

A description here is the comment there. Everything is refused that is not named here, so that a misspelt value fails;
what is Kubernetes' own and handed on as it is, the API server checks.
"""

from functools import reduce
from operator import or_
from typing import Annotated, Literal

from pydantic import BaseModel, Field, create_model

from runbook_operator import notifiers, sources
from runbook_operator.actions import REGISTRY
from runbook_operator.core.model_base import ApiModel
from runbook_operator.settings import Settings
from tools.chart.metric_sources import MetricSource
from tools.chart.pods import Disruption, EnvVar, Image, PullSecret, Resources, Spread, Toleration
from tools.chart.settings import settings_model
from tools.chart.terms import Handed, Interval, Labels, Name, OptionalName

Action = Annotated[str, Field(json_schema_extra={"enum": sorted(REGISTRY)})]
Source = Annotated[str, Field(json_schema_extra={"enum": sorted(k for k, s in sources.REGISTRY.items() if s.rights)})]


class Crds(ApiModel):
    enabled: bool = Field(
        True, description="Install and upgrade the CRDs with the chart; false where something else does."
    )
    keep: bool = Field(
        True,
        description="Keep the CRDs, and so every Runbook and Switch, when the release is uninstalled.",
    )


class Scope(ApiModel):
    namespaces: list[Name] | None = Field(
        None,
        min_length=1,
        description="The namespaces to serve: rights are given and objects are read there and nowhere else. Absent is "
        "the whole cluster; an empty list is refused, so that one which came out empty opens nothing.",
    )


class Checks(ApiModel):
    pods: bool = Field(
        True, description="List and watch pods, for checks that send a request to each ready pod of a Service."
    )
    secrets: bool = Field(False, description="Get Secrets, for checks whose headers or authorities are kept there.")


class Rights(ApiModel):
    create: bool = Field(
        True, description="Create roles and bindings; false where an administrator binds the account by other means."
    )
    actions: list[Action] = Field(
        ["notify", "scale"],
        json_schema_extra={"uniqueItems": True},
        description="The actions that switches may do, a ClusterRole each. The operator refuses every other one, but "
        "for a Runbook with `spec.serviceAccountName`, where the rights of that account decide. The default can change "
        "how much runs, and nothing of what runs: it reads no Secret, creates no workload and touches no network. Each "
        "of the others can do one of these, so that you name it.",
    )
    gitops: bool = Field(False, description="Annotate what is held, which keeps Flux and Argo CD from taking it back.")
    checks: Checks = Field(Checks(), description="What health endpoints and dependencies may need.")
    sources: list[Source] = Field(
        ["pods", "rollout"],
        json_schema_extra={"uniqueItems": True},
        description="The sources beside Prometheus that metrics may be read from; they only read.",
    )
    probes: bool = Field(
        False,
        description="Set the containers' own probes, for health endpoints with `enforce: true`; false refuses it.",
    )
    impersonation: list[Name] = Field(
        [],
        json_schema_extra={"uniqueItems": True},
        description="Namespaces in which the operator may act as service accounts, for Runbooks with "
        "`spec.serviceAccountName`. It can then do there whatever any account of the namespace can.",
    )
    shared: bool = Field(
        True,
        description="Create the ClusterRoles that are called the same in every release: for people `runbook-viewer`, "
        "`runbook-editor`, `switch-operator` and `incident-responder`, which become parts of Kubernetes' own view, "
        "edit and admin, and `runbook-operator-impersonation`, which is bound where `impersonation` says. One release "
        "in a cluster can have them.",
    )


class ServiceAccount(ApiModel):
    create: bool = Field(True, description="Create it; false uses the one that is named.")
    name: OptionalName = Field("", description="Its name; empty is the release's.")
    annotations: Labels = Field({}, description="Its annotations, for a cloud's workload identity.")


class MetricSources(ApiModel):
    sources: dict[str, MetricSource] = Field(
        {},
        description="By the name that Runbooks use: `default: {url: http://prometheus-operated.monitoring:9090}`. "
        "`type` is prometheus where it is absent, or influxdb. The fields of each type are those of "
        "docs/metric-sources.md.",
    )
    secrets: list[Name] = Field(
        [],
        description="Secrets of the release's namespace, each mounted at `/etc/metric-sources/NAME`, for `tokenFile`, "
        "`caFile` and `basic`.",
    )


def _entry(kind: str, notifier: type[notifiers.Notifier]) -> type[BaseModel]:
    """The fields of a channel of one kind, as the operator reads them."""
    name = f"{notifier.__name__}Channel"
    # The type is only known at run time, and it is the same as in the operator's own check.
    literal = Literal[kind]  # type: ignore[valid-type]
    model: type[BaseModel] = create_model(name, __base__=notifier.Spec, kind=(literal, Field(description="The kind.")))
    return model


CHANNEL = reduce(or_, (_entry(kind, one) for kind, one in sorted(notifiers.REGISTRY.items())))


class Channels(ApiModel):
    entries: dict[str, CHANNEL] = Field(  # type: ignore[valid-type] # made of the registry
        {},
        description="By the name that Runbooks use: `pager: {kind: pagerduty, routingKeyFile: "
        "/etc/channels/pagerduty/key}`. The fields are those of docs/channels.md.",
    )
    secrets: list[Name] = Field(
        [],
        description="Secrets of the release's namespace, each mounted at `/etc/channels/NAME`, for the fields that end "
        "in `File`.",
    )


class Monitor(ApiModel):
    kind: Literal["None", "PodMonitor", "ServiceMonitor"] = Field(
        "None", description="The object that tells the Prometheus operator to scrape; its CRD must be there."
    )
    interval: Interval = Field("30s", description="How often it is scraped.")
    labels: Labels = Field({}, description="Labels by which your Prometheus chooses the object.")


class PrometheusRule(ApiModel):
    enabled: bool = Field(False, description="Create alerts about the operator's own health, as a PrometheusRule.")
    labels: Labels = Field({}, description="Labels by which your Prometheus chooses the object.")


class Dashboard(ApiModel):
    enabled: bool = Field(False, description="Create a ConfigMap with a Grafana dashboard.")
    labels: Labels = Field({"grafana_dashboard": "1"}, description="Labels by which Grafana's sidecar finds it.")
    annotations: Labels = Field({}, description="Annotations, such as the folder in Grafana.")


class Metrics(ApiModel):
    monitor: Monitor = Field(Monitor(), description="How Prometheus finds the operator.")
    rules: PrometheusRule = Field(PrometheusRule(), description="Alerts.")
    dashboard: Dashboard = Field(Dashboard(), description="Grafana.")


class ArgoCD(ApiModel):
    enabled: bool = Field(
        False,
        description="Create a ConfigMap with the health and the actions of Runbooks, Switches and Incidents in Argo "
        "CD. Its data is to be merged into Argo CD's own ConfigMap argocd-cm by one line of docs/gitops.md.",
    )
    config_map: OptionalName = Field("", description="Its name; empty is the release's with `-argocd` added.")


class NetworkPolicy(ApiModel):
    enabled: bool = Field(True, description="Refuse all connections to the operator but those to its port.")
    sources: list[Handed] | None = Field(
        None,
        alias="from",
        description="Who may connect to that port, as NetworkPolicyPeers; absent is everybody. The kubelet's probes "
        "pass in any case.",
    )
    egress: list[Handed] | None = Field(
        None,
        description="What the operator may connect to, as NetworkPolicyEgressRules; absent is everything, since where "
        "the API server is and what checks ask is the cluster's own. It needs the API server, DNS, the metric sources "
        "and what checks ask.",
    )


class Admission(ApiModel):
    enabled: bool = Field(
        True,
        description="Install the policies: only the operator writes status and creates Switches, what is held stays "
        "held, and no Runbook names an account, a Job or a Secret that its author may not use. docs/admission.md.",
    )
    validation_actions: list[Literal["Deny", "Warn", "Audit"]] = Field(
        ["Deny"],
        min_length=1,
        json_schema_extra={"uniqueItems": True},
        description="What is done about a violation; `[Warn, Audit]` lets everything pass and tells, to try it out.",
    )
    engage_verb: bool = Field(
        False,
        description="Engaging a Switch takes the verb `engage` on it beside `patch`, and releasing it `release` or "
        "`engage`. Give people these verbs first: docs/admission.md.",
    )
    respond_verbs: bool = Field(
        False,
        description="Acknowledging an Incident takes the verb `acknowledge` or `resolve` on it beside `patch`, and "
        "resolving it `resolve`. Give people these verbs first: docs/admission.md.",
    )
    only_operator_creates_switches: bool = Field(True, description="Nobody but the operator creates Switches.")
    stamp_engaged_by: bool = Field(
        True,
        description="Write into each Switch which user has engaged it, and into each Incident which users have opened, "
        "acknowledged and resolved it and written its note. Needs MutatingAdmissionPolicy v1, Kubernetes 1.36; "
        "elsewhere the status names the client, such as kubectl-patch, and not the user.",
    )
    mark_engaged: bool = Field(
        True,
        description="Have the API server put the operator's finalizer on a Switch in the very write that engages it, "
        "so that the operator writes once before it acts, and not twice. Needs MutatingAdmissionPolicy v1; elsewhere "
        "the operator does so itself.",
    )
    warn_unattended: bool = Field(
        False,
        description="Have the API server warn whoever changes a Switch while no operator renews its Lease. It watches "
        "the Leases of the cluster for that. After an uninstall and a new installation it warns falsely until the API "
        "server restarts.",
    )
    exempt_users: list[str] = Field(
        [], description="Users beside the operator that no policy refuses anything, such as a backup's account."
    )


class Uninstall(ApiModel):
    engaged: Literal["Release", "Keep", "Refuse"] = Field(
        "Release",
        description="What becomes of engaged switches: Release puts back what was there before, as the deletion of "
        "each would; Keep leaves what they hold, and an operator that is installed again goes on; Refuse fails the "
        "uninstall.",
    )
    seconds: int = Field(
        240,
        ge=10,
        description="How long putting back may take; the uninstall fails after it. Less than helm's `--timeout`.",
    )


class Values(ApiModel):
    """All values but `settings`, which are those of the operator."""

    fullname_override: OptionalName = Field(
        "", description="What all objects are called, instead of a name that is made of the release's."
    )
    replicas: int = Field(2, ge=0, description="Replicas: one leads, the others take over within seconds.")
    image: Image = Field(Image(), description="The operator's image.")
    image_pull_secrets: list[PullSecret] = Field([], description="Secrets to pull it with: `[{name: registry}]`.")
    crds: Crds = Field(Crds(), description="The CustomResourceDefinitions of Runbook and Switch.")
    scope: Scope = Field(Scope(), description="Where the operator works.")
    rights: Rights = Field(
        Rights(),
        description="What the operator may do there. To give it more, label a ClusterRole of your own "
        '`rbac.runbooks.dev/aggregate-to-operator: "true"`.',
    )
    admission: Admission = Field(
        Admission(), description="Policies that the API server checks by itself, without a webhook."
    )
    service_account: ServiceAccount = Field(ServiceAccount(), description="The operator's account.")
    metric_sources: MetricSources = Field(
        MetricSources(),
        description="The sources that metrics of Runbooks may query: Prometheus, InfluxDB.",
    )
    channels: Channels = Field(Channels(), description="The channels that messages of Runbooks may be delivered by.")
    metrics: Metrics = Field(Metrics(), description="How the operator itself is watched.")
    argocd: ArgoCD = Field(ArgoCD(), description="What Argo CD is to know of Runbooks and Switches.")
    network_policy: NetworkPolicy = Field(NetworkPolicy(), description="Who reaches the operator, and whom it reaches.")
    pod_disruption_budget: Disruption = Field(Disruption(), description="What drains of nodes may do.")
    topology_spread: Spread = Field(Spread(), description="Where the replicas run.")
    resources: Resources = Field(Resources(), description="What a replica needs.")
    pod_labels: Labels = Field({}, description="More labels of the pods.")
    pod_annotations: Labels = Field({}, description="Annotations of the pods.")
    node_selector: Labels = Field({}, description="Labels of the nodes to run on.")
    tolerations: list[Toleration] = Field([], description="Taints of nodes that are put up with.")
    affinity: Handed = Field({}, description="Affinity, as Kubernetes has it.")
    priority_class_name: str = Field("", description="PriorityClass of the pods; `system-cluster-critical` fits.")
    termination_grace_period_seconds: int = Field(
        30, ge=1, description="How long a replica that ends may take to finish what it is doing."
    )
    extra_env: list[EnvVar] = Field([], description="More environment variables, such as a proxy's.")
    extra_volumes: list[Handed] = Field([], description="More volumes, such as one for `settings.auditFile`.")
    extra_volume_mounts: list[Handed] = Field([], description="Where they are mounted.")
    uninstall: Uninstall = Field(Uninstall(), description="What `helm uninstall` does: docs/uninstall.md.")


def values_model() -> type[BaseModel]:
    """Every value, with its type, its default and its description."""
    settings = settings_model(Settings)
    described = Field(settings(), description="Settings of the operator: docs/reference/settings.md.")
    model: type[BaseModel] = create_model("AllValues", __base__=Values, settings=(settings, described))
    return model
