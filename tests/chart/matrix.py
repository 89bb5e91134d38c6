"""The combinations of values that everything about the chart is tested with: each value in more than one of them."""

from typing import Any

from tests.chart.helm import NAMESPACE
from tools.chart.schema import schema
from tools.chart.values import values_model

Body = dict[str, Any]
RIGHTS: Body = schema(values_model())["properties"]["rights"]["properties"]
ACTIONS: list[str] = RIGHTS["actions"]["items"]["enum"]
EVERY_RIGHT: Body = {
    "actions": ACTIONS,
    "gitops": True,
    "probes": True,
    "checks": {"pods": True, "secrets": True},
    "sources": RIGHTS["sources"]["items"]["enum"],
    "impersonation": ["team-a", "team-b"],
}
NO_RIGHT: Body = {"actions": [], "checks": {"pods": False}, "sources": [], "shared": False}
PLACED: Body = {
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": None}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "priorityClassName": "system-cluster-critical",
    "topologySpread": {"keys": ["kubernetes.io/hostname"], "whenUnsatisfiable": "DoNotSchedule"},
    "terminationGracePeriodSeconds": 60,
}
DRESSED: Body = {
    "podLabels": {"team": "sre"},
    "podAnnotations": {"example.com/scrape": "true"},
    "imagePullSecrets": [{"name": "registry"}],
    "extraEnv": [
        {"name": "HTTPS_PROXY", "value": "http://proxy:3128"},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ],
    "extraVolumes": [{"name": "audit", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "audit", "mountPath": "/var/log/runbook-operator"}],
    "settings": {
        "auditFile": "/var/log/runbook-operator/audit.jsonl",
        "allowedUrls": ["https://*.example.com/health/*"],
        "allowedNetworks": ["10.0.0.0/8"],
        "logLevel": "debug",
    },
}
CHANNELS: Body = {
    "entries": {
        "chat": {"kind": "slack", "urlFile": "/etc/channels/slack/url", "fallback": "audit"},
        "audit": {"kind": "event", "namespaces": ["team-a"]},
    },
    "secrets": ["slack"],
}
SOURCES: Body = {
    "sources": {
        "default": {"url": "http://prometheus-operated.monitoring:9090"},
        "influx": {"type": "influxdb", "url": "http://influxdb.monitoring:8086", "database": "shop"},
        "mimir": {
            "url": "https://mimir.monitoring/prometheus",
            "tenant": "shop",
            "basic": {
                "usernameFile": "/etc/metric-sources/mimir/username",
                "passwordFile": "/etc/metric-sources/mimir/password",
            },
            "namespaces": ["team-a"],
            "timeout": "10s",
        },
    },
    "secrets": ["mimir"],
}
PROMETHEUS: Body = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}}
COMBINATIONS: dict[str, Body] = {
    "as it is": {},
    "every right": {"rights": EVERY_RIGHT},
    "no right": {"rights": NO_RIGHT},
    "rights by somebody else": {"rights": {"create": False}, "serviceAccount": {"create": False, "name": "mine"}},
    "two namespaces": {
        "scope": {"namespaces": ["team-a", "team-b"]},
        "rights": EVERY_RIGHT,
        "admission": {"engageVerb": True, "respondVerbs": True, "warnUnattended": True},
    },
    "its own namespace": {"scope": {"namespaces": [NAMESPACE]}, "rights": NO_RIGHT, "replicas": 1},
    "watched by a ServiceMonitor": {
        "metrics": {
            "monitor": {"kind": "ServiceMonitor", "labels": {"release": "prometheus"}},
            "rules": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Operators"}},
        },
        "networkPolicy": {"from": [PROMETHEUS]},
    },
    "watched by a PodMonitor": {
        "metrics": {
            "monitor": {"kind": "PodMonitor", "interval": "10s"},
            "rules": {"enabled": True},
            "dashboard": {"enabled": True, "labels": {"dashboards": "yes"}},
        },
        "networkPolicy": {"egress": [{}]},
        "argocd": {"enabled": True},
    },
    "channels": {"channels": CHANNELS},
    "metric sources": {"metricSources": SOURCES, "settings": {"httpPort": 9090, "httpHost": "::"}},
    "placed": PLACED,
    "dressed": DRESSED | {"metricSources": SOURCES, "channels": CHANNELS},
    "one replica without guards": {
        "replicas": 1,
        "networkPolicy": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "topologySpread": {"keys": []},
        "admission": {"enabled": False},
    },
    "stopped": {"replicas": 0, "crds": {"enabled": False}, "uninstall": {"engaged": "Keep", "seconds": 60}},
    "many replicas of a digest": {
        "replicas": 5,
        "settings": {"shards": 64},
        "image": {
            "repository": "registry.example.com/ops/runbook",
            "digest": f"sha256:{'0' * 64}",
            "pullPolicy": "Always",
        },
        "resources": {"requests": {"cpu": 1, "memory": "256Mi"}, "limits": {"cpu": 2, "memory": "1Gi"}},
    },
    "another name": {
        "fullnameOverride": "switchboard",
        "image": {"tag": "9.9.9"},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}},
        "crds": {"keep": False},
    },
}
NO_CRDS: Body = {"crds": {"enabled": False}}
MATRIX = {name: NO_CRDS | values if values else values for name, values in COMBINATIONS.items()}
"""The CRDs take most of helm's time, and are the same whatever else is set: they are in two of these."""
