"""Strength and dials on the live page in a real Chromium: found, shown, taken over; pixels held to Python's."""

import json
import re
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from axe import serious
from dialled import STRONG, estimated, estimator, pythons_at, write_dialled
from making import photo, until
from player import (
    ALONE,
    PHOTO,
    SMALL,
    WASM,
    Open,
    bicubics,
    difference,
    open_picture,
    player_pages,
    pythons,
    refused,
    shown,
    snapshot,
    start_camera,
)
from playwright.sync_api import Browser, Page, expect

from pipeline.core.geometry import Frame
from pipeline.core.params import GeometryParams
from pipeline.student.contract import pack_picture
from pipeline.student.dials import Dials, describe
from training.models.dials import NEUTRAL

TINY = SMALL | {"width": 160, "height": 128}
BICUBIC = bicubics(PHOTO)
SLIDERS = ("Strength", "Calm", "Denoise", "Sharpen")
FOUND = re.compile(r"\(blur ([\d.]+), noise ([\d.]+), sharpening ([\d.]+), compression ([\d.]+)\)")


@pytest.fixture(scope="package")
def dialled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of a student with dials and an estimator."""
    return write_dialled(tmp_path_factory.mktemp("dialled") / "dialled.onnx")


@pytest.fixture(scope="package")
def unmeasured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract of the same student without an estimator."""
    return write_dialled(tmp_path_factory.mktemp("unmeasured") / "unmeasured.onnx", estimator=None)


def slide(page: Page, name: str, value: float) -> None:
    page.get_by_role("slider", name=name).fill(str(value))


def found(page: Page) -> Dials:
    """The dials that the page says it found."""
    expect(page.locator(".dials .camera")).to_have_text(FOUND)
    numbers = FOUND.search(page.locator(".dials .camera").inner_text())
    assert numbers
    return Dials(*(float(number) for number in numbers.groups()))


def comes_to_show(page: Page, expected: Frame, *, levels: int = 1) -> None:
    def comes() -> bool:
        picture = shown(page)
        return picture.shape == expected.shape and difference(picture, expected) <= levels

    until(comes)


def test_the_camera_is_found_said_and_followed(open_player: Open, dialled: Path) -> None:
    page = open_player([dialled], settings=ALONE)
    open_picture(page, PHOTO)
    dials = found(page)
    assert page.locator(".dials .camera").inner_text() == f"Camera: {describe(dials)}"
    assert dials == estimated(PHOTO)
    comes_to_show(page, pythons_at(dialled, PHOTO, dials))
    expect(page.get_by_role("slider", name="Denoise")).to_have_attribute(
        "aria-valuetext", f"{dials.noise:.2f}, automatic"
    )
    page.get_by_role("button", name="Stop").click()
    other = photo(120, 160, seed=8) // 2
    open_picture(page, other)
    comes_to_show(page, pythons_at(dialled, other, found(page)))
    assert found(page) == estimated(other) != dials


def test_sliders_take_the_dials_over_and_give_them_back(open_player: Open, dialled: Path) -> None:
    page = open_player([dialled], settings=ALONE)
    open_picture(page, PHOTO)
    dials = found(page)
    automatic = page.get_by_role("button", name="Automatic: Denoise")
    expect(automatic).to_have_attribute("aria-pressed", "true")
    slide(page, "Denoise", 0.9)
    slide(page, "Sharpen", 0.05)
    expect(automatic).to_have_attribute("aria-pressed", "false")
    by_hand = pythons_at(dialled, PHOTO, dials._replace(blur=0.05, noise=0.9))
    assert difference(by_hand, pythons_at(dialled, PHOTO, dials)) > 20
    comes_to_show(page, by_hand)
    expect(page.get_by_role("slider", name="Sharpen")).to_have_attribute("aria-valuetext", "0.05")
    page.wait_for_function("states.at(-1)?.settings.denoise === 0.9")  # the page remembers it
    automatic.click()
    expect(automatic).to_have_attribute("aria-pressed", "true")
    comes_to_show(page, pythons_at(dialled, PHOTO, dials._replace(blur=0.05)))
    page.get_by_role("slider", name="Denoise").press("ArrowRight")
    expect(automatic).to_have_attribute("aria-pressed", "false")


def test_strength_goes_from_bicubic_to_the_student(open_player: Open, unmeasured: Path) -> None:
    page = open_player([unmeasured], settings=ALONE)
    open_picture(page, PHOTO)
    full = pythons_at(unmeasured, PHOTO, Dials(*NEUTRAL))
    comes_to_show(page, full)
    slide(page, "Strength", 0)
    comes_to_show(page, BICUBIC)
    page.evaluate("player.session.window.clear()")
    page.wait_for_function("player.session.window.summary(performance.now()).parts.run < 0.5")  # no network runs
    slide(page, "Strength", 0.4)
    comes_to_show(page, blend(BICUBIC, full, 0.4))
    page.get_by_role("button", name="Pause").click()
    kept = snapshot(page)
    assert difference(kept["student.png"], blend(BICUBIC, full, 0.4)) <= 1  # what is shown is kept
    slide(page, "Strength", 0.8)
    comes_to_show(page, blend(BICUBIC, full, 0.8))
    slide(page, "Denoise", 1)
    comes_to_show(page, blend(BICUBIC, pythons_at(unmeasured, PHOTO, Dials(*NEUTRAL)._replace(noise=1)), 0.8))


def blend(bicubic: Frame, student: Frame, strength: float) -> Frame:
    return np.rint(bicubic + strength * (student.astype(np.float64) - bicubic)).astype(np.uint8)


