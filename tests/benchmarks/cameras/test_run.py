"""The bench of cameras from its command line to its tables."""

import json
import shutil

import av
import cv2
import numpy as np
import pytest
from making import ROOT
from skimage.data import astronaut

from benchmarks.cameras.__main__ import main
from benchmarks.cameras.methods import Enlarging, Resize, doubled
from benchmarks.cameras.real import Moment
from benchmarks.cameras.scoring import MODES, material, score_family
from benchmarks.cameras.sheet import CUT_PX
from benchmarks.cameras.tables import report, worst_family, worst_sentence
from pipeline.families.families import Family

FAMILIES_ASKED = ["A_jpeg90", "C_sharpened"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the parameters, one bundled student, one without dials and two photographs."""
    (tmp_path / "weights/bundled").mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for file in (ROOT / "weights/bundled").glob("student_s*"):
        shutil.copy(file, tmp_path / "weights/bundled")
    shutil.copy(ROOT / "weights/bicubic/student_s.safetensors", tmp_path / "plain.safetensors")
    (tmp_path / "photos").mkdir()
    for name, left in (("face", 160), ("suit", 60)):
        cv2.imwrite(str(tmp_path / f"photos/{name}.png"), astronaut()[:100, left : left + 132, ::-1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clip(tmp_path):
    """Forty frames of noise over a still picture."""
    file, random = tmp_path / "clip.mp4", np.random.default_rng(0)
    picture = astronaut()[:96, 160:288].astype(float)
    with av.open(str(file), "w") as writer:
        stream = writer.add_stream("libx264", rate=30, options={"threads": "1"})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for _ in range(40):
            frame = np.clip(picture + random.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        writer.mux(stream.encode(None))
    return file


def test_it_scores_a_student_writes_figures_and_draws(here, clip, capsys):
    asked = ["--photos", "photos", "--methods", "student_s", "weights/bundled/student_s.safetensors"]
    asked += ["--families", *FAMILIES_ASKED, "--frames", "2", "--json", "cameras.json"]
    assert main([*asked, "--real", str(clip), "--sheet", "sheet.png"]) == 0
    printed = capsys.readouterr().out
    assert "student_s does worst on" in printed
    assert "| clip.mp4, halo | 0.00 |" in printed
    content = json.loads((here / "cameras.json").read_text())
    assert list(content["scores"]) == FAMILIES_ASKED
    assert content["photos"] == {"face": [100, 132, 3], "suit": [100, 132, 3]}
    exported, weights = (content["mean_gain_db"]["clip"][name] for name in asked[3:5])
    assert exported == pytest.approx(weights, abs=1e-3)  # one network, in two engines
    assert content["scores"]["A_jpeg90"]["clip"]["bicubic"]["brightness"] == 0
    assert content["real"]["clip.mp4"]["bicubic"]["halo"] == 0 < content["real"]["clip.mp4"]["student_s"]["halo"]
    assert 0 < content["real"]["clip.mp4"]["bicubic"]["flicker"] < 8
    assert cv2.imread("sheet.png").shape[1] == 4 * CUT_PX  # bicubic, the two, and the truth


def test_a_rerun_writes_the_same_bytes(here):
    asked = ["--photos", "photos", "--methods", "student_s", "--families", "H_light_h264", "call_vp9", "--frames", "2"]
    for name in ("one.json", "two.json"):
        assert main([*asked, "--json", name]) == 0
    assert (here / "one.json").read_bytes() == (here / "two.json").read_bytes()


def test_what_cannot_run_is_left_out_in_a_sentence(here, capsys):
    assert main(["--photos", "photos", "--families", "A_jpeg90", "--frames", "1"]) == 0
    printed = capsys.readouterr().out
    assert "original: left out. No weights/downloads/NAFSSR-L_4x.pth. Run" in printed
    assert "student_s does worst on A_jpeg90" in printed


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--photos", "nowhere"], "There is no folder nowhere."),
        (["--photos", "weights"], "weights holds no photograph."),
        (["--families", "Z"], 'No family "Z"; there are: clean_area, '),
        (["--methods", "student_x"], 'No method "student_x"; there are: bicubic, lanczos, student_s, '),
        (["--methods", "original"], "No weights/downloads/NAFSSR-L_4x.pth."),
        (["--methods", "weights/bundled/student_s.safetensors@2,0,0,0"], '"2,0,0,0" are not valid dials.'),
        (["--methods", "plain.safetensors@0,0,0,0"], "plain.safetensors has no dials."),
        (["--frames", "0"], "--frames is 0"),
        (["--at-most", "0"], "--at-most is 0"),
        (["--real", "nowhere.mp4"], "There is no clip nowhere.mp4."),
        (["--real", "params.yaml"], "params.yaml is not a video"),
        (["--real", "params.yaml", "params.yaml"], "Two clips are called params.yaml."),
        (["--sheet", "sheet.gif"], "A sheet cannot be written as .gif."),
    ],
)
def test_what_a_user_gets_wrong_is_one_sentence(here, capsys, asked, sentence):
    few = [*asked, "--methods", "lanczos"] if "--methods" not in asked else asked
    few = [*few, "--families", "A_jpeg90", "--frames", "1"] if not {"--families", "--frames"} & set(few) else few
    assert main(few if "--photos" in few else [*few, "--photos", "photos"]) == 1
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert sentence in complaint
    assert complaint.startswith("sharpcam: ")


def test_a_broken_photograph_is_one_sentence(here, capsys):
    (here / "photos/broken.jpg").write_bytes(b"no picture")
    assert main(["--photos", "photos", "--methods", "lanczos"]) == 1
    assert "broken.jpg is not a picture that can be read." in capsys.readouterr().err


class Brighter:
    """Bicubic, brighter by what the frames that it was shown tell: their number."""

    name = "brighter"

    def begin(self, frames):
        added = len(frames)
        return Enlarging(lambda frame: doubled(frame, kernel="bicubic") + np.uint8(added), (float(added),))


@pytest.fixture(scope="module")
def scores():
    dark = {name: astronaut()[:64, left : left + 64] // 2 for name, left in (("face", 180), ("suit", 60))}
    families = {"one": Family(), "two": Family(noise=30)}
    methods = [Resize("bicubic"), Resize("lanczos"), Brighter()]
    return {
        name: score_family(material(name, family, dark, frames=3), methods, lambda: None)
        for name, family in families.items()
    }


def test_a_method_sees_the_whole_clip_or_the_picture_alone(scores):
    found = {mode: scores["one"][mode]["brighter"] for mode in MODES}
    assert {one.dials for one in found["clip"].pictures.values()} == {(6.0,)}
    assert {one.dials for one in found["single"].pictures.values()} == {(1.0,)}
    assert (found["clip"].brightness, found["single"].brightness) == (pytest.approx(6), pytest.approx(1))
    assert "### Frames of one clip\n" in report(scores)
    assert "### Lone pictures\n" in report(scores)


def test_bicubic_gains_nothing_anywhere(scores):
    for modes in scores.values():
        for found in modes.values():
            assert (found["bicubic"].brightness, found["bicubic"].halo) == (0, 0)
    copied = {
        name: {mode: {**of, "copy": of["bicubic"]} for mode, of in modes.items()} for name, modes in scores.items()
    }
    sentence = worst_sentence(copied, "clip", "copy")
    assert "0.00 dB above bicubic; it is below bicubic in 0 of 2 families, and +0.00 dB" in sentence


def test_the_worst_family_is_named(scores):
    assert worst_family(scores, "clip", "lanczos") == "two"  # it keeps more of the noise
    assert "lanczos does worst on two, " in report(scores)
    assert worst_family(scores, "clip", "brighter") == "one"  # where the rest of the error is small


def test_flicker_is_that_of_still_scenes(scores):
    assert scores["one"]["clip"]["bicubic"].flicker == 0
    assert scores["two"]["clip"]["lanczos"].flicker > scores["two"]["clip"]["bicubic"].flicker > 5


def test_what_moved_is_not_still():
    frames = [np.full((64, 64, 3), 100, np.uint8) for _ in range(5)]
    frames[4][:32] = 200
    still = Moment(frames).still
    assert still.shape == (128, 128)
    assert still[80:].all()
    assert not still[:60].any()
