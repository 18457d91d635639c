"""What the live page's browser part asks the server for: its modules, models by their hash, and a place for frames."""

import asyncio
import json
import mimetypes
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.live import assets, options
from app.live.access import LASTS_S, UPLOAD_LASTS_S, holder
from app.live.inbox import Inbox, RefusedError
from pipeline.core.command import DISK_ERRORS
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

PATHS = Paths()
WEB = Path(__file__).with_name("web")
ANNOUNCEMENT_BYTES = 4096
SWEEP_S = 20
FRESH, FOR_EVER = "no-cache", "public, max-age=31536000, immutable"

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
        """The file, or the packed one beside it where the browser unpacks."""
        packed = Path(f"{full_path}.gz")
        if "gzip" not in Headers(scope=scope).get("accept-encoding", "") or not packed.is_file():
            return super().file_response(full_path, stat_result, scope, status_code)
        response = super().file_response(packed, packed.stat(), scope, status_code)
        response.headers["content-encoding"] = "gzip"
        response.headers["vary"] = "accept-encoding"
        response.headers["content-type"] = mimetypes.guess_type(full_path)[0] or "application/octet-stream"
        return response


class Registry(Shelf):
    """Students under their hashes. A registered one that is not here yet is fetched when it is asked for."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            return await super().get_response(path, scope)
        except SharpcamError as error:
            return _refusal(str(error), HTTPStatus.BAD_GATEWAY)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        file, found = super().lookup_path(path)
        if found is not None:
            return file, found
        options.fetch(path.partition("/")[0], PATHS)
        return super().lookup_path(path)


INBOX = Inbox(PATHS.inbox)
Work = Callable[[Request, str], Awaitable[dict[str, Any]]]


def answered_in_a_sentence(work: Work, *, lasts_s: int = UPLOAD_LASTS_S) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for the page's own browser; what goes wrong is a sentence and a fitting status.

    To begin takes a fresh token. Its session's upload then goes on with it for longer: a recording may take hours.
    """

    async def answer(request: Request) -> Response:
        if (session := holder(request, lasts_s=lasts_s)) is None:
            return _refusal("Only the live page may send frames. Reload it and begin again.", HTTPStatus.FORBIDDEN)
        try:
            return JSONResponse(await work(request, session))
        except RefusedError as error:
            return _refusal(str(error), error.status)
        except SharpcamError as error:
            return _refusal(str(error), HTTPStatus.BAD_REQUEST)
        except ClientDisconnect:  # nobody reads the answer, and nothing of the frame was kept
            return _refusal("The connection was lost; nothing was saved. Send it again.", HTTPStatus.BAD_REQUEST)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            return _refusal(f"On the server {DISK_ERRORS[error.errno]}.", HTTPStatus.INSUFFICIENT_STORAGE)

    return answer


def _refusal(sentence: str, status: HTTPStatus) -> Response:
    return JSONResponse({"error": sentence}, status)


async def begin(request: Request, session: str) -> dict[str, Any]:
    announced = await _json(request)
    return {"id": await run_in_threadpool(INBOX.begin, session, announced, taken=PATHS.raw)}


async def put(request: Request, session: str) -> dict[str, Any]:
    id_, index = request.path_params["id"], request.path_params["index"]
    data = await _body(request, INBOX.frame_bytes(session, id_), came=partial(INBOX.hear, session, id_))
    await run_in_threadpool(INBOX.put, session, id_, index, data)
    return {"stored": index}


async def end(request: Request, session: str) -> dict[str, Any]:
    return {"clip": await run_in_threadpool(INBOX.end, session, request.path_params["id"])}


async def abort(request: Request, session: str) -> dict[str, Any]:
    await run_in_threadpool(INBOX.abort, session, request.path_params["id"])
    return {}


async def _json(request: Request) -> Any:
    try:
        return json.loads(await _body(request, ANNOUNCEMENT_BYTES))
    except (ValueError, RecursionError):
        raise RefusedError("The clip was announced wrongly (no JSON). Reload the page.") from None


async def _body(request: Request, limit: int, came: Callable[[], None] = lambda: None) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        came()
        body += chunk
        if len(body) > limit:
            raise RefusedError(f"That is more than {limit} bytes. Begin again.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)


@asynccontextmanager
async def clean_inbox(_: object) -> AsyncIterator[None]:
    """While the server runs, what uploads leave that were cut off goes."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await run_in_threadpool(INBOX.sweep)

    await run_in_threadpool(INBOX.sweep)
    sweeping = asyncio.create_task(sweep())
    try:
        yield
    finally:
        sweeping.cancel()


ROUTES = [
    Mount("/live/web", Shelf(WEB, r"[a-z0-9_/-]+\.(mjs|css|svg)")),
    Mount("/live/ort", Shelf(assets.INTO, r"[a-z0-9.-]+\.(mjs|wasm)")),
    Mount("/live/sample", Shelf(PATHS.demo_clip.parent, r"box\.webm")),
    Mount(options.REGISTRY, Registry(PATHS.registry, r"[0-9a-f]{64}/[A-Za-z0-9._-]+\.(onnx|json)", cache=FOR_EVER)),
    Route("/capture/begin", answered_in_a_sentence(begin, lasts_s=LASTS_S), methods=["POST"]),
    Route("/capture/{id:str}/end", answered_in_a_sentence(end), methods=["POST"]),
    Route("/capture/{id:str}/{index:int}", answered_in_a_sentence(put), methods=["PUT"]),
    Route("/capture/{id:str}", answered_in_a_sentence(abort), methods=["DELETE"]),
]
