"""Values: what is misspelt is refused, what does not go together is refused with a sentence, and each one is used."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_operator.settings import Settings
from tests.chart.helm import Body, packaged, refused, render
from tests.chart.matrix import CHANNELS, DRESSED, MATRIX, SOURCES
from tools.chart import CHART
from tools.chart.__main__ import files, stale
from tools.chart.schema import schema
from tools.chart.settings import ELSEWHERE
from tools.chart.values import values_model

SCHEMA = schema(values_model())
DEFAULTS: Body = yaml.safe_load((CHART / "values.yaml").read_text())
HANDED_ON = {
    "affinity",
    "extraEnv[].valueFrom",
    "extraVolumeMounts[]",
    "extraVolumes[]",
    "global",
    "networkPolicy.egress[]",
    "networkPolicy.from[]",
}
"""Objects of Kubernetes' own, which the API server checks; and what a chart around this one hands to all its parts."""


TOGETHER: list[tuple[Body, str]] = [
    ({"image": {"tag": "latest"}}, "image.tag: latest is another image tomorrow"),
    ({"settings": {"leaseSeconds": 3}}, "settings.renewDeadlineSeconds must be less than settings.leaseSeconds"),
    ({"settings": {"retrySeconds": 3}}, "settings.retrySeconds must be less than settings.renewDeadlineSeconds"),
    ({"settings": {"auditFile": "/audit"}}, "settings.auditFile needs a folder that can be written to"),
    ({"serviceAccount": {"create": False}}, "serviceAccount.create is false: say which account to use"),
    ({"channels": {"secrets": ["slack"]}}, "channels.secrets are mounted for channels.entries"),
    ({"metricSources": {"secrets": ["mimir"]}}, "metricSources.secrets are mounted for metricSources.sources"),
    ({"extraEnv": [{"name": "RUNBOOK_WORKERS", "value": "1"}]}, "extraEnv: RUNBOOK_WORKERS is set by the chart"),
    ({"argocd": {"enabled": True, "configMap": "argocd-cm"}}, "argocd.configMap: argocd-cm is Argo CD's own"),
    ({"uninstall": {"engaged": "Keep"}, "crds": {"keep": False}}, "uninstall.engaged: Keep needs crds.keep: true"),
]
"""Values that are right one by one, and how the sentence begins that refuses them together."""


def objects(part: Body, path: str = "") -> Iterator[tuple[str, Body]]:
    """Every object of the schema with its path."""
    for one in (part, *part.get("anyOf", ())):
        if one.get("type") == "object":
            yield path, one
        for name, inner in one.get("properties", {}).items():
            yield from objects(inner, f"{path}.{name}".lstrip("."))
        if "items" in one:
            yield from objects(one["items"], f"{path}[]")
        if isinstance(one.get("additionalProperties"), dict):
            yield from objects(one["additionalProperties"], f"{path}.*")


def set_at(path: str, value: Any) -> Body:
    """Values with this one alone."""
    for name in reversed(path.split(".")):
        value = {name: value}
    found: Body = value
    return found


def source(**entry: Any) -> Body:
    """The values with one metric source that has these fields and a url."""
    return set_at("metricSources.sources.default", {"url": "http://x"} | entry)


def merged(one: Body, other: Body) -> Body:
    both = {key: merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(other[key], dict)}
    return one | other | both


def test_generated_files_are_up_to_date() -> None:
    assert [str(path) for path in stale(files())] == [], "run make chart"


def test_values_schema_refuses_unknown_fields() -> None:
    open_ones = {path for path, one in objects(SCHEMA) if one.get("additionalProperties", True) is True}

    assert open_ones == HANDED_ON


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "additional properties 'replica' not allowed"),
        ({"image": {"tagg": "1"}}, "at '/image': additional properties 'tagg' not allowed"),
        ({"settings": {"logLevle": "info"}}, "at '/settings': additional properties 'logLevle' not allowed"),
        ({"settings": {"logLevel": "loud"}}, "at '/settings/logLevel': value must be one of"),
        ({"rights": {"actions": ["Scale"]}}, "at '/rights/actions/0': value must be one of"),
        ({"scope": {"namespaces": []}}, "minItems: got 0, want 1"),
        ({"metricSources": {"sources": {"default": {"uri": "http://x"}}}}, "missing property 'url'"),
        ({"channels": {"entries": {"chat": {"kind": "fax"}}}}, "at '/channels/entries/chat"),
        (source(type="influx"), "at '/metricSources/sources/default/type': value must be one of"),
        (source(type="influxdb"), "at '/metricSources/sources/default': missing property 'database'"),
        (source(type="influxdb", database="a", tenant="b"), "additional properties 'tenant' not allowed"),
        (source(database="a"), "additional properties 'database' not allowed"),
        ({"replicas": -1}, "at '/replicas': minimum: got -1, want 0"),
        ({"tolerations": [{"effects": "NoSchedule"}]}, "additional properties 'effects' not allowed"),
    ],
)
def test_misspelt_or_wrong_value_is_named(values: Body, said: str) -> None:
    assert said in refused(**values)