@pytest.mark.slow  # by an emulated GPU
def test_webgpu_turns_and_blends_as_well(chromium_webgpu: Browser, tmp_path: Path) -> None:
    tiny = write_dialled(tmp_path / "tiny.onnx", geometry=TINY)
    bicubic = bicubics(PHOTO, GeometryParams(**TINY))
    with player_pages(chromium_webgpu, tmp_path) as open_player:
        page = open_player([tiny], settings=ALONE | {"engine": "webgpu"})
        open_picture(page, PHOTO)
        expect(page.locator(".figures")).to_contain_text("WebGPU")
        dials = found(page)
        comes_to_show(page, pythons_at(tiny, PHOTO, dials))
        slide(page, "Denoise", 0.9)
        by_hand = pythons_at(tiny, PHOTO, dials._replace(noise=0.9))
        comes_to_show(page, by_hand)
        slide(page, "Strength", 0.5)
        comes_to_show(page, blend(bicubic, by_hand, 0.5), levels=2)
        slide(page, "Strength", 0)
        comes_to_show(page, bicubic)
        page.get_by_role("button", name="Pause").click()
        assert difference(snapshot(page)["student.png"], bicubic) <= 1
        slide(page, "Strength", 1)
        comes_to_show(page, by_hand)


def test_a_student_of_format_1_runs_and_has_its_strength(open_player: Open, student: Path) -> None:
    page = open_player([student], settings=ALONE | {"denoise": 0.9})
    open_picture(page, PHOTO)
    comes_to_show(page, pythons(student, PHOTO))
    expect(page.get_by_role("slider", name="Denoise")).to_be_hidden()
    expect(page.locator(".dials .camera")).to_have_text("")
    slide(page, "Strength", 0)
    comes_to_show(page, BICUBIC)


def test_two_students_are_turned_alike(open_player: Open, dialled: Path, student: Path, tmp_path: Path) -> None:
    second = write_dialled(tmp_path / "second.onnx", seed=2)
    page = open_player([dialled, second, student], settings=WASM | {"view": "side", "compareWith": "second"})
    open_picture(page, PHOTO)
    dials = found(page)
    comes_to_show(page, np.hstack([pythons_at(second, PHOTO, dials), pythons_at(dialled, PHOTO, dials)]))
    page.locator("[data-name=compareWith]").select_option("first")  # a new engine: what was found stays found
    comes_to_show(page, np.hstack([pythons(student, PHOTO), pythons_at(dialled, PHOTO, found(page))]))


def test_black_and_tiny_pictures_stay_neutral(open_player: Open, dialled: Path) -> None:
    page = open_player([dialled], settings=ALONE)
    tiny = photo(40, 50)
    for frame in (np.zeros((120, 160, 3), np.uint8), np.full((120, 160, 3), 255, np.uint8), tiny):
        open_picture(page, frame)
        expect(page.locator(".dials .camera")).to_contain_text("shows too little to measure it")
        comes_to_show(page, pythons_at(dialled, frame, Dials(*NEUTRAL)))
        page.get_by_role("button", name="Stop").click()


def test_without_an_estimator_the_dials_are_neutral_until_they_are_set(open_player: Open, unmeasured: Path) -> None:
    page = open_player([unmeasured], settings=ALONE)
    open_picture(page, PHOTO)
    expect(page.locator(".dials .camera")).to_contain_text("does not measure the camera")
    slide(page, "Sharpen", 1)
    comes_to_show(page, pythons_at(unmeasured, PHOTO, Dials(*NEUTRAL)._replace(blur=1)))


def test_an_estimator_that_does_not_run_is_said_and_the_picture_runs(open_player: Open, tmp_path: Path) -> None:
    broken = write_dialled(tmp_path / "broken.onnx", estimator=estimator() | {"onnx": "AAAA"})
    page = open_player([broken], settings=ALONE)
    open_picture(page, PHOTO)
    expect(page.locator(".dials .camera")).to_contain_text("The camera cannot be measured here")
    comes_to_show(page, pythons_at(broken, PHOTO, Dials(*NEUTRAL)))


def test_dials_that_must_not_be_used_are_sentences(open_player: Open, tmp_path: Path) -> None:
    wrong = write_dialled(tmp_path / "wrong.onnx", dials={"names": ["blur"]})
    answer = pack_picture(photo(96, 128, seed=9))
    false = write_dialled(tmp_path / "false.onnx")
    content = false.read_text().replace(strong_of(false), answer["base64"])
    false.write_text(content)
    page = open_player([wrong, false], settings=WASM)
    page.get_by_role("button", name="Start the camera").click()
    assert "The dials in the contract of wrong are not valid (names must be" in refused(page)
    page.locator("[data-name=model]").select_option("false")
    page.evaluate("document.querySelector('.error').textContent = ''")
    page.get_by_role("button", name="Start the camera").click()
    assert "fails its known-answer test" in refused(page)


def strong_of(contract: Path) -> str:
    """The known answer at strong dials, as it is written."""
    strong = json.loads(contract.read_text())["golden"]["strong"]
    assert strong["dials"] == list(STRONG)
    return str(strong["output"]["base64"])


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_sliders_are_for_everybody(
    open_player: Open, dialled: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = open_player([dialled], settings=WASM)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    start_camera(page)
    found(page)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    widths = [page.get_by_role("slider", name=name).bounding_box() for name in SLIDERS]
    assert all(box and box["width"] > 90 for box in widths)
