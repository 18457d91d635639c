"""From a first look to a student of one's own camera, pressed through in a real Chromium, with pictures of each step.

python -m benchmarks.story [-o docs/story] [--small]

It begins with a fresh copy of the working tree. The camera is a file: the clip that comes with sharpcam.
"""

import argparse
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from app.parameters.file import with_values
from benchmarks.dashboard import ROOT, dashboard, make_project
from benchmarks.player_site import write_camera

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SMALL_CAMERA, FULL_CAMERA = (320, 240), (640, 480)
SMALL = {  # the whole way in minutes; what it gives need not be good
    "geometry.width": 640,
    "geometry.height": 512,
    "train.epochs": 2,
    "train.crops_per_epoch": 160,
    "train.learning_rate": 0.0002,
    "teacher.chain": "classical",
    "export.calibration_frames": 4,
    "evaluate.speed_runs": 3,
}
WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
SHOWN_PX = {"": 1000, "-phone": 390}  # the width of a kept picture
MOST_BYTES = 120_000
SOON_MS, PATIENT_MS, LONG_MS = 60_000, 300_000, 3_600_000  # on a busy machine
Show = Callable[[str], None]


def prepare(folder: Path, *, small: bool) -> None:
    """A fresh project in `folder`, with the live page's engines, which are not in git."""
    make_project(folder)
    (folder / "app" / "static").symlink_to(ROOT / "app" / "static")
    if small:
        params = folder / "params.yaml"
        params.write_text(with_values(params.read_text(), {key: str(value) for key, value in SMALL.items()}))


def tell(page: Page, address: str, show: Show) -> None:
    """Press through all of it; `show` is called at each step with its name."""
    page.set_default_timeout(SOON_MS)
    expect.set_options(timeout=SOON_MS)
    see(page, address, show)
    ask(page, show)
    record(page, show)
    wait_and_look(page, show)
    compare_and_keep(page, show)
    use(page, address, show)


def see(page: Page, address: str, show: Show) -> None:
    """Home with its picture, then Live on the camera."""
    page.goto(address)
    loaded(page, ".view img")
    show("1-home")
    press(page, "Try it on your camera")
    expect(page.locator(".figures div").first).to_be_attached()  # the sample plays at once
    start_camera(page)
    page.get_by_role("button", name="Best", exact=True).click()  # a full picture, however slow the machine is
    show("2-live")


def ask(page: Page, show: Show) -> None:
    """What a student of one's own will cost."""
    press(page, "Make it mine")
    expect(page.get_by_text("It will take about")).to_be_visible(timeout=PATIENT_MS)
    show("3-cost")


def record(page: Page, show: Show) -> None:
    """Two clips, agreed to before."""
    page.locator(".mine").get_by_label("I agree").check()
    press(page, "Record and train")
    expect(page.get_by_text(re.compile(r"Clip 1 of 2: \d\d of"))).to_be_visible()
    show("4-record")
    expect(page.get_by_text("Your camera is being learned")).to_be_visible(timeout=PATIENT_MS)


def wait_and_look(page: Page, show: Show) -> None:
    """The clips are on Data at once; the run goes on meanwhile, and Live shows it."""
    page.get_by_role("link", name="See your clips").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Data")
    loaded(page, ".layer img, .view img")
    show("5-data")
    page.get_by_role("link", name="Live").click()
    expect(page.get_by_text("Your camera is being learned")).to_be_visible()
    start_camera(page)
    expect(page.get_by_text("teacher:").first).to_be_visible(timeout=PATIENT_MS)
    show("6-learn")


def compare_and_keep(page: Page, show: Show) -> None:
    """Before | after on the same camera, which was on all the time."""
    expect(page.get_by_text("Your student is ready")).to_be_visible(timeout=LONG_MS)
    expect(page.locator(".tag.left")).to_have_text("Before")
    expect(page.locator(".tag.right")).to_have_text("After")
    expect(page.locator(".figures div").first).to_be_attached()
    show("7-compare")
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("It is yours")).to_be_visible()
    expect(page.locator(".tag.right")).to_contain_text("Champion")
    expect(page.get_by_role("button", name="Start the camera")).to_be_hidden()  # it was on all the time
    show("8-kept")


