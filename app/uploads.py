"""What a page's uploader hands over: its shape, and how much of it is taken."""

from collections.abc import Sequence
from typing import Protocol

from pipeline.core.errors import SharpcamError


class UploadedFile(Protocol):
    """One file, as Streamlit's uploader gives it."""

    @property
    def name(self) -> str:
        """As the viewer's machine calls it."""

    @property
    def size(self) -> int:
        """Bytes."""

    def getbuffer(self) -> memoryview:
        """Its content."""


def check_total(files: Sequence[UploadedFile], *, limit_bytes: int, instead: str) -> None:
    """Raise SharpcamError where the files have more than `limit_bytes` in total; `instead` is the next step."""
    total = sum(file.size for file in files)
    if total > limit_bytes:
        raise SharpcamError(
            f"That is {total / 1e6:.0f} MB, and {limit_bytes / 1e6:.0f} MB are allowed (server.maxUploadSize in "
            f".streamlit/config.toml). {instead}"
        )
