"""The benchmark of feeding measures both ways on the same recordings, and the fast one is what it promises to be."""

import pytest
import torch
from making import make_clip, photo

from benchmarks import training
from pipeline.core.clips import find_frames
from pipeline.core.files import write_json
from pipeline.core.frames import write_frame


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_crops_come_ten_times_as_fast_as_from_two_png_files_each(project):
    project.change(geometry={"width": 640, "height": 512}, train={"crop_px": 48})
    clip = make_clip(project.paths, "desk", [photo(240, 320, seed=index) for index in range(4)])
    stems = [frame.stem for frame in find_frames(clip)]
    for index, stem in enumerate(stems):
        write_frame(project.paths.teacher / "desk" / f"{stem}.png", photo(512, 640, seed=index))
    write_json(project.paths.split, {"training": {"desk": stems}, "validation": {"desk": stems}})
    speeds = training.benchmark(project.paths, batch_size=None, seconds=1.5, threads=1)
    assert speeds.cached > 10 * speeds.plain > 0
    assert speeds.cached > speeds.trained > 0
    assert f"{speeds.cached / speeds.plain:.0f} times as many" in speeds.table()


@pytest.mark.usefixtures("threads", "project")
def test_without_recordings_it_says_what_to_run(capsys):
    assert training.main(["--seconds", "1"]) == 1
    assert 'Run "dvc repro split" first' in capsys.readouterr().err
