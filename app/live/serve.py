"""Open the live page alone: every student that can be run here, in your browser, on your camera. Ctrl-C ends it.

python -m app.live

It needs no project and no dashboard. The first time it fetches ONNX Runtime for browsers (33 MB); no frame ever leaves
the browser.
"""

import os
import socket
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from app.at_once import send_at_once
from app.hosts import OnlyKnownHosts, is_loopback, known_names
from app.isolation import IsolationHeaders, protection
from app.launch import HTTPS_HINT, Reach, add_reach, free_port, reach_of
from app.live import assets, options
from app.live.shelves import file_routes, web_files
from pipeline.core.command import run_command
from pipeline.core.paths import Paths
from pipeline.core.program import command_parser

send_at_once()
PATHS = Paths.here()
FIRST_PORT = 8600
WEB = "/web"
PAGE = Path(__file__).with_name("standalone.html")
PATIENCE_S = 2  # of Ctrl-C, for answers under way
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")  # else a browser would be one of letters, in this terminal


async def show_page(_: Request) -> Response:
    """The page that app.standalone writes too."""
    return FileResponse(PAGE)


async def tell_options(_: Request) -> Response:
    """What its player may run: asked at each visit, as a student may be new."""
    return JSONResponse(await run_in_threadpool(what_is_there))


def what_is_there() -> dict[str, Any]:
    """The students here, the first of them chosen; frames go nowhere."""
    models, notes = options.models(PATHS, asked=())
    for note in notes:
        print(note, file=sys.stderr)
    return {
        "models": models,
        "base": options.BASE | {"web": f"{WEB}/"},
        "sample": options.sample(PATHS),
        "capture": None,
        "light": options.light(models),
        "settings": {},
    }


def page_app(reach: Reach) -> Starlette:
    """The page and all that it asks for, for those who name the server as `reach` says."""
    own = [Route("/", show_page), Route("/options.json", tell_options), web_files(WEB)]
    protected = [
        Middleware(IsolationHeaders, more=protection(PAGE)),
        Middleware(
            OnlyKnownHosts,
            names=lambda: known_names(reach.host) | set(reach.allowed),
            open_to_network=lambda: not is_loopback(reach.host),
        ),
    ]
    return Starlette(routes=[*own, *file_routes(PATHS)], middleware=protected)


def get_runtime(archive: Path | None) -> None:
    """Have the browsers' runtime: from `archive` where one is named, else by npm. Raises SharpcamError."""
    if archive is not None:
        assets.unpack(archive)
    elif not assets.are_there():
        print("Fetching ONNX Runtime for browsers, once (33 MB) ...", flush=True)
        assets.fetch_archive()


def serve(reach: Reach, *, port: int, show: bool) -> None:
    """Serve the page until Ctrl-C, and open it where there is a screen."""
    settings = uvicorn.Config(
        page_app(reach),
        log_level="warning",
        timeout_graceful_shutdown=PATIENCE_S,
        ssl_certfile=reach.certificate,
        ssl_keyfile=reach.key,
    )
    with socket.create_server((reach.host, free_port(port, reach.host))) as listening:  # a browser may come at once
        address = reach.address(listening.getsockname()[1])
        print(f"Live: {address}", flush=True)
        if not reach.is_private and not reach.certificate:
            print(HTTPS_HINT, flush=True)
        print("Ctrl-C stops.", flush=True)
        if show and has_screen():
            webbrowser.open(address)
        with suppress(KeyboardInterrupt):  # raised again after its answers are given
            uvicorn.Server(settings).run(sockets=[listening])
        print("\nStopped.")


def has_screen() -> bool:
    """Whether a browser would open in a window."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in SCREENS)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit status."""
    parser = command_parser("app.live", __doc__)
    add_reach(parser, "the page")
    parser.add_argument("--port", type=int, default=FIRST_PORT, help="or the next one that is free (%(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--runtime", type=Path, metavar="FILE", help="that archive of npm, in place of fetching it")
    asked = parser.parse_args(arguments)
    reach = reach_of(parser, asked)

    def work() -> None:
        get_runtime(asked.runtime)
        serve(reach, port=asked.port, show=not asked.no_browser)

    return run_command(work)
