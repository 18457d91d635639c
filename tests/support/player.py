"""What the tests of the live page's player stand on: tiny students, a page that runs one, and its pixels."""

import base64
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from making import photo
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Browser, FilePayload, Page, expect

from app.isolation import ISOLATION
from benchmarks.player_site import build_site, served
from pipeline.core.frames import encode_frame
from pipeline.core.geometry import Frame, enlarge, fit, kept
from pipeline.core.hashing import sha256
from pipeline.core.params import GeometryParams
from pipeline.export.build import to_onnx
from pipeline.student.contract import pack_picture
from pipeline.student.engines import REFERENCE, to_batch, to_frame
from pipeline.student.runtime import load_student
from pipeline.student.student import Student
from training.models import MODELS

ANSWER_MS = 60_000  # on a busy machine
WIDE = {"width": 1400, "height": 1000}
SMALL = {"width": 320, "height": 256, "scale": 2, "fit": "crop"}
WASM = {"engine": "wasm", "inputSize": "1", "threads": 2, "mirror": "off"}
ALONE = WASM | {"view": "single"}
PHOTO = photo(120, 160, seed=4)
GEOMETRY = GeometryParams(**SMALL)
PIXELS = """() => {
    const shown = document.querySelector(".screen canvas");
    const copy = new OffscreenCanvas(shown.width, shown.height).getContext("2d", { alpha: false });
    copy.drawImage(shown, 0, 0);
    const { data } = copy.getImageData(0, 0, shown.width, shown.height);
    let text = "";
    for (let i = 0; i < data.length; i += 32768) text += String.fromCharCode(...data.subarray(i, i + 32768));
    return [shown.width, shown.height, btoa(text)];
}"""


def random_student(*, seed: int) -> bytes:
    """A student_s as ONNX that changes its picture visibly, untrained."""
    torch.manual_seed(seed)
    model = MODELS["student_s"]()
    with torch.no_grad():
        model.tail.weight.normal_(std=0.02)
    return to_onnx(model, opset=20)


def write_student(onnx_file: Path, data: bytes, *, geometry: dict[str, Any] = SMALL, **changes: Any) -> Path:
    """The ONNX file and its contract beside it, with the answer that ONNX Runtime gives, and `changes`."""
    onnx_file.parent.mkdir(parents=True, exist_ok=True)
    onnx_file.write_bytes(data)
    tensor = {"layout": "NCHW", "type": "float32", "channels": "RGB", "range": [0, 1]}
    known = {
        "format": 1,
        "model": "student_s",
        "scale": 2,
        "multiple_of": 2,
        "input": {"name": "frame", **tensor},
        "output": {"name": "picture", **tensor, "clamped": False},
        "geometry": geometry,
        "files": {onnx_file.name: sha256(onnx_file)},
        "golden": golden(data) if "golden" not in changes else None,
    }
    contract = onnx_file.with_suffix(".json")
    contract.write_text(json.dumps(known | changes))
    return contract


def golden(data: bytes) -> dict[str, Any]:
    """A small picture, and what ONNX Runtime makes of it."""
    frame = photo(48, 64, seed=1)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    answer = to_frame(session.run(None, {"frame": to_batch(frame)})[0])
    return {"input": pack_picture(frame), "output": pack_picture(answer)}


def pythons(contract: Path, frame: Frame) -> Frame:
    """What ONNX Runtime in Python makes of a camera's frame, in its own shape."""
    return in_own_shape(load_student(contract, engine=REFERENCE, threads=1), frame)


def in_own_shape(student: Student, frame: Frame) -> Frame:
    return student.running.enhance(fit(frame, geometry=own_geometry(frame, student.geometry)))


def bicubics(frame: Frame, geometry: GeometryParams | None = None) -> Frame:
    """The frame in its own shape, at the size that the student gives."""
    return enlarge(frame, geometry=own_geometry(frame, geometry or GEOMETRY), kernel="bicubic")


def own_geometry(frame: Frame, geometry: GeometryParams) -> GeometryParams:
    return kept(geometry, width=frame.shape[1], height=frame.shape[0])


Open = Callable[..., Page]


@contextmanager
def player_pages(browser: Browser, folder: Path) -> Iterator[Open]:
    """`open([contract, ...], settings..., options=...)` gives a page with a player, served with the two headers."""
    context = browser.new_context(viewport=WIDE, permissions=["camera"], accept_downloads=True)
    context.set_default_timeout(ANSWER_MS)
    expect.set_options(timeout=ANSWER_MS)
    count = iter(range(99))
    servers: list[Any] = []

    def start(contracts: list[Path], *, headers: dict[str, str] = ISOLATION, host: str = "", **options: Any) -> Page:
        site = build_site(folder / f"site-{next(count)}", contracts, **options)
        server = served(site, headers=headers)
        address = server.__enter__()
        servers.append(server)
        page = context.new_page()
        page.add_init_script(KEEP_STREAMS)
        page.goto(address.replace("localhost", host or "localhost"))
        return page

    try:
        yield start
    finally:
        context.close()
        for server in servers:
            server.__exit__(None, None, None)


