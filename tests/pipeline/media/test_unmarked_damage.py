"""Damage that a decoder conceals without a word: noticed where it can be, counted, and shown as decoded."""

import av
import numpy as np
import pytest
from making import photo

from pipeline.media.sources import Video

COUNT = 20


def film(path, codec, options, *, pixels="yuv420p"):
    with av.open(str(path), "w") as made:
        stream = made.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 96, 64, pixels, 800_000
        for index in range(COUNT):
            made.mux(stream.encode(av.VideoFrame.from_ndarray(photo(64, 96, seed=index)).reformat(format=pixels)))
        made.mux(stream.encode())
    return path


def with_zeros(path, number):
    """The film with the middle of one packet zeroed."""
    with av.open(str(path)) as container:
        packet = bytes([packet for packet in container.demux(video=0) if packet.size][number])
    data = bytearray(path.read_bytes())
    at = data.find(packet) + len(packet) // 3
    data[at : at + len(packet) // 2] = bytes(len(packet) // 2)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.webm", "libvpx", "yuv420p"),
        ("b.webm", "libvpx-vp9", "yuv420p"),
        ("c.avi", "mjpeg", "yuvj420p"),
        ("d.mov", "mjpeg", "yuvj420p"),
    ],
)
def test_zeros_in_a_packet_are_counted_and_the_film_is_shown(name, codec, pixels, tmp_path):
    options = {"deadline": "realtime", "cpu-used": "8"} if "vpx" in codec else {}
    source = Video(film(tmp_path / name, codec, options, pixels=pixels))
    assert len(list(source.frames())) == COUNT
    assert (source.damage.frames, source.damage.suspected, source.note) == (0, 0, "")
    with_zeros(source.path, 12)
    assert len(list(source.frames())) == COUNT
    assert (source.damage.frames, source.damage.suspected) == (0, 1)
    assert source.note == "1 frame seems damaged, and shown as decoded"
    assert source.about()["suspected_frames"] == 1


def test_black_frames_are_no_damage(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8))
            made.mux(stream.encode(frame.reformat(format="yuvj420p")))
        made.mux(stream.encode())
    source = Video(path)
    assert len(list(source.frames())) == 3
    assert source.damage.suspected == 0
