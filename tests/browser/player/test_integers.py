"""Our own engine on the live page in a real Chromium: its pictures are the numpy reference's to the last bit."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dialled import pythons_at
from making import ROOT, photo, until
from player import (
    ALONE,
    GEOMETRY,
    Open,
    difference,
    open_picture,
    own_geometry,
    said,
    shown,
    snapshot,
    start_camera,
)
from playwright.sync_api import Page, expect
from web_formed import pythons_web, write_web_formed

from pipeline.core.geometry import Frame, enlarge, fit
from pipeline.student.dials import Dials
from pipeline.student.web_form import WEB_SUFFIX
from training.models.dials import NEUTRAL

FRAME = photo(128, 160, seed=4)  # as large as the students read
OWN = re.compile("WASM (relaxed|simd), 2 threads")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of a student in its web form that measures no camera."""
    return write_web_formed(tmp_path_factory.mktemp("plain") / "plain.onnx", estimator=None)


@pytest.fixture(scope="module")
def measuring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of another one that does."""
    return write_web_formed(tmp_path_factory.mktemp("measuring") / "measuring.onnx", seed=2)


def fitted(frame: Frame) -> Frame:
    """What the student reads of a frame."""
    return fit(frame, geometry=own_geometry(frame, GEOMETRY))


def asked_for(page: Page) -> list[str]:
    """The names of the files that the page and its workers ask for, as they do."""
    names: list[str] = []
    page.context.on("request", lambda request: names.append(request.url.split("?")[0].rpartition("/")[2]))
    return names


def test_the_picture_is_pythons_and_onnx_runtime_is_not_fetched(open_player: Open, plain: Path) -> None:
    page = open_player([plain], settings=ALONE)
    names = asked_for(page)
    open_picture(page, FRAME)
    expect(page.locator(".figures")).to_contain_text(OWN)
    assert np.array_equal(snapshot(page)["student.png"], pythons_web(plain, FRAME, Dials(*NEUTRAL)))
    odd = photo(75, 101, seed=5)  # of neither side a multiple
    open_picture(page, odd)
    until(lambda: np.array_equal(shown(page), pythons_web(plain, fitted(odd), Dials(*NEUTRAL))))
    open_picture(page, FRAME)
    page.get_by_role("slider", name="Denoise").fill("0.9")
    turned = pythons_web(plain, FRAME, Dials(*NEUTRAL)._replace(noise=0.9))
    until(lambda: np.array_equal(shown(page), turned))
    assert {"plain.json", f"plain{WEB_SUFFIX}", "layers-simd-shared.wasm"} <= set(names)
    assert not [name for name in names if "ort" in name or name.endswith(".onnx")]


def test_strength_and_two_students_are_drawn_as_ever(open_player: Open, plain: Path, tmp_path: Path) -> None:
    other = write_web_formed(tmp_path / "other.onnx", seed=3, estimator=None)
    page = open_player([plain, other], settings=ALONE | {"view": "side", "compareWith": "other", "strength": 0.5})
    open_picture(page, FRAME)
    bicubic = enlarge(FRAME, geometry=GEOMETRY, kernel="bicubic").astype(np.float64)
    first, second = (pythons_web(contract, FRAME, Dials(*NEUTRAL)) for contract in (plain, other))
    between = (np.hstack((second, first)) + np.hstack((bicubic, bicubic))) / 2
    until(lambda: float(np.abs(shown(page) - between).max()) <= 1)
    page.get_by_role("slider", name="Strength").fill("1")
    until(lambda: np.array_equal(shown(page), np.hstack((second, first))))


def test_without_the_two_headers_there_is_one_thread_and_the_same_picture(open_player: Open, plain: Path) -> None:
    page = open_player([plain], headers={}, settings=ALONE)
    open_picture(page, FRAME)
    expect(page.locator(".figures")).to_contain_text(re.compile("WASM (relaxed|simd), 1 thread"))
    expect(page.locator(".notes")).to_contain_text("Without its two headers this page has one thread.")
    until(lambda: np.array_equal(shown(page), pythons_web(plain, FRAME, Dials(*NEUTRAL))))


def test_where_threads_do_not_start_there_is_one(open_player: Open, plain: Path, tmp_path: Path) -> None:
    page = open_player([plain], settings=ALONE)
    modules = tmp_path / "site-0" / "web"
    modules.unlink()
    shutil.copytree(ROOT / "app/live/web", modules, ignore=shutil.ignore_patterns("helper.mjs"))
    open_picture(page, FRAME)
    expect(page.locator(".notes")).to_contain_text("Threads do not start here (a worker was refused), so there is one.")
    expect(page.locator(".figures")).to_contain_text(re.compile("WASM (relaxed|simd), 1 thread"))
    until(lambda: np.array_equal(shown(page), pythons_web(plain, FRAME, Dials(*NEUTRAL))))


def test_onnx_runtime_is_fetched_after_the_first_picture_for_an_estimator_of_other_origin(
    open_player: Open, measuring: Path
) -> None:
    page = open_player([measuring], settings=ALONE)
    names = asked_for(page)
    open_picture(page, FRAME)
    expect(page.locator(".dials .camera")).to_contain_text("(blur ")
    numbers = re.findall(r" (\d\.\d\d)", page.locator(".dials .camera").inner_text())
    until(lambda: np.array_equal(shown(page), pythons_web(measuring, FRAME, Dials(*map(float, numbers)))))
    expect(page.locator(".figures")).to_contain_text(OWN)
    assert "ort-wasm-simd-threaded.wasm" in names
    assert "measuring.onnx" not in names


def truncated(contract: Path) -> None:
    file = contract.with_name(f"{contract.stem}{WEB_SUFFIX}")
    file.write_bytes(file.read_bytes()[:-100])


def unequal(contract: Path) -> None:
    content = json.loads(contract.read_text())
    content["golden"]["strong"]["output_web"]["crc32"] ^= 1
    contract.write_text(json.dumps(content))


FAULTS = {truncated: "its hash differs", unequal: "fails its known-answer test"}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_must_not_be_used_is_said_and_onnx_runtime_goes_on(
    open_player: Open, tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    contract = write_web_formed(tmp_path / "odd.onnx", estimator=None)
    fault(contract)
    page = open_player([contract], settings=ALONE)
    start_camera(page)
    expect(page.locator(".notes")).to_contain_text(FAULTS[fault])
    expect(page.locator(".notes")).to_contain_text("ONNX Runtime WASM is used.")
    open_picture(page, FRAME)
    expected = pythons_at(contract, FRAME, Dials(*NEUTRAL))
    until(lambda: difference(shown(page), expected) <= 1)


def test_without_the_engines_files_onnx_runtime_goes_on(open_player: Open, plain: Path) -> None:
    base = {"ort": "ort/", "web": "web/", "engine": "nothing/"}
    page = open_player([plain], settings=ALONE, base=base)
    open_picture(page, FRAME)
    expect(page.locator(".notes")).to_contain_text("ONNX Runtime WASM is used.")
    expect(page.locator(".notes")).to_contain_text("Frames are not fused through time")
    assert not said(page)