KEEP_STREAMS = """
window.streams = [];
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (ask) navigator.mediaDevices.getUserMedia = async (wish) => {
    streams.push(await ask(wish));
    return streams.at(-1);
};
"""


def start_camera(page: Page) -> None:
    """Start it, and wait until frames come."""
    page.get_by_role("button", name="Start the camera").click()
    frames_come(page)


def open_picture(page: Page, frame: Frame) -> None:
    """Have the page play a photograph, and wait until it is shown."""
    open_file(page, "photo.png", "image/png", encode_frame(frame))
    frames_come(page)


def open_file(page: Page, name: str, mime: str, data: bytes) -> None:
    page.locator("input[type=file]").set_input_files(FilePayload(name=name, mimeType=mime, buffer=data))


def frames_come(page: Page) -> None:
    """Wait for the figures of a frame; fail at once with what the page says instead."""
    page.locator(".figures div, .error:not(:empty)").first.wait_for(state="attached")
    assert not said(page), said(page)


def said(page: Page) -> str:
    """The error that the page shows."""
    return page.locator(".error").inner_text()


def refused(page: Page) -> str:
    """The error, once there is one."""
    page.wait_for_function("document.querySelector('.error').textContent")
    return said(page)


def shown(page: Page) -> Frame:
    """The pixels on the canvas, (H, W, 3) uint8."""
    width, height, data = page.evaluate(PIXELS)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]


def snapshot(page: Page) -> dict[str, Frame]:
    """The three pictures of a snapshot by the names of their files, of a paused player."""
    page.get_by_role("button", name="Snapshot").click()
    links = page.locator(".kept a")
    expect(links).to_have_count(3)
    return {link.get_attribute("download").split("-")[-1]: _downloaded(link) for link in links.all()}  # type: ignore[union-attr]


def _downloaded(link: Any) -> Frame:
    with link.page.expect_download() as download:
        link.click()
    picture = cv2.imread(str(download.value.path()), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return picture


def difference(one: Frame, other: Frame) -> int:
    """The largest one in grey levels; all of them between pictures of other shapes, as a page may show for a moment."""
    if one.shape != other.shape:
        return 255
    return int(np.abs(one.astype(np.int16) - other).max())


def resized(contract: Path, name: str, width: int, height: int) -> Path:
    """The contract of the same student for another target."""
    content = json.loads(contract.read_text()) | {"geometry": SMALL | {"width": width, "height": height}}
    contract.with_name(f"{name}.json").write_text(json.dumps(content))
    return contract.with_name(f"{name}.json")


def open_picture_anew(page: Page) -> None:
    page.evaluate("document.querySelector('.error').textContent = ''")
    open_picture(page, PHOTO)


def start_camera_again(page: Page) -> None:
    page.evaluate("document.querySelector('.error').textContent = ''")
    page.get_by_role("button", name="Start the camera").click()


def downloaded(page: Page, title: str) -> Frame:
    """The picture that a snapshot offers under that title."""
    with page.expect_download() as download:
        page.get_by_role("link", name=title, exact=True).click()
    picture = cv2.imread(str(download.value.path()), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return picture


def shows(page: Page, picture: Frame) -> bool:
    """Whether the canvas shows it; a new engine's canvas has no size yet."""
    found = shown(page)
    return found.shape == picture.shape and difference(found, picture) <= 1


def constant_model(value: float, *, scale: int = 2) -> bytes:
    """A network of the right shape that multiplies its picture by `value`."""
    nodes = [
        helper.make_node("Resize", ["frame", "", "scales"], ["large"], mode="nearest"),
        helper.make_node("Mul", ["large", "value"], ["picture"]),
    ]
    return model_of(
        nodes,
        numpy_helper.from_array(np.array([1, 1, scale, scale], np.float32), "scales"),
        numpy_helper.from_array(np.array(value, np.float32), "value"),
    )


def model_of(nodes: list[onnx.NodeProto], *initializers: TensorProto) -> bytes:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, None, None]) for n in ("frame", "picture")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], list(initializers))
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("sharpcam.test", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def with_sample(open_player: Open, student: Path, clip: Path, *, settings: dict[str, Any] = WASM) -> Page:
    """A player that has a sample: the clip itself as an address, since the test's site has no place for it."""
    url = "data:video/webm;base64," + b64encode(clip.read_bytes()).decode()
    return open_player([student], settings=settings, sample={"url": url, "title": "Sample"})
