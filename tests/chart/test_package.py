"""The package that is released: linted, the same whenever it is built, and with what Artifact Hub shows."""

import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from runbook_operator.api.runbook import RunbookSpec
from tests.chart.helm import NAMESPACE, RELEASE, VERSION, Body, packaged, render
from tools.chart import CHART, ROOT, crds
from tools.chart.package import changes, package


def about() -> Body:
    found: Body = yaml.safe_load(inside("Chart.yaml"))
    return found


def inside(name: str) -> str:
    with tarfile.open(packaged()) as archive:
        file = archive.extractfile(f"runbook-operator/{name}")
        assert file is not None
        return file.read().decode()


def notes(*options: str) -> str:
    command = ["helm", "install", RELEASE, str(packaged()), f"--namespace={NAMESPACE}", "--dry-run=client", *options]
    return subprocess.check_output(command, text=True).partition("NOTES:\n")[2]


def test_helm_lint_has_no_warning() -> None:
    command = ["helm", "lint", "--strict", str(packaged())]

    done = subprocess.run(command, text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


def test_package_is_reproducible(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()

    one, other = (package(tmp_path / name, VERSION) for name in ("one", "other"))

    assert one.read_bytes() == other.read_bytes() == packaged().read_bytes()


def test_package_has_the_version_and_image_of_the_operator() -> None:
    assert (about()["version"], about()["appVersion"]) == (VERSION, VERSION)
    image = render().one("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"runbook-operator:{VERSION}"


def test_artifact_hub_annotations_list_kinds_examples_changes_and_images() -> None:
    said = {name.partition("/")[2]: text for name, text in about()["annotations"].items()}

    assert [one["name"] for one in yaml.safe_load(said["crds"])] == [
        path.stem.partition("_")[2] + ".runbooks.dev" for path in sorted((ROOT / "crds").glob("*.yaml"))
    ]
    assert [one["kind"] for one in yaml.safe_load(said["crdsExamples"])] == ["Runbook"]
    assert yaml.safe_load(said["images"]) == [{"name": "runbook-operator", "image": f"runbook-operator:{VERSION}"}]
    assert len(yaml.safe_load(said["changes"])) > 10
    assert (said["operator"], said["license"]) == ("true", "Apache-2.0")


def test_changes_of_a_version_are_its_own_or_the_unreleased() -> None:
    text = "# Changelog\n\n## Unreleased\n\n### Added\n\n- New\n  thing.\n\n### Fixed\n\n"
    text += "## 0.2.0 (2026-12-01)\n\n- Old thing.\n- Another.\n"

    assert changes(text, "0.2.0") == ["Old thing.", "Another."]
    assert changes(text, "0.3.0") == ["New thing."]


def test_chart_crds_equal_those_of_the_repository() -> None:
    found = {one["metadata"]["name"]: one for one in render().kinds("CustomResourceDefinition")}

    for path in (ROOT / "crds").glob("*.yaml"):
        wanted = yaml.safe_load(path.read_text())
        assert found[wanted["metadata"]["name"]]["spec"] == wanted["spec"]
    assert {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in found.values()} == {"keep"}


def test_crds_can_be_left_out_or_deleted_on_uninstall() -> None:
    assert not render(crds={"enabled": False}).kinds("CustomResourceDefinition")
    for one in render(crds={"keep": False}).kinds("CustomResourceDefinition"):
        assert "annotations" not in one["metadata"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metadata:\n  name: x\nspec: {description: 'as {{ this }}'}\n", "word the description otherwise"),
        ("metadata:\n  name: x\n  annotations: {a: b}\n", "the template would lose: ['annotations', 'name']"),
    ],
)
def test_crd_with_template_syntax_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)

    with pytest.raises(ValueError, match=said.replace("[", "\\[")):
        crds.templates(tmp_path)


def test_notes_have_the_first_and_last_steps() -> None:
    said = notes()

    assert "serves all namespaces" in said
    assert f"helm test {RELEASE} --namespace {NAMESPACE}" in said
    assert 'kubectl patch switch shop-stop --namespace NAMESPACE --type merge -p \'{"spec":{"engaged":true' in said
    assert f"helm uninstall {RELEASE} --namespace {NAMESPACE}" in said
    assert "kubectl delete crd runbooks.runbooks.dev switches.runbooks.dev" in said
    assert "Switches may do: notify, scale." in said


def test_runbook_in_the_notes_is_valid() -> None:
    text = notes().partition("<<'END'\n")[2].partition("\nEND\n")[0]

    example = yaml.safe_load(text.replace("DEPLOYMENT", "web"))

    spec = RunbookSpec.model_validate(example["spec"])
    assert [one.name for one in spec.kill_switches] == ["stop"]


def test_notes_follow_the_values() -> None:
    said = notes(
        "--set=scope.namespaces={a,b}", "--set=replicas=0", "--set=rights.create=false", "--set=crds.keep=false"
    )

    assert "serves a, b." in said
    assert "replicas is 0: nothing acts until it is raised." in said
    assert "rights.create is false" in said
    assert "kubectl delete crd" not in said


def test_upgrade_never_removes_a_right_temporarily() -> None:
    """The rules of the operator's own role are the aggregating controller's: to send any would be to take them."""
    role = render().one("ClusterRole", f"{RELEASE}-runbook-operator")

    assert role["aggregationRule"]
    assert "rules" not in role


def test_chart_has_no_crds_folder() -> None:
    assert not (CHART / "crds").exists()
