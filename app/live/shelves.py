"""The files that the live page's browser part asks for: its modules, its runtime, and models by their hash."""

import gzip
import mimetypes
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from app.live import assets, options
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

WEB = Path(__file__).with_name("web")
FRESH, FOR_EVER = "no-cache", "public, max-age=31536000, immutable"
SMALL_BYTES = 128 * 1024  # files up to there are packed once, and stay in memory
CODE = (".mjs", ".css", ".svg", ".json", ".wasm")  # what is worth packing
PIECE_BYTES = 1 << 20  # of larger files: each piece waits for a thread, and for the pages' scripts

mimetypes.add_type("text/javascript", ".mjs")  # not every system knows these, and browsers insist
mimetypes.add_type("video/webm", ".webm")
mimetypes.add_type("application/wasm", ".wasm")
mimetypes.add_type("application/octet-stream", ".onnx")


class Shelf(StaticFiles):
    """The files of a folder whose paths match, read-only; all else is not there. The folder may come later."""

    def __init__(self, folder: Path, names: str, *, cache: str = FRESH) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.names = re.compile(names)
        self.cache = cache

    async def check_config(self) -> None:
        """Nothing: what is not there yet is 404."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not self.names.fullmatch(path):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = self.cache
        return response

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        """The file; for browsers that unpack, the packed one beside it, or what `packed` made of it."""
        packs = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        beside = Path(f"{full_path}.gz")
        if packs and beside.is_file():
            return as_packed(
                in_large_pieces(super().file_response(beside, beside.stat(), scope, status_code)), full_path
            )
        response = super().file_response(full_path, stat_result, scope, status_code)
        is_small = stat_result.st_size <= SMALL_BYTES and str(full_path).endswith(CODE)
        if not packs or not is_small or response.status_code != HTTPStatus.OK:
            return in_large_pieces(response)
        content = packed(str(full_path), stat_result.st_mtime_ns, stat_result.st_size)
        del response.headers["content-length"]
        return as_packed(Response(content, headers=response.headers), full_path)


def in_large_pieces(response: Response) -> Response:
    """The same, with less waiting between the pieces of a large file."""
    if isinstance(response, FileResponse):
        response.chunk_size = PIECE_BYTES
    return response


def as_packed(response: Response, file: Any) -> Response:
    """The same, as the packed content of `file`."""
    response.headers["content-encoding"] = "gzip"
    response.headers["vary"] = "accept-encoding"
    response.headers["content-type"] = mimetypes.guess_type(file)[0] or "application/octet-stream"
    return response


@lru_cache(maxsize=256)
def packed(file: str, _changed_ns: int, _size: int) -> bytes:
    """A file's content for browsers that unpack, as long as its time and size stay."""
    return gzip.compress(Path(file).read_bytes(), mtime=0)


class FilesFirst:
    """ASGI middleware that answers for some routes of files before the app behind it sees the request.

    Streamlit compresses whatever passes through it, each time anew: with 200 viewers that was all that the server did.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[Mount]) -> None:
        self.app = app
        self.files = Starlette(routes=routes)
        self.places = tuple(f"{mount.path}/" for mount in routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_file = scope["type"] == "http" and scope["path"].startswith(self.places)
        await (self.files if is_file else self.app)(scope, receive, send)


class Registry(Shelf):
    """Students under their hashes. A registered one that is not here yet is fetched when it is asked for."""

    def __init__(self, paths: Paths, names: str, *, cache: str) -> None:
        super().__init__(paths.registry, names, cache=cache)
        self.paths = paths

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            return await super().get_response(path, scope)
        except SharpcamError as error:
            return refusal(str(error), HTTPStatus.BAD_GATEWAY)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        file, found = super().lookup_path(path)
        if found is not None:
            return file, found
        options.fetch(path.partition("/")[0], self.paths)
        return super().lookup_path(path)


def refusal(sentence: str, status: HTTPStatus) -> Response:
    """What went wrong, as the player reads it."""
    return JSONResponse({"error": sentence}, status)


def web_files(at: str) -> Mount:
    """The player's own modules, at that address."""
    return Mount(at, Shelf(WEB, r"[a-z0-9_/-]+\.(mjs|css|svg)"))


def file_routes(paths: Paths) -> list[Mount]:
    """The files of a page, by the addresses that app.live.options gives the player."""
    models = r"[0-9a-f]{64}/[A-Za-z0-9._-]+\.(onnx|bin|json)"
    return [
        web_files("/live/web"),
        Mount("/live/engine", Shelf(assets.ENGINE, r"[a-z-]+\.wasm")),
        Mount("/live/ort", Shelf(assets.INTO, r"[a-z0-9.-]+\.(mjs|wasm)")),
        Mount("/live/sample", Shelf(options.sample_file(paths).parent, r"box\.webm")),
        Mount(options.REGISTRY, Registry(paths, models, cache=FOR_EVER)),
    ]
