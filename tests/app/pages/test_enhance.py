"""The page Enhance: files dropped become a job of the same command, and what it made is shown and taken home."""

import io
import shutil
import zipfile
from typing import Any

import numpy as np
import pytest
from dialled import estimated, write_dialled
from making import ROOT, Project, photo
from PIL import Image
from small_pipeline import ended
from streamlit.testing.v1 import AppTest

from app.apart import apart
from app.enhance.calls import Call, _safe, as_zip, calls, receive
from app.jobs import jobs
from pipeline.core.geometry import Frame, resize
from pipeline.core.paths import Paths
from pipeline.enhance.command_line import arguments_of
from pipeline.enhance.encoding import CODECS, PRESETS
from pipeline.enhance.images.picture import Picture
from pipeline.enhance.images.read import picture_size
from pipeline.enhance.images.write import BEST_QUALITY, write_picture
from pipeline.student.dials import describe
from pipeline.student.engines import ENGINES, REFERENCE

PAGE = ROOT / "app/pages/enhance.py"


def run_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=90).run()
    assert not page.exception
    return page


def png(seed: int = 0, *, size: tuple[int, int] = (20, 30)) -> bytes:
    packed = io.BytesIO()
    Image.fromarray(photo(*size, seed=seed)).save(packed, format="PNG")
    return packed.getvalue()


def jpeg() -> bytes:
    packed = io.BytesIO()
    Image.fromarray(photo(20, 30)).save(packed, format="JPEG")
    return packed.getvalue()


class Given:
    """What Streamlit's uploader gives."""

    def __init__(self, name: str) -> None:
        self.name, self.size = name, 1

    def getbuffer(self) -> memoryview:
        return memoryview(b"1")


def test_without_a_student_it_says_what_to_do(project: Project):
    assert "There is no student yet" in run_page().info[0].value


def test_dropped_files_become_a_job_and_come_back_enhanced(trained: Project):
    page = run_page()
    assert page.button("enhance").disabled
    dropped = [("a.png", png(), "image/png"), ("b.webp", png(1), "image/webp"), ("c.png", png()[:200], "image/png")]
    page.file_uploader[0].set_value(dropped)
    page.run()
    page.button("enhance").click().run()
    assert not page.exception
    (job,) = jobs(trained.paths)
    assert ended(job, trained.paths).status == 1  # c.png
    page.run()
    assert not page.exception
    assert "c.png: c.png is not a picture" in page.error[0].value
    (call,) = calls(trained.paths)
    assert set(call.pairs()) == {"a.png", "b.webp"}
    for given, made in call.pairs().values():
        assert picture_size(made) == (60, 40)
        assert given.parent != made.parent
    with zipfile.ZipFile(io.BytesIO(as_zip(call))) as archive:
        assert set(archive.namelist()) == {"a.png", "b.webp", "enhance.csv"}
        assert archive.testzip() is None
    assert [button.label for button in page.download_button] == ["Download a.png", "Download all"]
    assert "1 of 3 files failed" in job.tail()
    page.button("remove").click().run()
    assert calls(trained.paths) == []


def test_two_models_beside_each_other_give_a_table(trained: Project):
    page = run_page()
    page.file_uploader[0].set_value([("a.png", png(), "image/png")])
    box(page, "Compare with").set_value("bicubic")
    page.run()
    page.button("enhance").click().run()
    (job,) = jobs(trained.paths)
    assert ended(job, trained.paths).status == 0
    page.run()
    assert list(page.dataframe[0].value["method"]) == ["bicubic", "student"]
    (call,) = calls(trained.paths)
    assert picture_size(call.made / "a.png") == (120, 40)


@pytest.mark.usefixtures("with_database")
def test_sliders_begin_automatic_and_what_was_found_stands_next_to_the_picture(project: Project):
    write_dialled(project.paths.bundled / "student_s.onnx")
    page = run_page()
    assert {slider.label: slider.value for slider in page.slider} == {"Strength": 1.0, "Calm": 1.0}
    assert {slider.label: slider.value for slider in page.select_slider} == dict.fromkeys(
        ("Denoise", "Sharpen"), "Automatic"
    )
    dropped = png(size=(100, 120))
    page.file_uploader[0].set_value([("a.png", dropped, "image/png")])
    box(page, "Engine").set_value(REFERENCE)
    assert camera_shown(page) == f"Camera: {describe(estimated(pixels(dropped)))}"
    page.slider[0].set_value(0.5)
    page.slider[1].set_value(0.25)
    page.select_slider[0].set_value(0.9)
    page.select_slider[1].set_value(0.0)
    shown = camera_shown(page)
    shown = camera_shown(page)
    asked = arguments_of(list(calls(project.paths)[0].job.arguments))
    assert (asked.strength, asked.calm, asked.denoise, asked.sharpen) == (0.5, 0.25, 0.9, 0.0)
    assert "very noisy" in shown
    assert "(blur 0.00, noise 0.90, " in shown
    page.slider[0].set_value(0.0)
    assert camera_shown(page) is None  # bicubic asks no camera
    assert difference_of(calls(project.paths)[0], "a.png", dropped) == 0


def camera_shown(page: AppTest) -> str | None:
    """Have the files enhanced, and give what the page then says of the camera."""
    page.run()
    page.button("enhance").click().run()
    (job, *_) = jobs(Paths())
    assert ended(job, Paths()).status == 0, job.tail()
    page.run()
    assert not page.exception
    return next((caption.value for caption in page.caption if caption.value.startswith("Camera")), None)


