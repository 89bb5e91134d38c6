"""What others publish of themselves, which nobody here measured."""

HEAD = """
## What others publish about themselves

No project publishes a figure for this path: from an accepted patch of a switch to the accepted patch
of its target. Most published figures are the periods of checks, for which an action must wait;
Runbook Operator also waits for its checks. The figures come from the projects' own pages, unless the
table names another source. None of them was measured here:

| project | figure | source |
| --- | --- | --- |
"""
ROWS = (
    (
        "KEDA",
        "looks at each trigger every 30 s, and scales to zero 300 s after one was last active",
        "keda-docs 2.20, reference/scaledobject-spec",
    ),
    (
        "KEDA",
        "of two replicas one works, with a lease of 15 s; 20 requests a second to the API server",
        "keda-docs 2.20, operate/cluster",
    ),
    (
        "HorizontalPodAutoscaler",
        "looks every 15 s, and scales down by the most of the last 5 minutes",
        "kubernetes.io, tasks/run-application/horizontal-pod-autoscale",
    ),
    (
        "Flagger",
        "rolls back after as many failed checks as allowed, one every 60 s: in the example 10",
        "flagger, docs/gitbook/usage/deployment-strategies.md",
    ),
    ("Argo Rollouts", "an analysis that fails is tried again after 10 s", "analysis/analysis.go"),
    ("Argo CD", "self-heal puts back within about 5 s", "docs/user-guide/auto_sync.md"),
    ("flagd", "under 10 ms for an evaluation, thousands of flags per second", "docs/architecture.md"),
    ("OpenFeature Operator", "under 10 s from the resource to the app, in an early test", "open-feature/ofep#1"),
    ("LaunchDarkly", "under 200 ms to spread a flag", "a third party that quotes the vendor"),
    ("Kubernaut", "under 30 s from alert to dispatch", "docs/architecture"),
    ("Node Healthcheck", "unhealthy after 300 s, each step of an escalation at least 60 s", "nodehealthcheck_types.go"),
)
OTHERS = HEAD + "".join(f"| {project} | {figure} | {source} |\n" for project, figure, source in ROWS)
