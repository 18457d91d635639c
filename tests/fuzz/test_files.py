"""Pictures, videos and weights that are not what they should be: read, or one sentence; within bounds of memory."""

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as some
from making import ROOT, Project, make_video, photo
from mangled import FENCE, Change, fuzzed, mangled_bytes, several_bytes

from pipeline.core.clip_rules import check_clip, check_name
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import encode_frame
from pipeline.enhance.images.read import picture_size, read_picture
from pipeline.media.sources import Folder, Video
from pipeline.media.video import look_at
from pipeline.student.contract import read_contract
from pipeline.student.dials import Dials
from pipeline.student.web_form import WebForm
from training import checkpoints

PICTURE = photo(48, 64)
PICTURES = [".png", ".jpg", ".webp", ".tif", ".bmp"]
VIDEOS = {"clip.mkv": "ffv1", "clip.mp4": "mpeg4", "clip.avi": "mpeg4", "clip.webm": "vp8"}


def take(file: Path, data: bytes, reads: Callable[[], Any], *, besides: type[Exception] = SharpcamError) -> None:
    """Have these bytes read from that file. Raises what the reader raises, but for a sentence."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    with FENCE.around(file.parent), suppress(SharpcamError, besides):
        reads()


@pytest.mark.parametrize("suffix", PICTURES)
def test_no_picture_raises_anything_but_a_sentence(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"album/000000{suffix}"
    _, data = cv2.imencode(suffix, PICTURE)

    def read() -> None:
        with suppress(SharpcamError):
            picture_size(file)
            read_picture(file)
        list(Folder(file.parent).frames())

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        mangled = mangled_bytes(data.tobytes(), changes, head=120)
        take(file, mangled, read)

    try_bytes()


def test_no_frame_of_a_clip_raises_anything_but_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "one/000000.png"

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        mangled = mangled_bytes(encode_frame(PICTURE), changes, head=60)
        take(file, mangled, lambda: check_clip(file.parent))

    try_bytes()


@pytest.mark.parametrize("name", VIDEOS)
def test_no_video_raises_anything_but_a_sentence(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    data = make_video(file, [photo(48, 64, seed=seed) for seed in range(4)], codec=VIDEOS[name]).read_bytes()

    def read() -> None:
        look_at(file)
        list(islice(Video(file).frames(), 50))

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        mangled = mangled_bytes(data, changes, head=800)
        take(file, mangled, read)

    try_bytes()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_no_checkpoint_raises_anything_but_a_sentence(tmp_path: Path, checkpoint: Path, suffix: str) -> None:
    file = tmp_path / f"student{suffix}"
    checkpoints.save(file, *checkpoints.load(checkpoint))
    data = file.read_bytes()

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        mangled = mangled_bytes(data, changes, head=1500)
        take(file, mangled, lambda: checkpoints.load(file), besides=checkpoints.CheckpointError)

    try_bytes()


def test_no_web_form_raises_anything_but_a_sentence(tmp_path: Path) -> None:
    contract = read_contract(ROOT / "weights/bundled/student_s.json")
    section, dials = contract.schema.web, contract.schema.dials
    assert section is not None
    assert dials is not None
    data = (ROOT / "weights/bundled/student_s_web.bin").read_bytes()

    @fuzzed
    @given(several_bytes)
    def try_bytes(changes: list[Change]) -> None:
        mangled = mangled_bytes(data, changes, head=len(data))
        take(tmp_path / "web.bin", mangled, lambda: WebForm(section, dials, mangled).at(Dials(0.5, 0.5, 0.5, 0.5)))

    try_bytes()


def test_no_name_of_a_clip_leads_out_of_its_folder(project: Project) -> None:
    @fuzzed
    @given(some.text(max_size=80) | some.from_regex(r"[A-Za-z0-9._/\\-]{0,70}"))
    def try_name(name: str) -> None:
        try:
            check_name(name)
        except SharpcamError:
            return
        assert (project.paths.raw / name).resolve().parent == project.paths.raw.resolve()

    try_name()
