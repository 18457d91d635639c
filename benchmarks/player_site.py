"""A static site around the live page's player, with the two headers or without them: for benchmarks and tests."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import av

from app.isolation import ISOLATION
from app.live.options import FOLDERS
from pipeline.core.hashing import sha256
from pipeline.student.catalogue import browser_files, float_file, read_contract

ROOT = Path(__file__).resolve().parents[1]
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"} | dict.fromkeys(
    (".onnx", ".bin"), "application/octet-stream"
)
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>player</title>
<link rel="icon" href="data:,">
<style>:root { color-scheme: light dark } body { margin: 0 auto; max-width: 60rem; padding: 0.5rem }</style></head>
<body><h1>Live</h1><main></main><script type="module">
import { mount } from "./web/player.mjs";
window.states = [];
window.options = await (await fetch("options.json")).json();
window.player = mount(document.querySelector("main"), options, (state) => states.push(state));
</script></body></html>
"""


def build_site(folder: Path, contracts: list[Path], **options: Any) -> Path:
    """A folder with the page, the player and the students of `contracts`; `options` as the player takes them."""
    folder.mkdir(parents=True)
    (folder / "web").symlink_to(ROOT / "app" / "live" / "web")
    for name in ("ort", "engine"):
        (folder / name).symlink_to(ROOT / "app" / "static" / name)
    models = [_add_student(folder, contract) for contract in contracts]
    base = {name: f"{name}/" for name in FOLDERS}
    known = {"models": models, "base": base, "sample": None, "capture": None, "settings": {}}
    (folder / "options.json").write_text(json.dumps(known | options))
    (folder / "index.html").write_text(PAGE)
    return folder


def _add_student(folder: Path, contract: Path) -> dict[str, str]:
    into = folder / "models" / contract.stem
    into.mkdir(parents=True)
    content = read_contract(contract)
    onnx = contract.with_name(float_file(content))
    for name in (contract.name, *browser_files(content)):
        shutil.copy(contract.with_name(name), into / name)
    address = f"models/{contract.stem}"
    addresses = {"contract": f"{address}/{contract.name}", "onnx": f"{address}/{onnx.name}"}
    return {"name": contract.stem, "title": contract.stem, "sha256": sha256(onnx), **addresses}


@contextmanager
def served(
    folder: Path, *, headers: dict[str, str] = ISOLATION, sent: list[tuple[str, int]] | None = None
) -> Iterator[str]:
    """The folder's address on this machine while the body runs. `sent` gets each path with the bytes that were sent."""
    handler = type("Handler", (_Handler,), {"more": headers, "sent": [] if sent is None else sent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    more: dict[str, str]
    sent: list[tuple[str, int]]
    extensions_map = SimpleHTTPRequestHandler.extensions_map | TYPES

    def end_headers(self) -> None:
        for name, value in self.more.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        self.sent.append((self.path, len(data)))
        outputfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing: benchmarks and tests say what they have to say."""


def write_camera(path: Path, *, size: tuple[int, int], frames: int = 20) -> Path:
    """The demo's real clip at `size` (width, height) as the raw video that Chromium's fake camera reads."""
    with av.open(str(ROOT / "data" / "demo" / "box.mp4")) as source, path.open("wb") as clip:
        clip.write(f"YUV4MPEG2 W{size[0]} H{size[1]} F30:1 Ip A1:1 C420jpeg\n".encode())
        for frame in islice(source.decode(video=0), frames):
            small = frame.reformat(width=size[0], height=size[1], format="yuv420p")
            clip.write(b"FRAME\n" + small.to_ndarray().tobytes())
    return path


def write_clip(path: Path, *, size: tuple[int, int], frames: int = 30, codec: str = "libvpx") -> Path:
    """The same as a film that browsers play."""
    with av.open(str(ROOT / "data" / "demo" / "box.mp4")) as source, av.open(str(path), "w") as film:
        stream: Any = film.add_stream(codec, rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index, frame in enumerate(islice(source.decode(video=0), frames)):
            small = frame.reformat(width=size[0], height=size[1], format="yuv420p")
            small.pts, small.time_base = index, Fraction(1, 30)
            film.mux(stream.encode(small))
        film.mux(stream.encode())
    return path
