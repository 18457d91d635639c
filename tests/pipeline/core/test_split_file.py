"""The leak test: data/split.json is refused where training and validation overlap, and where it is no split."""

import json

import pytest

from pipeline.core.errors import SharpcamError
from pipeline.core.split_file import read_split
from pipeline.evaluate.stage import validation_places
from pipeline.export.stage import some_frames
from pipeline.train.stage import prepare

GOOD = {"training": {"a": ["000000", "000001"], "c": ["000000"]}, "validation": {"b": ["000000"], "c": ["000002"]}}
LEAKS = {
    "a frame in both": {"training": {"a": ["000000", "000001"]}, "validation": {"a": ["000001", "000002"]}},
    "frames in turn": {"training": {"a": ["000000", "000002"]}, "validation": {"a": ["000001", "000003"]}},
}
OTHER_SHAPES = [
    None, 3, "text", [], {}, ["training"], {"training": {"a": ["000000"]}},
    GOOD | {"training": {}}, GOOD | {"validation": {"b": []}}, GOOD | {"training": None}, GOOD | {"training": []},
    GOOD | {"training": {"a": "000000"}}, GOOD | {"training": {"a": [0]}}, GOOD | {"training": {"a": {"000000": 1}}},
    GOOD | {"training": {"../../etc": ["passwd"]}}, GOOD | {"training": {"a": ["../../secret"]}},
    GOOD | {"training": {"": ["000000"]}}, GOOD | {"training": {"a": [".."]}},
]  # fmt: skip


def write(project, content):
    project.paths.split.parent.mkdir(exist_ok=True)
    project.paths.split.write_text(json.dumps(content))


def test_clips_and_blocks_of_one_clip_are_a_split(project):
    write(project, GOOD)
    assert read_split(project.paths).model_dump(exclude_none=True) == GOOD


@pytest.mark.parametrize("split", LEAKS.values(), ids=LEAKS)
def test_an_overlap_is_refused_wherever_the_split_is_read(project, split):
    write(project, split)
    for reader in (
        lambda: read_split(project.paths),
        lambda: prepare(project.paths, project.params),
        lambda: validation_places(project.paths),
        lambda: some_frames(project.paths, project.params, part="validation", count=2),
    ):
        with pytest.raises(SharpcamError, match=r"split\.json is not a valid split \(.*training.*validation"):
            reader()


@pytest.mark.parametrize("content", OTHER_SHAPES, ids=[json.dumps(each)[:60] for each in OTHER_SHAPES])
def test_another_shape_is_one_sentence(project, content):
    write(project, content)
    with pytest.raises(SharpcamError, match=r'split\.json (is not a valid split|holds a) .*run "?dvc repro|Run "dvc'):
        read_split(project.paths)
