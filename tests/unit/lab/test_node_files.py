"""What the node is configured by: a lab that is started again while it runs changes nothing under its programs."""

import shutil
from pathlib import Path

from lab import node
from lab.layout import Layout


def test_unchanged_configuration_is_not_written_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    node.write_configuration(layout)
    (proxy,) = tmp_path.rglob("kube-proxy.json")
    written = proxy.stat().st_mtime_ns

    node.write_configuration(layout)
    shutil.rmtree(layout.runtime)

    assert proxy.stat().st_mtime_ns == written