@pytest.mark.parametrize(("values", "said"), TOGETHER)
def test_conflicting_values_are_refused_with_advice(values: Body, said: str) -> None:
    assert said in refused(**values)


def test_every_refusal_message_is_tested() -> None:
    sentences = [
        sentence
        for path in (CHART / "templates").rglob("*")
        if path.is_file()
        for sentence in re.findall(r'fail \(?(?:printf )?"([^"%]+)', path.read_text())
    ]

    assert len(sentences) >= len(TOGETHER)
    assert [one for one in sentences if not any(said.startswith(one[: len(said)]) for _, said in TOGETHER)] == []


def test_every_template_is_rendered_by_the_matrix() -> None:
    there = {str(path.relative_to(CHART)) for path in (CHART / "templates").rglob("*.yaml")}

    rendered = frozenset[str]().union(*(render(**values).templates for values in MATRIX.values()))

    assert there - rendered == set()


def test_every_setting_can_be_set_by_values() -> None:
    environment = {
        one["name"] for one in render().one("Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    }
    made_of_others = {f"RUNBOOK_{name.upper()}" for name in ELSEWHERE}

    assert {f"RUNBOOK_{name.upper()}" for name in Settings.model_fields} == {
        *(name for name in environment if name not in made_of_others),
        *made_of_others,
    }


def test_rendered_environment_is_read_by_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    values = merged(
        DRESSED, {"metricSources": SOURCES, "channels": CHANNELS, "scope": {"namespaces": ["team-a", "team-b"]}}
    )
    pod = render(**values).one("Deployment")["spec"]["template"]["spec"]
    for one in pod["containers"][0]["env"]:
        monkeypatch.setenv(one["name"], one.get("value", ""))

    settings = Settings()

    assert settings.namespaces == ("team-a", "team-b")
    assert (settings.lease_namespace, settings.lease_name) == ("runbooks", "ops-runbook-operator")
    assert [str(one) for one in settings.allowed_networks] == ["10.0.0.0/8"]
    assert len(settings.allowed_urls) == 1
    assert settings.metric_sources == "/etc/metric-sources/config/sources.yaml"
    assert settings.allowed_actions == ("notify", "scale")
    assert (settings.enforce_probes, settings.helm_release) == (False, "ops")
    assert (settings.log_level, settings.lease_seconds, settings.workers) == ("debug", 4.0, 16)


def test_chart_can_be_a_dependency_of_another_chart(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    (whole / "charts").mkdir(parents=True)
    (whole / "charts" / packaged().name).write_bytes(packaged().read_bytes())
    about = {"apiVersion": "v2", "name": "whole", "version": "1.0.0"}
    (whole / "Chart.yaml").write_text(yaml.safe_dump(about))
    values = {"global": {"region": "eu"}, "runbook-operator": {"enabled": True, "replicas": 3}}
    (whole / "values.yaml").write_text(yaml.safe_dump(values))

    done = subprocess.run(["helm", "template", "ops", str(whole)], text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "replicas: 3" in done.stdout


def test_every_value_is_documented_in_values_yaml_and_readme() -> None:
    commented = re.findall(r"^ *# (\w+):$|^ *(\w+):", (CHART / "values.yaml").read_text(), re.MULTILINE)
    named = {absent or present for absent, present in commented}
    readme = (CHART / "README.md").read_text()
    paths = [path for path, _ in leaves(SCHEMA)]

    assert [path for path in paths if path.rpartition(".")[2] not in named] == []
    assert [path for path in paths if f"| `{path}` |" not in readme] == []


def leaves(part: Body, path: str = "") -> Iterator[tuple[str, Body]]:
    """Every value that is set as one."""
    for name, inner in part["properties"].items():
        here = f"{path}.{name}".lstrip(".")
        if inner.get("type") == "object" and "properties" in inner:
            yield from leaves(inner, here)
        elif here not in ("global", "enabled"):
            yield here, inner
