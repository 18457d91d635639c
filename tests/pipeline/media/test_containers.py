"""Only containers that hold their own pictures are opened, from files, at every door."""

import shutil
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import av
import pytest
from making import make_video, photo

from app.data import uploads
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.media import containers
from pipeline.media import video as media_video
from pipeline.media.sources import Video

FRAMES = [photo(60, 80, seed=seed) for seed in range(4)]
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="0" bandwidth="1"><BaseURL>{address}</BaseURL>'
    '<SegmentList duration="9"><Initialization sourceURL="{address}"/><SegmentURL media="{address}"/></SegmentList>'
    "</Representation></AdaptationSet></Period></MPD>"
)
PLAYLISTS = {"list.m3u8": HLS, "concat.ffconcat": "ffconcat version 1.0\nfile '{address}'\n", "list.mpd": DASH}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A video somewhere else on this machine."""
    (tmp_path / "private").mkdir()
    file = make_video(tmp_path / "private" / "secret.ts", FRAMES, fps=2, codec="mpeg2video")
    shutil.copy(file, tmp_path / "secret.ts")
    return file


class Upload:
    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data, self.size = name, data, len(data)

    def getbuffer(self) -> memoryview:
        return memoryview(self.data)


def doors(file: Path) -> None:
    """Every way in but an upload: each has to refuse."""
    for door in (
        lambda: list(Video(file).frames()),
        lambda: media_video.look_at(file),
        lambda: media_video.count_frames(file),
    ):
        with pytest.raises(SharpcamError, match="is not a video"):
            door()


def page(file: Path, paths: Paths) -> None:
    """An upload, which is looked at in a process of its own."""
    with pytest.raises(SharpcamError, match="is not a video"):
        uploads.receive([Upload(file.name, file.read_bytes())], "clip", paths, limit_bytes=10**9)
    assert not list(paths.root.glob(".cache/uploads/*"))


@pytest.mark.parametrize("as_video", [False, True], ids=["by its name", "named .mp4"])
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_reads_no_other_file(tmp_path: Path, secret: Path, name: str, as_video: bool) -> None:
    for number, address in enumerate((str(secret), f"file:{secret}", "secret.ts", "../private/secret.ts")):
        file = tmp_path / f"{number}-{Path(name).stem}{'.mp4' if as_video else Path(name).suffix}"
        file.write_text(PLAYLISTS[name].format(address=address))
        doors(file)
    page(file, Paths(tmp_path / "project"))


def test_a_playlist_reaches_nobody_over_the_network(tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        for name, text in PLAYLISTS.items():
            (tmp_path / name).write_text(text.format(address=f"http://127.0.0.1:{server.server_port}/x.ts"))
            doors(tmp_path / name)
            page(tmp_path / name, Paths(tmp_path / "project"))
    finally:
        server.shutdown()
        server.server_close()
    assert not asked


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi", "a.ts", "a.mpg"])
def test_what_cameras_and_players_write_is_taken(tmp_path: Path, name: str) -> None:
    file = make_video(tmp_path / name, FRAMES, fps=25, codec="mpeg2video")
    assert len(list(Video(file).frames())) == len(FRAMES)


def test_a_name_that_reads_like_a_protocol_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.move(make_video(tmp_path / "a.mkv", FRAMES, fps=2, codec="ffv1"), tmp_path / "concat:a.mkv")
    assert len(list(Video(Path("concat:a.mkv")).frames())) == len(FRAMES)


def test_a_video_of_too_many_pixels_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_video(tmp_path / "a.mkv", FRAMES)
    monkeypatch.setattr(containers, "MEGAPIXELS", 0.004)
    for look in (lambda: list(Video(file).frames()), lambda: media_video.look_at(file)):
        with pytest.raises(SharpcamError, match=r"has 0 megapixels a frame, and 0.004 are allowed. Scale it down"):
            look()


def test_a_decoder_makes_no_more_pixels_than_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = make_video(tmp_path / "a.mkv", FRAMES)
    monkeypatch.setattr(containers, "DECODED", {"max_pixels": "4000"})
    with pytest.raises(SharpcamError, match=r"is too damaged: .* and 10% are allowed\. Give another copy"):
        list(Video(file).frames())


def test_ffmpeg_here_has_what_is_taken() -> None:
    for name in ("mov", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "gif", "yuv4mpegpipe"):
        assert av.format.ContainerFormat(name).is_input


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mov"])
def test_metadata_that_is_no_utf8_does_no_harm(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    with av.open(str(file), "w") as container:
        container.metadata["title"] = "TITLE-OF-IT"
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width = FRAMES[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in FRAMES:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    data = file.read_bytes()
    assert b"TITLE-OF-IT" in data
    file.write_bytes(data.replace(b"TITLE-OF-IT", b"\xff\xfe\xe9TLE-OF-IT"))
    assert len(list(Video(file).frames())) == len(FRAMES)
    assert media_video.look_at(file).size == (80, 60)


def test_a_codec_that_ffmpeg_does_not_know_is_a_sentence(tmp_path: Path) -> None:
    file = make_video(tmp_path / "a.avi", FRAMES, codec="mpeg4")
    data = file.read_bytes()
    assert b"FMP4" in data
    file.write_bytes(data.replace(b"FMP4", b"ZZZZ"))
    for look in (lambda: list(Video(file).frames()), lambda: media_video.look_at(file)):
        with pytest.raises(SharpcamError, match="holds no video that is decoded here"):
            look()