def pixels(packed: bytes) -> Frame:
    with Image.open(io.BytesIO(packed)) as picture:
        return np.asarray(picture.convert("RGB"))


def difference_of(call: Call, name: str, given: bytes) -> int:
    """The largest difference of what was made to OpenCV's bicubic."""
    frame = pixels(given)
    bicubic = resize(frame, size=(2 * frame.shape[1], 2 * frame.shape[0]), kernel="bicubic")
    return int(np.abs(bicubic.astype(np.int16) - pixels((call.made / name).read_bytes())).max())


def box(page: AppTest, label: str) -> Any:
    """The one field of that name."""
    (found,) = (each for each in [*page.selectbox, *page.number_input] if each.label == label)
    return found


def test_what_is_chosen_under_options_is_what_the_command_is_given(trained: Project):
    page = run_page()
    assert [each.label for each in page.expander] == ["Options"]
    page.file_uploader[0].set_value([("a.jpg", jpeg(), "image/jpeg")])
    page.run()
    page.button("enhance").click().run()
    (usual,) = jobs(trained.paths)
    asked = arguments_of(list(usual.arguments))
    assert asked == arguments_of([asked.input, "-o", asked.output, "--model", asked.model])  # nothing besides
    assert ended(usual, trained.paths).status == 0
    page.run()
    chosen = {"Engine": REFERENCE, "Threads": 1, "Codec of videos": "vp9", "Preset of videos": "fast", "Quality": 30}
    for label, value in chosen.items():
        box(page, label).set_value(value)
    page.run()
    page.button("enhance").click().run()
    assert not page.exception
    latest = calls(trained.paths)[0]
    asked = arguments_of(list(latest.job.arguments))
    assert [asked.engine, asked.threads, asked.codec, asked.preset, asked.quality] == list(chosen.values())
    assert ended(latest.job, trained.paths).status == 0
    assert f"engine: {REFERENCE}, 1 threads" in latest.job.tail()
    smaller, larger = (int(call.rows()[0]["enhanced_bytes"]) for call in calls(trained.paths))
    assert smaller < larger  # by its quality


def test_a_preset_moves_the_sliders_and_another_one_moves_them_back(trained: Project):
    page = run_page()
    page.button("look-Bad light").click().run()
    assert [slider.value for slider in page.select_slider] == [0.8, "Automatic"]
    page.button("look-Gentle").click().run()
    assert [slider.value for slider in page.select_slider] == ["Automatic", "Automatic"]
    assert page.slider[0].value == 0.5


def test_without_a_file_an_example_is_enhanced(trained: Project):
    shutil.copytree(ROOT / "data/demo", trained.root / "data/demo")
    page = run_page()
    page.button("example").click().run()
    assert not page.exception
    (job,) = jobs(trained.paths)
    assert ended(job, trained.paths).status == 0, job.tail()
    assert list(calls(trained.paths)[0].pairs()) == ["example.png"]


def test_options_offer_what_the_command_takes(trained: Project):
    page = run_page()
    offered = {label: box(page, label).options for label in ("Engine", "Codec of videos", "Preset of videos")}
    assert offered == {
        "Engine": list(ENGINES),
        "Codec of videos": list(CODECS),
        "Preset of videos": list(PRESETS),
    }
    assert box(page, "Quality").max == BEST_QUALITY


def test_the_same_name_twice_and_too_much_are_sentences(trained: Project):
    page = run_page()
    page.file_uploader[0].set_value([("a.png", png(), "image/png"), ("A.png", png(1), "image/png")])
    page.run()
    page.button("enhance").click().run()
    assert "the same name" in page.error[0].value
    assert jobs(trained.paths) == []


def test_names_that_differ_in_their_format_are_two(project: Project):
    def given(*names: str) -> list[Given]:
        return [Given(name) for name in names]

    folder = receive(given("a.png", "a.jpg", "a.avi"), project.paths, limit_bytes=100)
    assert len(list((folder / "in").iterdir())) == 3
    for made in ("a.png", "a.jpg", "a.mkv"):
        (folder / "out").mkdir(exist_ok=True)
        (folder / "out" / made).touch()
    (folder / "out/enhance.csv").write_text(
        "file,status,made\na.png,done,a.png\na.jpg,done,a.jpg\na.avi,done,a.mkv\nb.png,failed,\n"
    )
    pairs = Call(job=None, folder=folder).pairs()
    assert {name: made.name for name, (_, made) in pairs.items()} == {
        "a.avi": "a.mkv",
        "a.jpg": "a.jpg",
        "a.png": "a.png",
    }


@pytest.mark.parametrize(
    ("name", "kept"), [("../../a.png", "a.png"), (".hidden.png", "hidden.png"), ("Grüße 1.png", "Grüße 1.png")]
)
def test_a_name_leads_nowhere_else(name, kept):
    assert _safe(name) == kept


def test_a_preview_is_upright_and_small_enough(tmp_path):
    told = Image.Exif()
    told[0x0112] = 6
    write_picture(tmp_path / "a.tif", Picture(photo(400, 1800).astype(np.uint16) * 257, exif=told.tobytes()))
    with Image.open(io.BytesIO(apart("preview", tmp_path / "a.tif"))) as shown:
        assert shown.size == (round(1600 * 400 / 1800), 1600)
