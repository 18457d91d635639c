"""In a real Chromium: pictures and a video are dropped, enhanced, compared and taken home."""

import zipfile

from dashboards import loaded
from making import make_video, photo, until
from PIL import Image
from playwright.sync_api import expect

NARROW = {"width": 390, "height": 800}


def test_files_are_dropped_enhanced_compared_and_taken_home(trained, dashboard, page, tmp_path):
    Image.fromarray(photo(120, 160)).save(tmp_path / "a.png")
    Image.fromarray(photo(90, 120, seed=1)).save(tmp_path / "b.jpg")
    make_video(tmp_path / "c.mp4", [photo(48, 64, seed=seed) for seed in range(5)], codec="libx264")
    page.goto(f"{dashboard(trained)}/enhance")
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in ("a.png", "b.jpg", "c.mp4")])
    button = page.get_by_role("button", name="Enhance", exact=True)
    expect(button).to_be_enabled()
    button.click()
    expect(page.locator(".divider")).to_be_visible()
    pictures = page.locator(".layer img")
    expect(pictures).to_have_count(2)
    until(lambda: loaded(pictures))
    assert {picture.evaluate("one => one.naturalWidth") for picture in pictures.all()} == {160, 320}
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download a.png").click()
    with Image.open(taken.value.path()) as picture:
        assert picture.size == (320, 240)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download all").click()
    with zipfile.ZipFile(taken.value.path()) as archive:
        assert set(archive.namelist()) == {"a.png", "b.jpg", "c.mp4", "enhance.csv"}
    page.reload()
    expect(page.locator(".divider")).to_be_visible()  # the call outlives the visit
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
