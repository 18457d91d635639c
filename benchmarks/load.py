"""What viewers and operators wait for: many open the Live page while others click through the dashboard.

python -m benchmarks.load [--viewers 200] [--operators 20] [--address http://HOST:8501]

A viewer comes at a random moment, opens the Live page and fetches each of its files once, over six connections, as
browsers do, and stays. An operator opens a page of the dashboard, looks at it for --think seconds, and opens another
one. Both do so over a socket, as Streamlit's own browser part; a click has ended with the page's script. Without
--address the dashboard of a project with 50 runs and 1000 frames is started. Ends with exit status 1 where the files'
95th percentile is over a second, that of clicks over three, or anything failed.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from app.live import assets, options, shelves
from benchmarks.dashboard import ROOT, make_frames, make_project, make_runs
from benchmarks.idle import launched
from pipeline.core.params import load_params
from pipeline.core.paths import Paths

FILES_S, CLICKS_S = 1.0, 3.0  # what the 95th percentile may be
CONNECTIONS = 6  # that a browser opens to one server
PATIENCE_S = 120.0
PAGES = ("", "pipeline", "parameters", "data", "runs", "models", "live", "enhance")
BROKEN = (OSError, EOFError, WebSocketException, TimeoutError, ValueError)


@dataclass
class Waits:
    """How long each of one kind took, and what went wrong."""

    what: str
    most_s: float
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def timed(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for it, and note how long that was."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await work
        except BROKEN as error:
            self.note(error)
        self.seconds.append(time.monotonic() - started)

    def note(self, error: Exception) -> None:
        """That went wrong."""
        self.errors.append(f"{type(error).__name__}: {error}"[:200])

    @property
    def is_good(self) -> bool:
        return not self.errors and self._at(95) <= self.most_s

    def __str__(self) -> str:
        spread = f"p50 {self._at(50):6.2f} s, p95 {self._at(95):6.2f} s, longest {self._at(100):6.2f} s"
        return f"{self.what:<8}{len(self.seconds):>7}   {spread}   {len(self.errors)} errors"

    def _at(self, percent: float) -> float:
        return float(np.percentile(self.seconds or [0.0], percent))


class Line:
    """One connection of a browser, kept alive as long as the server does."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def fetch(self, path: str) -> None:
        """Read a file. Raises ValueError for any status but 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        if "content-length" in headers:
            await reader.readexactly(int(headers["content-length"]))
        else:  # in pieces: RFC 9112, 7.1
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        if headers.get("connection") == "close":
            self.close()
        if " 200 " not in lines[0]:
            raise ValueError(f"{lines[0]} for {path}")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


@dataclass(frozen=True)
class Load:
    """What viewers and operators wait for while they use the server at `address`."""

    address: str
    files: Sequence[str]
    fetched: Waits = field(default_factory=lambda: Waits("files", FILES_S))
    clicked: Waits = field(default_factory=lambda: Waits("clicks", CLICKS_S))

    async def view(self, *, after_s: float, until: float) -> None:
        """One viewer's visit."""
        await asyncio.sleep(after_s)
        async with self._session() as socket:
            await self.clicked.timed(click(socket, "live"))
            wanted = list(self.files)
            await asyncio.gather(*(self._take(wanted) for _ in range(CONNECTIONS)))
            await asyncio.sleep(until - time.monotonic())

    async def operate(self, *, until: float, think_s: float, seed: int) -> None:
        """One operator's clicks."""
        chance = random.Random(seed)
        await asyncio.sleep(chance.uniform(0, think_s))
        async with self._session() as socket:
            while time.monotonic() < until:
                await self.clicked.timed(click(socket, chance.choice(PAGES)))
                await asyncio.sleep(chance.uniform(0, 2 * think_s))

    async def look_around(self) -> None:
        """Open every page once: what they load is there from then on."""
        async with self._session() as socket:
            for page in PAGES:
                await self.clicked.timed(click(socket, page))

    async def _take(self, wanted: list[str]) -> None:
        line = Line(self.address)
        while wanted:
            failed = len(self.fetched.errors)
            await self.fetched.timed(line.fetch(wanted.pop()))
            if len(self.fetched.errors) > failed:
                line.close()
        line.close()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Any]:
        """A session of Streamlit's. That it cannot be opened is one click that failed."""
        netloc = urlsplit(self.address).netloc
        origin: Any = f"http://{netloc}"
        kinds: Any = ["streamlit"]
        patience: Any = {"open_timeout": PATIENCE_S, "ping_timeout": None}
        try:
            async with connect(
                f"ws://{netloc}/_stcore/stream", subprotocols=kinds, origin=origin, max_size=None, **patience
            ) as socket:
                yield socket
        except BROKEN as error:
            self.clicked.note(error)


