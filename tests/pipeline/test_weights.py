import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from making import ROOT

from pipeline import weights
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths
from pipeline.teacher import weight_files
from pipeline.teacher.download import GoogleDrive, HuggingFace, download, fetch_url
from pipeline.teacher.weight_files import FILES, GROUPS, WeightFile, open_verified, provenance

CONTENT = os.urandom(1_500_000)
OTHER = os.urandom(1_500_000)


@dataclass(frozen=True)
class Web:
    """The plainest mirror: a file on a web server."""

    url: str

    @property
    def page(self):
        return self.url

    def fetch(self, part):
        fetch_url(self.url, part)


class Server(ThreadingHTTPServer):
    """Serves `files` from memory. `breaks` holds, by path, after how many bytes the next answers stop."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.breaks, self.asked, self.knows_ranges = {}, {}, [], True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def starts(self):
        """The offset that each download began at."""
        return [start for method, start in self.asked if method == "GET"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        path = urlsplit(self.path).path
        content = self.server.files.get(path)
        start = int(re.sub(r"\D", "", self.headers.get("Range") or "0")) if self.server.knows_ranges else 0
        self.server.asked.append((self.command, start))
        self.close_connection = True
        if content is None:
            return self.head(404, {"Content-Length": 0})
        if start >= len(content):
            return self.head(416, {"Content-Length": 0, "Content-Range": f"bytes */{len(content)}"})
        body = content[start:]
        last = len(content) - 1
        headers = {"Content-Range": f"bytes {start}-{last}/{len(content)}"} if start else {}
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        headers |= {"Content-Length": len(body), "ETag": etag, "X-Repo-Commit": "0" * 40}
        self.head(206 if start else 200, headers)
        if self.command == "GET":
            cuts = self.server.breaks.get(path)
            with contextlib.suppress(ConnectionError):  # who only looks hangs up
                self.wfile.write(body[: cuts.pop(0)] if cuts else body)
        return None

    def head(self, status, headers):
        self.send_response(status)
        for name, value in (headers | {"Content-Type": "application/octet-stream", "Connection": "close"}).items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


KINDS = {
    "web": ("/net.pth", lambda url: Web(f"{url}/net.pth")),
    "hugging face": ("/a/b/resolve/main/net.pth", lambda url: HuggingFace("a/b", "net.pth", endpoint=url)),
    "google drive": ("/uc", lambda url: GoogleDrive("id", endpoint=url)),
}


Place = namedtuple("Place", "mirror path kept")


@pytest.fixture(params=KINDS)
def mirror(request, server):
    path, build = KINDS[request.param]
    server.files[path] = CONTENT
    # gdown writes whole blocks of 512 KiB only; what comes after the last one is lost with the connection.
    block = 1 << 19 if request.param == "google drive" else 1
    return Place(mirror=build(server.url), path=path, kept=lambda size: size // block * block)


@pytest.fixture
def part(tmp_path):
    return tmp_path / "net.pth.part"


def is_content(path):
    if path.read_bytes() != CONTENT:
        raise SharpcamError("it is not the content")


def fetch(*mirrors, part):
    download(mirrors=mirrors, part=part, check=is_content)


# Mirrors


def test_every_kind_of_mirror_brings_the_file(mirror, part):
    fetch(mirror.mirror, part=part)
    assert part.read_bytes() == CONTENT
    assert list(part.parent.iterdir()) == [part]


def test_a_connection_that_breaks_goes_on_where_it_broke(mirror, part, server, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda *_: 0)  # gdown waits a random time before it tries again
    server.breaks[mirror.path] = [600_000, 600_000]
    fetch(mirror.mirror, part=part)
    assert part.read_bytes() == CONTENT
    assert server.starts == [0, mirror.kept(600_000), mirror.kept(mirror.kept(600_000) + 600_000)]


def test_a_later_run_goes_on_where_the_last_one_stopped(mirror, part, server, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda *_: 0)
    server.breaks[mirror.path] = [600_000, *[0] * 9]
    with pytest.raises(SharpcamError):
        fetch(mirror.mirror, part=part)
    server.breaks.clear()
    server.asked.clear()
    fetch(mirror.mirror, part=part)
    assert part.read_bytes() == CONTENT
    assert server.starts[-1] == mirror.kept(600_000)  # gdown asks once from the beginning, only to look


def test_a_server_that_cannot_start_in_the_middle_starts_anew(part, server):
    server.files["/net.pth"] = CONTENT
    server.knows_ranges = False
    part.write_bytes(CONTENT[:1000])
    fetch(Web(f"{server.url}/net.pth"), part=part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("surplus", [0, 100])
def test_what_is_longer_than_the_file_is_no_beginning_of_it(part, server, surplus):
    server.files["/net.pth"] = CONTENT
    part.write_bytes(OTHER + bytes(surplus))
    fetch(Web(f"{server.url}/net.pth"), part=part)
    assert part.read_bytes() == CONTENT


def test_a_dead_mirror_and_a_wrong_one_are_passed_over(part, server):
    server.files |= {"/wrong": OTHER, "/right": CONTENT}
    dead = Web("http://127.0.0.1:9/net.pth")  # the discard port, where nothing listens
    gone, wrong, right = (Web(f"{server.url}/{name}") for name in ("gone", "wrong", "right"))
    fetch(dead, gone, wrong, right, part=part)
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_where_no_mirror_is_left_each_failure_is_told(part, server, kind):
    gone = KINDS[kind][1](server.url)
    server.files["/wrong"] = OTHER
    with pytest.raises(SharpcamError) as error:
        fetch(gone, Web(f"{server.url}/wrong"), part=part)
    assert re.search(f"{re.escape(gone.page)}: .*404", str(error.value))
    assert f"{server.url}/wrong: it is not the content" in str(error.value)
    assert "\n" not in str(error.value)
    assert list(part.parent.iterdir()) == []


def test_bytes_of_a_wrong_mirror_are_not_continued_by_the_next(part, server):
    server.files |= {"/short": OTHER[:1000], "/right": CONTENT}
    fetch(Web(f"{server.url}/short"), Web(f"{server.url}/right"), part=part)
    assert server.starts == [0, 0]


# Files and groups


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """A project that holds one bundled file, and no download."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()  # which makes it one
    paths = Paths(tmp_path)
    for folder in (paths.bundled, paths.downloads):
        folder.mkdir(parents=True)
    (paths.bundled / "bundled.pth").write_bytes(b"bundled")
    return paths