def use(page: Page, address: str, show: Show) -> None:
    """A photograph through it; and Home, where every step is ticked."""
    page.get_by_role("link", name="Enhance pictures and videos with it").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "desk.png", "mimeType": "image/png", "buffer": photograph()}
    )
    page.get_by_role("button", name="Enhance", exact=True).click()
    expect(page.locator(".divider")).to_be_visible(timeout=PATIENT_MS)
    loaded(page, ".layer img")
    show("9-enhance")
    page.goto(address)
    loaded(page, ".view img")
    expect(page.get_by_text("Everything is up to date")).to_be_visible()
    show("10-home")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def start_camera(page: Page) -> None:
    """Start it, and wait until the figures are those of its frames."""
    press(page, "Start the camera")
    expect(page.get_by_role("button", name="Start the camera")).to_be_hidden()
    expect(page.locator(".figures div").first).to_be_attached()


def loaded(page: Page, pictures: str) -> None:
    """Wait until all of these pictures have come."""
    page.locator(pictures).first.wait_for()
    for picture in page.locator(pictures).all():
        expect(picture).to_have_js_property("complete", True)


def photograph() -> bytes:
    """A frame of the camera as PNG."""
    ended, frame = cv2.VideoCapture(str(ROOT / "data/demo/box.mp4")).read()
    assert ended, "the demo's clip cannot be read"
    return bytes(cv2.imencode(".png", cv2.resize(frame, FULL_CAMERA, interpolation=cv2.INTER_AREA))[1])


def photographer(page: Page, folder: Path) -> Show:
    """Keep what the page shows, wide and as on a phone, as small JPEG files."""
    folder.mkdir(parents=True, exist_ok=True)

    def show(name: str) -> None:
        for suffix, size in {"": WIDE, "-phone": PHONE}.items():
            page.set_viewport_size(size)
            page.get_by_test_id("stMain").evaluate("page => page.scrollTo(0, 0)")
            page.wait_for_timeout(1500)  # until it has settled in its new width
            page.mouse.move(size["width"] // 2, size["height"] // 2)  # what fades is seen
            (folder / f"{name}{suffix}.jpg").write_bytes(small_jpeg(page.screenshot(), SHOWN_PX[suffix]))
        page.set_viewport_size(WIDE)
        page.wait_for_timeout(500)

    return show


def small_jpeg(png: bytes, width: int) -> bytes:
    """A picture of that width in at most MOST_BYTES."""
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height = round(picture.shape[0] * width / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    for quality in range(90, 20, -5):
        data = bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
        if len(data) <= MOST_BYTES:
            break
    return data


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.story", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "story", metavar="FOLDER")
    parser.add_argument(
        "--small", action="store_true", help="small frames and a short training: minutes, not a quarter of an hour"
    )
    asked = parser.parse_args()
    output = asked.output.resolve()
    with TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary) / "project"
        folder.mkdir()
        prepare(folder, small=asked.small)
        camera = write_camera(
            Path(temporary) / "camera.y4m", size=SMALL_CAMERA if asked.small else FULL_CAMERA, frames=60
        )
        flags = ["--no-sandbox", *CAMERA, f"--use-file-for-fake-video-capture={camera}"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        with dashboard(folder) as address:
            page = visitor(browser)
            tell(page, address.replace("127.0.0.1", "localhost"), photographer(page, output))
        browser.close()
    print(f"wrote {output}")


def visitor(browser: Browser) -> Page:
    """A page of a new visitor who lets the camera be used."""
    return browser.new_context(viewport=WIDE, permissions=["camera"]).new_page()


if __name__ == "__main__":
    main()