async def click(socket: Any, page: str) -> None:
    """Open a page. Raises ValueError where it shows an error of its own."""
    asked = BackMsg()
    asked.rerun_script.page_name = page
    asked.rerun_script.context_info.url = "http://localhost/"
    await socket.send(asked.SerializeToString())
    while True:
        said = ForwardMsg.FromString(await socket.recv())
        kind = said.WhichOneof("type")
        if kind == "delta" and said.delta.new_element.WhichOneof("type") == "exception":
            raise ValueError(f"{page}: {said.delta.new_element.exception.message}")
        if kind == "script_finished" and said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return


def live_files(paths: Paths) -> list[str]:
    """The addresses of what a first visit of the Live page loads, without WebGPU."""
    web = [f"/live/web/{file.name}" for file in sorted(shelves.WEB.iterdir()) if file.suffix in {".mjs", ".css"}]
    engine = [f"/live/engine/{file.name}" for file in sorted(assets.ENGINE.glob("*.wasm"))]
    models, _ = options.models(paths, asked=())
    return [*web, *engine, "/live/sample/box.webm", models[0]["contract"], models[0]["onnx"]]


async def put_to_load(load: Load, asked: argparse.Namespace) -> None:
    """Viewers and operators at the same time, on a server that somebody has seen every page of."""
    await Load(load.address, load.files).look_around()
    chance = random.Random(0)
    until = time.monotonic() + asked.seconds
    viewers = (load.view(after_s=chance.uniform(0, asked.seconds), until=until) for _ in range(asked.viewers))
    operators = (load.operate(until=until, think_s=asked.think, seed=seed) for seed in range(asked.operators))
    await asyncio.gather(*viewers, *operators)


@contextmanager
def served(address: str | None) -> Iterator[str]:
    """The address asked for, or that of a dashboard of its own."""
    if address:
        yield address.rstrip("/")
        return
    with TemporaryDirectory() as folder:
        project = Path(folder)
        make_project(project)
        os.chdir(project)
        params = load_params(Paths().params)
        make_frames(Paths(), params, 1000)
        make_runs(params, 50)
        os.environ["PYTHONSAFEPATH"] = "1"  # the copy has no runtime for browsers
        with launched(project, "--only", "dashboard") as (_, its):
            yield its
        os.chdir(ROOT)


def main() -> int:
    """The command; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--operators", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0, help="in which the viewers come, and operators click")
    parser.add_argument("--think", type=float, default=3.0, help="seconds from a page to the next click, on average")
    parser.add_argument("--address", help="of a dashboard that runs on this machine")
    asked = parser.parse_args()
    files = live_files(Paths())
    with served(asked.address) as address:
        print(f"load of the machine: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}; {len(files)} files a visit")
        load = Load(address, files)
        asyncio.run(put_to_load(load, asked))
    for waits in (load.fetched, load.clicked):
        print(waits)
        for error in sorted(set(waits.errors))[:5]:
            print(f"    {waits.errors.count(error)}x {error}")
    return 0 if load.fetched.is_good and load.clicked.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
