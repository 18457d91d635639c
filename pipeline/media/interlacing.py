"""Interlaced frames, whose odd and even rows were taken at two moments, as frames of one moment (FFmpeg's bwdif)."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av


def deinterlaced(frames: Iterable[Any], *, time_base: Fraction) -> Iterator[Any]:
    """One frame of PyAV for each of `frames`, at its time; those that are not interlaced stay as they are."""
    graph: Any = None
    for frame in frames:
        graph = graph or _graph_for(frame, time_base)
        frame.time_base = time_base
        graph.push(frame)
        yield from _pulled(graph, time_base)
    if graph:
        graph.push(None)
        yield from _pulled(graph, time_base)


def _graph_for(frame: Any, time_base: Fraction) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    filtered, sink = graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Any, time_base: Fraction) -> Iterator[Any]:
    """What is ready, as the filter looks one frame ahead; it counts in halves of the time base, and we do not."""
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        units = frame.time_base / time_base
        frame.pts, frame.duration, frame.time_base = round(frame.pts * units), round(frame.duration * units), time_base
        yield frame
