"""A Firefox that is driven by WebDriver BiDi (w3c.github.io/webdriver-bidi): Playwright drives only its own build."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from making import kill
from websockets.sync.client import ClientConnection, connect

NAMES = ("firefox-esr", "firefox")
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
CAMERA = ("media.navigator.streams.fake", "media.navigator.permission.disabled")
MOST_BYTES = 2**26  # of a message: pictures
ANSWER_S = 120


def find() -> str | None:
    """The program, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def firefox(program: str, profile: Path) -> Iterator["Firefox"]:
    """One of its own, without a window, with an empty profile and a camera that shows colours."""
    profile.mkdir()
    (profile / "user.js").write_text("".join(f'user_pref("{name}", true);\n' for name in CAMERA))
    asked = ("--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(profile))
    process = subprocess.Popen([program, *asked], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        with connect(f"{_address(process)}/session", max_size=MOST_BYTES) as connection:
            browser = Firefox(connection)
            browser.call("session.new", capabilities={})
            yield browser
    finally:
        kill(process)


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr
    for line in process.stderr:
        if found := LISTENING.search(line):
            return found[1]
    raise AssertionError("Firefox ended before it listened")


class Firefox:
    """A session with one page."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.numbers = count()
        self.context = ""

    def call(self, method: str, **params: Any) -> Any:
        """The result of a command. Raises AssertionError with what Firefox says where it fails."""
        number = next(self.numbers)
        self.connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self.connection.recv(timeout=ANSWER_S))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def goto(self, address: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.context = self.context or self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.call("browsingContext.navigate", context=self.context, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What a JavaScript expression gives, or the promise that it gives; by JSON."""
        target = {"context": self.context}
        asked = f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"
        answer = self.call("script.evaluate", expression=asked, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])
