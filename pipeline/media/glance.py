"""A few frames of a video, to tell what it is of, without decoding all of it."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import av

from pipeline.core.geometry import Frame
from pipeline.media.colours import in_rgb
from pipeline.media.interlacing import deinterlaced
from pipeline.media.video import Facts, opened, shown_frames

IN_A_ROW = 100  # frames between two that are looked at: where there are fewer, all are decoded
FROM_KEY_FRAME = 300  # frames that are decoded at most to come to one that is looked for


@dataclass(frozen=True)
class Glance:
    """A few frames spread evenly over a video, RGB as stored, always the same; decoded anew each time.

    A short video is decoded as a whole; in a longer one each frame is decoded from the key frame before it. Key frames
    alone would not do: they look better than the others.
    """

    facts: Facts
    count: int = 24

    def __iter__(self) -> Iterator[Frame]:
        is_long, seen = self.facts.frames > self.count * IN_A_ROW, False
        for look in (self._spread_out, self._in_a_row) if is_long else (self._in_a_row,):
            with opened(self.facts.path) as (container, stream):  # anew: in some nothing can be looked for
                for frame in look(container, stream):
                    seen = True
                    alone = deinterlaced([frame], time_base=self.facts.time_base) if self.facts.interlaced else [frame]
                    yield from (in_rgb(each, self.facts.colours) for each in alone)
            if seen:
                return

    def _in_a_row(self, container: Any, stream: Any) -> Iterator[Any]:
        step = max(1, min(self.facts.frames // self.count, IN_A_ROW))
        return islice(_good_frames(container, stream), step // 2, self.count * step, step)

    def _spread_out(self, container: Any, stream: Any) -> Iterator[Any]:
        length, shown = stream.duration or self.facts.frames * self.facts.step, None
        with suppress(av.error.FFmpegError):
            for index in range(self.count):
                wanted = (stream.start_time or 0) + (2 * index + 1) * length // (2 * self.count)
                container.seek(wanted, stream=stream)
                frame = _near(_good_frames(container, stream), wanted)
                if frame is not None and frame.pts != shown:
                    shown = frame.pts
                    yield frame


def _good_frames(container: Any, stream: Any) -> Iterator[Any]:
    return (shown.frame for shown in shown_frames(container, stream) if shown.is_whole)


def _near(frames: Iterator[Any], wanted: int) -> Any:
    """The first of `frames` at that time, or the last that is looked at."""
    frame = None
    for frame in islice(frames, FROM_KEY_FRAME):
        if frame.pts is not None and frame.pts >= wanted:
            break
    return frame