@pytest.fixture
def folder(paths):
    return paths.downloads


@pytest.fixture
def table(monkeypatch, server):
    """Three files instead of the published ones: one whose hash is in doubt, and one that comes with sharpcam."""
    server.files |= {"/sure.pth": CONTENT, "/doubtful.pth": OTHER}
    files = [
        WeightFile("sure.pth", len(CONTENT), sha256(CONTENT), (Web(f"{server.url}/sure.pth"),)),
        WeightFile("bundled.pth", 7, sha256(b"bundled"), is_bundled=True),
        WeightFile("doubtful.pth", 7, sha256(b"unknown"), (Web(f"{server.url}/doubtful.pth"),), one_source=True),
    ]
    monkeypatch.setattr(weight_files, "FILES", {file.name: file for file in files})
    monkeypatch.setattr(weights, "FILES", weight_files.FILES)
    groups = {"sure": ("sure.pth",), "original": ("doubtful.pth", "sure.pth"), "light": ("bundled.pth",)}
    for group, names in groups.items():
        monkeypatch.setitem(GROUPS, group, names)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("table")
def test_a_file_gets_its_name_when_it_is_verified_and_is_not_asked_for_again(folder, server, capsys):
    assert weights.main(["get", "sure"]) == 0
    assert names(folder) == ["sure.pth"]
    assert "sure.pth: verified" in capsys.readouterr().out
    server.asked.clear()
    assert weights.main(["get", "sure"]) == 0
    assert server.asked == []


@pytest.mark.usefixtures("table")
def test_a_wrong_file_never_gets_the_name(folder, server, capsys):
    server.files["/sure.pth"] = OTHER
    assert weights.main(["get", "sure"]) == 1
    message = capsys.readouterr().err
    assert f"Could not get sure.pth ({server.url}/sure.pth: its sha256 is {sha256(OTHER)}" in message
    assert f"put it at {weights.Paths().downloads / 'sure.pth'}: it is verified" in message
    assert names(folder) == []


@pytest.mark.usefixtures("table")
def test_what_comes_with_sharpcam_is_verified_and_never_downloaded(paths, server, capsys):
    assert weights.main(["get", "light"]) == 0
    assert "weights/bundled/bundled.pth: verified, comes with sharpcam" in capsys.readouterr().out
    assert server.asked == []
    assert names(paths.downloads) == []
    for content in (b"damaged", None):
        (paths.bundled / "bundled.pth").unlink()
        if content:
            (paths.bundled / "bundled.pth").write_bytes(content)
        assert weights.main(["get", "light"]) == 1
        assert 'run "git checkout weights/bundled/bundled.pth"' in capsys.readouterr().err


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (CONTENT[:1000], "it has 1,000 bytes instead of 1,500,000"),
        (b"bundled", "it holds bundled.pth"),
        (OTHER, f"its sha256 is {sha256(OTHER)} instead of {sha256(CONTENT)}"),
    ],
)
def test_a_file_put_there_by_hand_is_verified_in_the_same_way(paths, folder, server, content, fault):
    (folder / "sure.pth").write_bytes(content)
    expected = f'sure.pth is not the sure.pth expected: {fault}. Move it away and run "python -m pipeline.weights get'
    with pytest.raises(SharpcamError, match=re.escape(expected)):
        weights.get("sure", paths=paths)
    with pytest.raises(SharpcamError, match=re.escape(expected)), open_verified("sure.pth", folder=folder):
        pass
    assert server.asked == []
    assert (folder / "sure.pth").read_bytes() == content


