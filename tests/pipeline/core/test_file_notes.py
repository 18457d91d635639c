"""What is known of a file is worked out once, and again where its size or time changed."""

import os

import pytest

from pipeline.core.file_notes import FileNotes


@pytest.fixture
def ask(tmp_path):
    """Asks for the content of the files a and b, as another process would; gives which of them were read."""
    for name in "ab":
        (tmp_path / name).write_text(name)

    def ask(names="ab", **given):
        notes, read = FileNotes(tmp_path / "notes.json", **given), []
        found = [notes.of(tmp_path / name, lambda file: read.append(file.name) or file.read_text()) for name in names]
        assert found == [(tmp_path / name).read_text() for name in names]
        notes.keep()
        return "".join(read)

    return ask


def test_a_file_is_read_again_only_where_it_changed(ask, tmp_path):
    assert ask() == "ab"
    assert ask() == ""
    (tmp_path / "b").write_text("longer")
    assert ask() == "b"
    os.utime(tmp_path / "a", ns=(0, 1))
    assert ask() == "a"
    assert ask() == ""


def test_what_else_it_depends_on_is_part_of_it(ask):
    assert ask() == "ab"
    assert ask(given="another recipe") == "ab"
    assert ask(given="another recipe") == ""


def test_a_file_that_nobody_asked_for_is_forgotten(ask):
    ask()
    ask("a")
    assert ask() == "b"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"given": "", "files": [1]}', '{"given": "", "files": {"a": [1, "x"]}}']
)
def test_a_note_that_cannot_be_read_is_written_again(ask, tmp_path, content):
    (tmp_path / "notes.json").write_text(content)
    assert ask() == "ab"
    assert ask() == ""
