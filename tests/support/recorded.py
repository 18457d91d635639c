"""A few frames to record, the stage capture on any source, and the frames of a clip."""

from making import photo

from pipeline.capture.stage import capture
from pipeline.core.clips import find_frames
from pipeline.core.frames import read_frame

FRAMES = [photo(60, 80, seed=seed) for seed in range(10)]


def capture_from(project, source, **changes):
    params = project.change(capture={"source": str(source)} | changes)
    capture(project.paths, params)


def pictures(clip):
    return [read_frame(path) for path in find_frames(clip)]
