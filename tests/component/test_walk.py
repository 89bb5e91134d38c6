"""The files that a thrown switch runs through before its first write."""

from tests.walk import to_read, walk

MOST = 69
"""What a reader of the walk opens. The aim is 25; lower this number with each file that leaves the walk."""


async def test_walk_of_a_throw_crosses_no_more_files_than_before() -> None:
    files = to_read(await walk())

    assert len(files) <= MOST, "\n".join(files)


async def test_walk_of_a_throw_begins_at_the_watch_and_ends_at_the_target() -> None:
    files = await walk()

    assert files[0] == "controller/kopf_watches.py"
    assert files[-1] == "controller/target_writes.py"
    assert "switches/engine.py" in files
