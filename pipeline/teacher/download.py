"""Bring one file here from the first of several mirrors that has it, going on where a broken try stopped.

What arrives lies under a name that ends in `.part` until the caller has checked it.
"""

import errno
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pipeline.core.errors import SharpcamError
from pipeline.core.progress import Bar

TIMEOUT_S = 30.0
BLOCK_BYTES = 1 << 20
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416


class Mirror(Protocol):
    """One place that a file can be had from."""

    @property
    def page(self) -> str:
        """Where a person gets the file with a browser."""

    def fetch(self, part: Path) -> None:
        """Complete `part`; what a broken try leaves is used by the next one."""


@dataclass(frozen=True)
class HuggingFace:
    """A file at the root of a Hugging Face repository. Without `endpoint`: HF_ENDPOINT, else huggingface.co."""

    repository: str
    file: str
    endpoint: str | None = None

    @property
    def page(self) -> str:
        return f"{self.endpoint or 'https://huggingface.co'}/{self.repository}/blob/main/{self.file}"

    def fetch(self, part: Path) -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(self.repository, self.file, endpoint=self.endpoint)
        metadata = get_hf_file_metadata(url, timeout=TIMEOUT_S, endpoint=self.endpoint)
        # hf_hub_download throws away what a broken try left, so the bytes do not come through it.
        fetch_url(metadata.location, part)


@dataclass(frozen=True)
class GoogleDrive:
    """A file that is shared on Google Drive."""

    id: str
    endpoint: str = "https://drive.google.com"

    @property
    def page(self) -> str:
        return f"{self.endpoint}/file/d/{self.id}/view"

    def fetch(self, part: Path) -> None:
        import gdown

        # gdown takes a file that exists for a whole one and keeps its partial file beside it, under a name of
        # its own: so it works under another name, which does not collide with what other mirrors left.
        whole = part.with_suffix(".drive")
        gdown.download(
            url=f"{self.endpoint}/uc?id={self.id}",
            output=str(whole),
            quiet=not sys.stderr.isatty(),
            use_cookies=False,
            resume=True,
            timeout=TIMEOUT_S,
            retries=3,
        )
        whole.replace(part)


def download(*, mirrors: Sequence[Mirror], part: Path, check: Callable[[Path], None]) -> None:
    """Complete `part` from the first mirror whose bytes pass `check`, which raises what is wrong with them.

    Bytes that do not pass are deleted. Raises SharpcamError, saying what happened at each mirror, if none is left.
    """
    failures = []
    for mirror in mirrors:
        print(f"Getting {mirror.page}", file=sys.stderr)
        try:
            mirror.fetch(part)
        except Exception as error:  # each client library has its own tree of errors, and the next may do
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            failures.append(f"{mirror.page}: {_one_line(error)}")
            continue
        try:
            check(part)
        except SharpcamError as error:
            part.unlink(missing_ok=True)
            failures.append(f"{mirror.page}: {error}")
            continue
        _drop_leftovers(part)
        return
    raise SharpcamError("; ".join(failures))


def _drop_leftovers(part: Path) -> None:
    for leftover in part.parent.glob(f"{part.stem}.drive*"):
        leftover.unlink(missing_ok=True)


def _one_line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 200 else f"{words[:200]} ..."


def fetch_url(url: str, part: Path) -> None:
    """Append to `part` what it still lacks of the file at `url`; again and again while each try brings bytes."""
    while True:
        before = _size(part)
        try:
            _append(url, part)
            return
        except (OSError, HTTPException):
            if _size(part) <= before:
                raise


def _append(url: str, part: Path) -> None:
    response, have = _open_at_end(url, part)
    with response, part.open("ab" if have else "wb") as file:
        whole = have + int(response.headers.get("Content-Length", 0))
        with _byte_bar(part.stem, done=have, whole=whole) as bar:
            while block := response.read(BLOCK_BYTES):
                file.write(block)
                bar.update(len(block))
    if _size(part) < whole:
        raise ConnectionError(f"the connection broke after {_size(part):,} of {whole:,} bytes")


def _open_at_end(url: str, part: Path) -> tuple[Any, int]:
    """The answer of the server, and how many bytes of `part` it goes on from."""
    have = _size(part)
    try:
        response = urlopen(_request(url, start=have), timeout=TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code != RANGE_NOT_SATISFIABLE or not have:
            raise
        return urlopen(_request(url, start=0), timeout=TIMEOUT_S), 0  # what is here is no beginning of it
    return response, have if response.status == PARTIAL_CONTENT else 0  # else it starts from the beginning


def _request(url: str, *, start: int) -> Request:
    headers = {"User-Agent": "sharpcam", "Accept-Encoding": "identity"}
    return Request(url, headers=headers | ({"Range": f"bytes={start}-"} if start else {}))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _byte_bar(name: str, *, done: int, whole: int) -> Bar:
    return Bar(
        desc=name,
        initial=done,
        total=whole or None,
        unit="B",
        unit_scale=True,
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 10,
    )
