"""What viewers' browsers send for training: a clip in data/inbox when all its frames are there, else nothing."""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from pydantic import BaseModel, PositiveFloat, PositiveInt, ValidationError

from pipeline.cleanup import size
from pipeline.core.clip_rules import check_name, check_size
from pipeline.core.clips import frame_name, move_whole
from pipeline.core.errors import SharpcamError
from pipeline.core.files import write_bytes, write_json
from pipeline.core.frames import PNG_SIGNATURE, decode_frame, encode_frame, imdecode, png_size

RGBA8 = b"\x08\x06"  # depth and kind of colour in its header
UPLOADS = 8  # open at one time
IDLE_S = 60  # an upload that is silent for longer was cut off
DECODED_AT_ONCE = 2  # a frame of the largest size takes a quarter of a gigabyte until it is checked

_decoding = threading.BoundedSemaphore(DECODED_AT_ONCE)


@dataclass(frozen=True)
class Limits:
    """What one clip may take, and what all that wait in the inbox may."""

    frames: int = 2000
    bytes: int = 2_000_000_000
    inbox_bytes: int = 20_000_000_000
    per_second: float = 30

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class RefusedError(SharpcamError):
    """A request that is not followed, and the HTTP status that says so."""

    def __init__(self, sentence: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(sentence)
        self.status = status


class Announcement(BaseModel, frozen=True):
    """What a browser says of a clip before it sends its frames."""

    name: str
    frames: PositiveInt
    width: PositiveInt
    height: PositiveInt
    fps: PositiveFloat
    mime: Literal["image/png"]


@dataclass
class Upload:
    """A clip under way: the size of each frame that has come, and when one came."""

    session: str
    clip: Announcement
    folder: Path
    frames: dict[int, int] = field(default_factory=dict)  # bytes
    times: list[float] = field(default_factory=list)  # s
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_receiving: bool = False

    def fps(self) -> float | None:
        """The rate at which frames came."""
        elapsed = self.times[-1] - self.times[0] if self.times else 0.0
        return round((len(self.times) - 1) / elapsed, 2) if elapsed else None


class Inbox:
    """The uploads under way into one folder. Safe to call from several threads."""

    def __init__(self, folder: Path, *, limits: Limits | None = None, idle_s: float = IDLE_S) -> None:
        self.folder = folder
        self.limits = limits or Limits()
        self.idle_s = idle_s
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def begin(self, session: str, announced: Any, *, taken: Path) -> str:
        """Open an upload and give its id; `taken` is the folder of the clips that were adopted. Raises RefusedError."""
        self.sweep()
        clip = self._checked(announced)
        for folder in (self.folder, taken):
            if (folder / clip.name).exists():
                raise RefusedError(f'There is a clip "{clip.name}" already. Choose another name.', HTTPStatus.CONFLICT)
        self._check_room()
        with self._lock:
            return self._open(session, clip)

    def _check_room(self) -> None:
        waiting = size(self.folder)
        if waiting >= self.limits.inbox_bytes:
            sentence = (
                f"The server's inbox is full ({waiting / 1e9:.1f} GB). "
                "Ask for the stage capture to be run there: it adopts what waits."
            )
            raise RefusedError(sentence, HTTPStatus.INSUFFICIENT_STORAGE)

    def _open(self, session: str, clip: Announcement) -> str:
        if len(self._uploads) >= UPLOADS:
            raise RefusedError(
                "Too many uploads are under way. Wait a minute and try again.", HTTPStatus.TOO_MANY_REQUESTS
            )
        folder = self.folder / f".{clip.name}.upload"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            sentence = f'Another upload named "{clip.name}" is under way. Choose another name.'
            raise RefusedError(sentence, HTTPStatus.CONFLICT) from None
        id_ = secrets.token_hex(8)
        self._uploads[id_] = Upload(session, clip, folder)
        return id_

    def _checked(self, announced: Any) -> Announcement:
        try:
            clip = Announcement.model_validate(announced)
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"])) or "the whole"
            raise RefusedError(
                f"The clip was announced wrongly ({where}: {problem['msg']}). Reload the page."
            ) from None
        try:
            check_name(clip.name)
            check_size((clip.width, clip.height), "The camera's picture")
        except SharpcamError as error:
            raise RefusedError(str(error)) from None
        if clip.frames > self.limits.frames:
            raise RefusedError(f"A clip has at most {self.limits.frames} frames, not {clip.frames}. Ask for fewer.")
        if clip.fps > self.limits.per_second:
            raise RefusedError(f"At most {self.limits.per_second:g} frames a second can be kept. Ask for fewer.")
        return clip

    @contextmanager
    def receiving(self, session: str, id_: str) -> Iterator[int]:
        """While a frame of the upload comes: the most bytes that it can take as PNG.

        Raises RefusedError where another is on its way: each is held in memory.
        """
        upload = self._of(session, id_)
        with self._lock:
            if upload.is_receiving:
                sentence = "Another frame of this clip is still on its way. Send them one by one."
                raise RefusedError(sentence, HTTPStatus.TOO_MANY_REQUESTS)
            upload.is_receiving = True
        try:
            pixels = upload.clip.width * upload.clip.height
            yield pixels * 3 + pixels // 8 + 65536
        finally:
            upload.is_receiving = False

    def hear(self, session: str, id_: str) -> None:
        """A part of a frame came: over a slow line a large one takes longer than an upload may be silent."""
        with suppress(FileNotFoundError):
            os.utime(self._of(session, id_).folder)

    def put(self, session: str, id_: str, index: int, data: bytes) -> None:
        """Keep a frame. The same one may come again. Raises RefusedError for what is no frame of that clip."""
        clip = self._of(session, id_).clip
        if index not in range(clip.frames):
            raise RefusedError(f"Frame {index} was not announced: the clip has {clip.frames}. Begin again.")
        with _decoding:
            frame = _as_frame(data, clip, index)
        with self._held(session, id_) as upload:
            others = sum(size for number, size in upload.frames.items() if number != index)
            if others + len(frame) > self.limits.bytes:
                sentence = f"The clip is larger than {self.limits.bytes / 1e9:g} GB. Ask for fewer frames."
                raise RefusedError(sentence, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            write_bytes(upload.folder / frame_name(index), frame, synced=False)
            upload.frames[index] = len(frame)
            upload.times.append(time.monotonic())

    def end(self, session: str, id_: str, *, frames: int | None = None) -> str:
        """Make the upload a clip of the inbox and give its name; `frames` where the camera gave no more than that.

        Raises RefusedError while frames are missing.
        """
        with self._held(session, id_) as upload:
            clip, came = upload.clip, len(upload.frames)
            whole = clip.frames if frames is None else frames
            if whole not in range(1, clip.frames + 1) or upload.frames.keys() != set(range(whole)):
                sentence = f"{came} of {whole} frames have come. Send all of them, or begin again."
                raise RefusedError(sentence, HTTPStatus.CONFLICT)
            identity = {"source": "browser", "frames": whole, "size": [clip.width, clip.height], "every": 1}
            write_json(upload.folder / "clip.json", identity | {"fps_asked": clip.fps, "fps_reached": upload.fps()})
            move_whole(upload.folder, self.folder / clip.name)
            self._uploads.pop(id_, None)
        return clip.name

    def abort(self, session: str, id_: str) -> None:
        """Forget an upload and remove what came of it."""
        with self._held(session, id_) as upload:
            shutil.rmtree(upload.folder, ignore_errors=True)
            self._uploads.pop(id_, None)

    def sweep(self) -> None:
        """Remove what uploads left that were cut off, those of an earlier server too."""
        for folder in self.folder.glob(".*.upload"):
            if _age_s(folder) > self.idle_s:
                shutil.rmtree(folder, ignore_errors=True)
        for id_, upload in list(self._uploads.items()):
            if not upload.folder.exists():
                self._uploads.pop(id_, None)

    @contextmanager
    def _held(self, session: str, id_: str) -> Iterator[Upload]:
        """The upload while nobody else writes, ends or aborts it. Raises RefusedError where there is none."""
        with self._of(session, id_).lock:
            yield self._of(session, id_)

    def _of(self, session: str, id_: str) -> Upload:
        upload = self._uploads.get(id_)
        if upload is None or upload.session != session or not upload.folder.exists():
            raise RefusedError("There is no such upload (any more). Begin again.", HTTPStatus.NOT_FOUND)
        return upload


def _as_frame(data: bytes, clip: Announcement, index: int) -> bytes:
    """The PNG of a frame as clips hold it. Some browsers write alpha even where all is opaque: that goes.

    The size comes first, from the header alone: a small file can unpack to gigabytes.
    """
    size = png_size(data)
    if data.startswith(PNG_SIGNATURE) and size != (clip.width, clip.height):
        found, expected = f"{size[0]}x{size[1]}", f"{clip.width}x{clip.height}"
        raise RefusedError(f"Frame {index} is {found}, and {expected} was announced. Begin again.")
    if data.startswith(PNG_SIGNATURE) and data[24:26] == RGBA8:
        picture = imdecode(data, cv2.IMREAD_UNCHANGED)
        if picture is not None and (picture[..., 3] == 255).all():
            return encode_frame(np.ascontiguousarray(picture[..., 2::-1]))
    decode_frame(data, name=f"What was sent as frame {index}")
    return data


def _age_s(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