@pytest.mark.usefixtures("table")
def test_a_hash_in_doubt_is_refused_until_a_person_accepts_it(folder, server, capsys):
    assert weights.main(["get", "original"]) == 1
    assert f"get original --accept-sha256 {sha256(OTHER)}" in capsys.readouterr().err
    assert names(folder) == ["doubtful.pth.unverified"]

    server.asked.clear()
    assert weights.main(["get", "original", "--accept-sha256", sha256(OTHER).upper()]) == 0
    assert server.starts == [0]  # the other file's: what was kept is not downloaded again
    assert names(folder) == ["accepted.json", "doubtful.pth", "sure.pth"]
    recipe = {"file": "doubtful.pth", "sha256": sha256(OTHER), "accepted_by_hand": True}
    assert provenance("doubtful.pth", folder=folder) == recipe


@pytest.mark.usefixtures("table")
def test_accepting_a_hash_does_not_open_the_door_to_another(paths, folder):
    (folder / "doubtful.pth").write_bytes(b"something else")
    with pytest.raises(SharpcamError, match="it has 14 bytes instead of 7"):
        weights.get("original", paths=paths, accept_sha256=sha256(OTHER))


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("group", "accept", "expected"),
    [
        ("sure", "0" * 64, 'No file of "sure" has a hash in doubt'),
        ("original", "12ab", "A sha256 has 64 hexadecimal digits"),
    ],
)
def test_a_hash_that_makes_no_sense_is_refused(paths, folder, group, accept, expected):
    with pytest.raises(SharpcamError, match=expected):
        weights.get(group, paths=paths, accept_sha256=accept)
    assert names(folder) == []


@pytest.mark.usefixtures("table")
def test_a_damaged_list_of_accepted_hashes_is_told(folder):
    (folder / "doubtful.pth").write_bytes(OTHER)
    (folder / "accepted.json").write_text("[]")
    with pytest.raises(SharpcamError, match=r"accepted\.json is damaged"):
        provenance("doubtful.pth", folder=folder)


@pytest.mark.usefixtures("table")
def test_without_room_nothing_is_begun(paths, folder, server, monkeypatch):
    usage = namedtuple("Usage", "total used free")(10, 9, weights.SPARE_BYTES + len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SharpcamError, match="The weights need 69 MB"):
        weights.get("sure", paths=paths)
    assert server.asked == []
    (folder / "sure.pth.part").write_bytes(CONTENT[:1])  # what is there already needs no room
    weights.get("sure", paths=paths)


@pytest.mark.usefixtures("table")
def test_the_state_of_every_file_is_told(paths, folder, capsys):
    (folder / "sure.pth.part").write_bytes(CONTENT[:150_000])
    (folder / "doubtful.pth").write_bytes(b"unknown")
    assert weights.main(["check"]) == 0
    assert capsys.readouterr().out == "sure.pth: 10 % here\nbundled.pth: verified\ndoubtful.pth: verified\n"

    (paths.bundled / "bundled.pth").write_bytes(b"what")
    assert weights.main(["check"]) == 1
    told = capsys.readouterr()
    assert "bundled.pth: WRONG. " in told.out
    assert told.err == "sharpcam: Not what they should be, and never used: bundled.pth. See above.\n"


def test_a_missing_file_is_told_with_the_command_that_gets_it(folder):
    expected = r'No .*NAFNet-REDS-width64.pth. Run "python -m pipeline.weights get original", or put the file'
    with pytest.raises(SharpcamError, match=expected):
        provenance("NAFNet-REDS-width64.pth", folder=folder)


def test_every_file_can_be_downloaded_or_is_here_with_its_licence():
    for file in FILES.values():
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert bool(file.mirrors) is not file.is_bundled
        if file.is_bundled:
            assert provenance(file.name, folder=ROOT / "weights/bundled")["sha256"] == file.sha256
            licence = ROOT / f"weights/bundled/{file.name.partition('.')[0]}.LICENSE"
            assert "Copyright (c) 2021, Xintao Wang" in licence.read_text()


def test_the_command_starts_without_torch():
    program = "import sys, pipeline.weights; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
