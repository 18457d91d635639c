"""A place for the frames that the live page's browser part sends; its files are in shelves.py."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.data import thumbnails
from app.data.clips import middle
from app.live.access import LASTS_S, UPLOAD_LASTS_S, holder
from app.live.inbox import Inbox, RefusedError
from app.live.shelves import refusal
from pipeline.core.clips import find_frames
from pipeline.core.command import DISK_ERRORS
from pipeline.core.errors import SharpcamError
from pipeline.core.paths import Paths

PATHS = Paths()
ANNOUNCEMENT_BYTES = 4096
SWEEP_S = 20

INBOX = Inbox(PATHS.inbox)
Work = Callable[[Request, str], Awaitable[dict[str, Any]]]


def answered_in_a_sentence(work: Work, *, lasts_s: int = UPLOAD_LASTS_S) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for the page's own browser; what goes wrong is a sentence and a fitting status.

    To begin takes a fresh token. Its session's upload then goes on with it for longer: a recording may take hours.
    """

    async def answer(request: Request) -> Response:
        if (session := holder(request, lasts_s=lasts_s)) is None:
            return refusal("Only the live page may send frames. Reload it and begin again.", HTTPStatus.FORBIDDEN)
        try:
            return JSONResponse(await work(request, session))
        except RefusedError as error:
            return refusal(str(error), error.status)
        except SharpcamError as error:
            return refusal(str(error), HTTPStatus.BAD_REQUEST)
        except ClientDisconnect:  # nobody reads the answer, and nothing of the frame was kept
            return refusal("The connection was lost; nothing was saved. Send it again.", HTTPStatus.BAD_REQUEST)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            return refusal(f"On the server {DISK_ERRORS[error.errno]}.", HTTPStatus.INSUFFICIENT_STORAGE)

    return answer


async def begin(request: Request, session: str) -> dict[str, Any]:
    announced = await _json(request)
    return {"id": await run_in_threadpool(INBOX.begin, session, announced, taken=PATHS.raw)}


async def put(request: Request, session: str) -> dict[str, Any]:
    id_, index = request.path_params["id"], request.path_params["index"]
    with INBOX.receiving(session, id_) as limit:
        data = await _body(request, limit, came=partial(INBOX.hear, session, id_))
        await run_in_threadpool(INBOX.put, session, id_, index, data)
    return {"stored": index}


async def end(request: Request, session: str) -> dict[str, Any]:
    frames = _count(request.query_params.get("frames"))
    clip = await run_in_threadpool(INBOX.end, session, request.path_params["id"], frames=frames)
    await run_in_threadpool(make_thumbnail, clip)
    return {"clip": clip}


def make_thumbnail(clip: str) -> None:
    """Have the picture that stands for a new clip made, so that the page Data shows it at once."""
    if frame := middle(find_frames(PATHS.inbox / clip)):
        thumbnails.find([frame], PATHS)


async def abort(request: Request, session: str) -> dict[str, Any]:
    await run_in_threadpool(INBOX.abort, session, request.path_params["id"])
    return {}


def _count(text: str | None) -> int | None:
    if text is not None and not re.fullmatch(r"[0-9]{1,9}", text):
        raise RefusedError("How many frames came was said wrongly. Reload the page.")
    return None if text is None else int(text)


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
    Route("/capture/begin", answered_in_a_sentence(begin, lasts_s=LASTS_S), methods=["POST"]),
    Route("/capture/{id:str}/end", answered_in_a_sentence(end), methods=["POST"]),
    Route("/capture/{id:str}/{index:int}", answered_in_a_sentence(put), methods=["PUT"]),
    Route("/capture/{id:str}", answered_in_a_sentence(abort), methods=["DELETE"]),
]
