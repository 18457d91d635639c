"""In a real Chromium: pictures under the divider, an upload, a changed parameter."""

import re

from dashboards import loaded
from making import ROOT, make_video, photo, until
from playwright.sync_api import expect

from app.data.clips import all_clips
from pipeline.core.params import load_params

NARROW = {"width": 390, "height": 800}


def test_pictures_are_compared_a_video_is_uploaded_and_a_parameter_is_changed(recorded, dashboard, page, tmp_path):
    (recorded.root / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    address = dashboard(recorded)
    page.goto(f"{address}/data")
    compare(page)
    upload(page, recorded, tmp_path)
    change(page, address, recorded)


def compare(page):
    divider, zoom = page.locator(".divider"), page.locator("output.zoom")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    drag(page, divider, 150)
    right = int(divider.get_attribute("aria-valuenow"))
    assert right > 55
    divider.press("ArrowLeft")
    expect(divider).to_have_attribute("aria-valuenow", str(right - 2))
    page.get_by_role("button", name="Zoom in").click(click_count=5)
    expect(zoom).to_have_text(re.compile(r"^3(\.\d)?\D"))
    pictures = page.locator(".layer img")
    expect(pictures).to_have_count(2)
    until(lambda: loaded(pictures))
    same = {picture.get_attribute("style") for picture in pictures.all()}
    drag(page, page.locator(".view"), 60)
    moved = {picture.get_attribute("style") for picture in pictures.all()}
    assert len(same) == len(moved) == 1  # zoom and position are those of both
    assert same != moved
    page.get_by_role("slider", name="Frame").press("ArrowRight")
    page.wait_for_timeout(500)
    expect(zoom).to_have_text(re.compile(r"^3(\.\d)?\D"))  # stays with the next frame
    page.get_by_role("button", name="Grid").click()
    expect(page.locator(".view")).to_have_count(3)
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1400, "height": 1000})


def drag(page, element, pixels):
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + pixels, y, steps=3)
    page.mouse.up()


def upload(page, project, tmp_path):
    video = make_video(tmp_path / "desk.mkv", [photo(60, 80, seed=seed) for seed in range(3)])
    text = tmp_path / "words.mp4"
    text.write_text("no video")
    page.get_by_role("radio", name="Add a clip").or_(page.get_by_role("button", name="Add a clip")).first.click()
    name = page.get_by_role("textbox", name="Name of the clip")
    name.fill("desk")
    name.press("Enter")
    chooser = page.locator("input[type=file]")
    chooser.set_input_files(text)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("words.mp4 is not a video that can be decoded")).to_be_visible()
    page.get_by_role("button", name="Remove words.mp4").click()
    expect(page.get_by_text("1 files, ")).to_have_count(0)
    chooser.set_input_files(video)
    expect(page.get_by_text("1 files, ")).to_be_visible()
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text(re.compile("^Recording "))).to_be_visible()
    until(lambda: "desk" in [clip.name for clip in all_clips(project.paths)])
    clip = next(clip for clip in all_clips(project.paths) if clip.name == "desk")
    assert (clip.waiting, len(clip.frames)) == (True, 3)


def change(page, address, project):
    page.goto(f"{address}/parameters")
    page.get_by_role("tab", name="split").click()
    field = page.get_by_role("spinbutton", name="Gap (frames)")
    field.fill("5")
    field.press("Enter")
    expect(page.get_by_text("Not saved yet:")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    until(lambda: load_params(project.paths.params).split.gap_frames == 5)
    expect(page.get_by_text("Not saved yet:")).to_have_count(0)
