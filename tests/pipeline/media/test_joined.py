"""Recordings that were joined: clocks that step back by less than a second, and pictures of another kind later on."""

import av
import numpy as np
from making import photo

from pipeline.media.decoding import Damage
from pipeline.media.video import look_at, opened, shown_frames

COUNT = 10


def recording(path, options):
    with av.open(str(path), "w", format="mpegts") as made:
        stream = made.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        for index in range(COUNT):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(photo(96, 96, seed=index))))
        made.mux(stream.encode())
    return path.read_bytes()


def test_two_short_recordings_go_on_and_the_interlaced_one_is_known(tmp_path):
    interlaced = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    path = tmp_path / "joined.ts"
    path.write_bytes(recording(tmp_path / "a.ts", {}) + recording(tmp_path / "b.ts", interlaced))
    facts, damage = look_at(path), Damage()
    assert (facts.frames, facts.interlaced) == (2 * COUNT, True)
    with opened(path) as (container, stream):
        times = [shown.pts for shown in shown_frames(container, stream, total=facts.frames, damage=damage)]
    assert damage.frames == 0
    np.testing.assert_array_equal(np.diff(times), 3600)


def test_packets_that_do_not_say_when_they_are_decoded_are_no_jump(tmp_path):
    """As the first ones of an .mkv, whose times of presentation step back."""
    recording(tmp_path / "a.ts", {"bf": "3"})
    with av.open(str(tmp_path / "a.ts")) as given, av.open(str(tmp_path / "b.mkv"), "w") as made:
        copy = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = copy
                made.mux(packet)
    with opened(tmp_path / "b.mkv") as (container, stream):
        plain = sorted(packet.pts for packet in container.demux(stream) if packet.size)
    with opened(tmp_path / "b.mkv") as (container, stream):
        assert [shown.pts for shown in shown_frames(container, stream)] == plain
