"""The command line, without a cluster."""

from pathlib import Path

import pytest

from runbook_operator import __version__
from runbook_operator.__main__ import main


def test_version_and_help_say_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--version", "--help"):
        with pytest.raises(SystemExit) as ended:
            main([flag])
        assert ended.value.code == 0
    said = capsys.readouterr().out

    assert f"runbook-operator {__version__}" in said
    assert "RUNBOOK_LEASE_SECONDS" in said
    assert "print the CustomResourceDefinitions" in said


def test_crds_are_printed_or_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["crds"]) == 0
    assert main(["crds", "--directory", str(tmp_path / "crds")]) == 0

    assert capsys.readouterr().out.count("kind: CustomResourceDefinition") == 2
    assert sorted(path.name for path in (tmp_path / "crds").iterdir()) == [
        "runbooks.dev_runbooks.yaml",
        "runbooks.dev_switches.yaml",
    ]


def test_a_wrong_setting_is_named_and_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--http-port", "many"]) == 2

    assert "RUNBOOK_HTTP_PORT" in capsys.readouterr().err
