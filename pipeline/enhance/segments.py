"""The encoded packets of a video on their way to its file: whole segments on disk, which outlive a kill."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.clips import remove_tree
from pipeline.core.files import recall_json, write_bytes, write_json


class Coded(NamedTuple):
    """A packet of the video, in the time base of its source."""

    data: bytes
    pts: int
    duration: int
    is_key: bool


@dataclass(frozen=True)
class Segments:
    """A folder of segments, and what they were made of and by. Another `identity` begins anew."""

    folder: Path
    identity: dict[str, Any]

    def begin(self) -> int:
        """Make or find the folder; gives the frames that are done. A folder with a damaged segment begins anew."""
        if self.folder.exists() and not (self._is_of_this() and self._is_whole()):
            remove_tree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / "identity.json", self.identity)
        return len(self.times())

    def add(
        self,
        packets: list[Coded],
        *,
        size: tuple[int, int],
        measured: Sequence[Any] = (),
        state: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Keep the packets, one a frame, of pictures of `size`, what was measured of these, and the stream's state.

        First these are written, then the index that makes them count. Of the states only the last one is kept.
        """
        number = sum(1 for _ in self._indices())
        write_bytes(self._data(number), b"".join(packet.data for packet in packets))
        if state:
            write_bytes(self._state(number), packed(state))
        told = [[len(packet.data), packet.pts, packet.duration, packet.is_key] for packet in packets]
        write_json(self._index(number), {"size": size, "packets": told, "measured": measured})
        if number:
            self._state(number - 1).unlink(missing_ok=True)

    def _is_of_this(self) -> bool:
        return bool(known_identity(self.folder) == json.loads(json.dumps(self.identity)))

    def _is_whole(self) -> bool:
        """Whether each index can be read and has its packets."""
        try:
            return all(
                self._data(number).stat().st_size == sum(size for size, *_ in index["packets"]) and index["size"]
                for number, index in enumerate(self._indices())
            )
        except (OSError, KeyError, TypeError, ValueError):
            return False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the pictures."""
        width, height = next(self._indices())["size"]
        return width, height

    def packets(self) -> Iterator[Coded]:
        """All packets, in coded order."""
        for number, index in enumerate(self._indices()):
            with self._data(number).open("rb") as data:
                for size, pts, duration, is_key in index["packets"]:
                    yield Coded(data.read(size), pts, duration, is_key)

    def times(self) -> list[tuple[int, int]]:
        """(pts, duration) of all packets, in coded order."""
        return [(pts, duration) for index in self._indices() for _, pts, duration, _ in index["packets"]]

    def measured(self) -> list[Any]:
        """What was measured of all pictures."""
        return [each for index in self._indices() for each in index.get("measured", [])]

    def state(self) -> dict[str, NDArray[Any]]:
        """The stream's state behind the last frame; empty where none was kept."""
        last = self._state(sum(1 for _ in self._indices()) - 1)
        if not last.is_file():
            return {}
        with np.load(last, allow_pickle=False) as arrays:
            return dict(arrays)

    def remove(self) -> None:
        """Remove all of it."""
        remove_tree(self.folder)

    def _indices(self) -> Iterator[dict[str, Any]]:
        number = 0
        while self._index(number).exists():
            yield recall_json(self._index(number))
            number += 1

    def _data(self, number: int) -> Path:
        return self.folder / f"{number:06d}.packets"

    def _state(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"

    def _index(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"


def known_identity(folder: Path) -> dict[str, Any] | None:
    """What the segments in a folder were made of and by; None where there are none."""
    return recall_json(folder / "identity.json") or None


def packed(state: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an .npz file."""
    file = io.BytesIO()
    arrays: dict[str, Any] = dict(state)  # savez has keywords of its own, of other types
    np.savez(file, **arrays)
    return file.getvalue()


def decoding_times(presented: list[int]) -> list[int]:
    """When packets, whose times of presentation are given in coded order, have to be decoded.

    These times ascend and are never later than those. Encoders know only their own segment, so theirs do not.
    """
    ordered = sorted(presented)
    place = {pts: index for index, pts in enumerate(ordered)}
    delay = max((index - place[pts] for index, pts in enumerate(presented)), default=0)
    return [ordered[0] - (delay - index) for index in range(delay)] + ordered[: len(ordered) - delay]
