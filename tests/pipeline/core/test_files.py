"""Files that appear whole: with several writers, after a kill, on a full disk; and JSON that is damaged."""

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core import files
from pipeline.core.clips import remove_unfinished
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, remove_leftovers, whole_file, write_bytes, write_json

WRITES = 300
DAMAGED = {
    "empty": b"",
    "half": b'{"a": [1, 2',
    "no UTF-8": b'{"a": "\xff"}',
    "zeros, as a power cut leaves them": b"\0" * 64,
    "nested thousands deep": b"[" * 100_000,
}


def write_many(file: Path, letter: str) -> None:
    for number in range(WRITES):
        write_json(file, {"letter": letter, "text": letter * (1000 * (number % 7) + 1)})


def test_of_two_writers_no_reader_ever_sees_half_a_file(tmp_path):
    file = tmp_path / "state.json"
    write_many(file, "a")
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(file, letter)) for letter in "bc"]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        content = json.loads(file.read_bytes())
        assert set(content["text"]) == {content["letter"]}
        seen.add(content["letter"])
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen >= {"b", "c"}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_second_writer_of_the_same_file_has_another_temporary_name(tmp_path):
    with whole_file(tmp_path / "a") as first, whole_file(tmp_path / "a") as second:
        assert first != second
        assert {first.parent, second.parent} == {tmp_path}
        assert first.name.startswith(".")
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"  # the one that ended last


def test_nothing_stays_of_a_write_that_failed_and_what_was_there_is_kept(tmp_path):
    write_bytes(tmp_path / "a", b"old")

    def broken() -> None:
        with whole_file(tmp_path / "a") as temporary:
            temporary.write_bytes(b"ne")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        broken()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def killed_writer(file: Path) -> None:
    """Leave behind what a writer does that is killed in the middle."""
    code = (
        "import os, pathlib, sys\nfrom pipeline.core.files import whole_file\n"
        "with whole_file(pathlib.Path(sys.argv[1])) as part:\n    part.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=False, cwd=Path(files.__file__).parents[2])


def test_what_a_killed_writer_left_goes_with_the_next_write_and_with_a_sweep_but_not_what_is_being_written(tmp_path):
    for name in ("a", "b"):
        killed_writer(tmp_path / "clip" / name)
    assert len(list((tmp_path / "clip").iterdir())) == 2
    write_bytes(tmp_path / "clip" / "a", b"whole")
    assert sorted(path.name[:2] for path in (tmp_path / "clip").iterdir()) == [".b", "a"]
    with whole_file(tmp_path / "clip" / "c") as at_work:
        at_work.write_bytes(b"half")
        remove_leftovers(tmp_path / "clip")
        remove_unfinished(tmp_path)
        assert {path.name for path in (tmp_path / "clip").iterdir()} == {"a", at_work.name}
    assert (tmp_path / "clip" / "c").read_bytes() == b"half"


def test_state_is_on_the_disk_before_it_has_its_name_and_what_can_be_made_again_costs_no_sync(tmp_path, monkeypatch):
    happened = []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (happened.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), sync(fd))
    )
    monkeypatch.setattr(Path, "replace", lambda self, to: (happened.append("rename"), replace(self, to))[1])
    write_bytes(tmp_path / "state", b"1")
    assert happened == ["file", "rename", "folder"]
    happened.clear()
    write_bytes(tmp_path / "frame", b"1", synced=False)
    assert happened == ["rename"]


def test_a_file_gets_the_rights_that_any_file_gets_here(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_longest_name_that_a_file_can_have_can_be_written(tmp_path):
    for name in ("x" * 255, "ü" * 127):
        write_bytes(tmp_path / name, b"1")
        assert (tmp_path / name).read_bytes() == b"1"


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_json_is_one_sentence_with_the_next_step(tmp_path, content):
    file = tmp_path / "state.json"
    file.write_bytes(content)
    with pytest.raises(SharpcamError, match=r'state\.json is not valid JSON.*run "dvc repro split"'):
        read_json(file, made_by="split")


def test_a_table_is_asked_for_and_something_else_is_there(tmp_path):
    write_json(tmp_path / "state.json", ["a", "list"])
    with pytest.raises(SharpcamError, match=r'state\.json holds a list.*run "dvc repro split"'):
        read_json(tmp_path / "state.json", made_by="split", like=dict)
    assert read_json(tmp_path / "state.json", made_by="split", like=list) == ["a", "list"]
