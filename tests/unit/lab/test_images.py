"""What the lab reads from the output of `ctr images import`."""

import pytest

from lab.image import imported_names


@pytest.mark.parametrize(
    "printed",
    [
        "unpacking runbooks.dev/demo-app:1.0 (sha256:0a1b2c)...done\n",
        "runbooks.dev/demo-app:1.0                \tsaved\t\napplication/vnd.oci.image.manifest.v1+json sha256\n",
    ],
    ids=["containerd 1", "containerd 2"],
)
def test_output_of_an_import_gives_the_name_of_the_image(printed: str) -> None:
    assert imported_names(printed) == ["runbooks.dev/demo-app:1.0"]


def test_output_without_an_image_gives_no_name() -> None:
    assert imported_names("nothing to import\n") == []
