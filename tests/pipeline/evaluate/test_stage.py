"""Known pictures give known numbers, and the verdict says also what is unwelcome."""

import math
import shutil

import numpy as np
import pytest
from making import make_clip, photo
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipeline.core.clips import find_clips, find_frames
from pipeline.core.errors import SharpcamError
from pipeline.core.files import read_json, write_json
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import enlarge
from pipeline.core.progress import PROGRESS_FILE
from pipeline.evaluate.gate import as_table, cameras_as_table, gate, verdict
from pipeline.evaluate.samples import side_by_side
from pipeline.evaluate.scores import View, data_sha256, flicker, means, measure_clips, score
from pipeline.evaluate.speed import speed
from pipeline.evaluate.stage import by_camera, evaluate, load_students, timed, validation_places
from pipeline.student.runtime import load_student
from pipeline.tracking.client import mlflow_client
from pipeline.tracking.experiment import EXPERIMENT
from pipeline.tracking.figures import flatten

SAME_AS_TORCH = {"largest_difference_to_torch": 1e-6}  # as a contract says it
LUMA = np.array([0.299, 0.587, 0.114])
LIKE_WANG = {"data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}


@pytest.fixture(scope="module")
def student(trained_once):
    return load_student(trained_once.paths.contract, engine="onnxruntime-fp32", threads=1)


@pytest.fixture(scope="module")
def evaluation(trained_once):
    return read_json(trained_once.paths.evaluation, made_by="evaluate")


def flat(level, *, height=128, width=160):
    return np.full((height, width, 3), level, np.uint8)


def decibels(difference):
    return 20 * math.log10(255 / difference)


def test_known_pictures_give_known_numbers(project, student):
    make_clip(project.paths, "a", [flat(110, height=60, width=80)] * 2)
    for index, level in enumerate((100, 105)):
        write_frame(project.paths.teacher / "a" / f"{index:06d}.png", flat(level))
        write_frame(project.paths.truth / "a" / f"{index:06d}.png", flat(120))
    places = [("a", "000000"), ("a", "000001")]
    scores = score(places, {"student": student}, project.paths, project.params.geometry)
    for method in ("bicubic", "lanczos"):
        assert scores[method]["teacher"]["psnr"] == pytest.approx((decibels(10) + decibels(5)) / 2, abs=1e-4)
        assert scores[method]["teacher"]["l1"] == pytest.approx(7.5 / 255, abs=1e-5)
        assert scores[method]["truth"]["psnr"] == pytest.approx(decibels(10), abs=1e-4)
    assert scores["teacher"]["truth"]["psnr"] == pytest.approx((decibels(20) + decibels(15)) / 2, abs=1e-4)
    assert "teacher" not in scores["teacher"]


def test_every_number_is_that_of_scikit_image_on_whole_frames(trained_once, student, evaluation):
    paths, geometry = trained_once.paths, trained_once.params.geometry
    methods = {
        "student": student.enhance,
        "student_int8": load_student(trained_once.paths.contract, engine="onnxruntime-int8", threads=1).enhance,
        "bicubic": lambda raw: enlarge(raw, geometry=geometry, kernel="bicubic"),
        "lanczos": lambda raw: enlarge(raw, geometry=geometry, kernel="lanczos"),
    }
    places = validation_places(paths)
    assert len(places) == evaluation["frames"] == 3
    for method, run in methods.items():
        for reference, folder in (("teacher", paths.teacher), ("truth", paths.truth)):
            pairs = [
                (run(read_frame(paths.raw / clip / f"{stem}.png")), read_frame(folder / clip / f"{stem}.png"))
                for clip, stem in places
            ]
            psnr = np.mean([peak_signal_noise_ratio(target, picture) for picture, target in pairs])
            ssim = np.mean(
                [
                    structural_similarity(
                        picture @ LUMA,
                        target @ LUMA,
                        data_range=255,
                        gaussian_weights=True,
                        use_sample_covariance=False,
                    )
                    for picture, target in pairs
                ]
            )
            l1 = np.mean([np.abs(picture.astype(float) - target).mean() / 255 for picture, target in pairs])
            row = evaluation["methods"][method][reference]
            judged = {name: value for name, value in row.items() if name not in ("flicker", "halo")}
            assert judged == pytest.approx({"psnr": psnr, "ssim": ssim, "l1": l1}, abs=1e-3)


def test_the_numbers_agree_with_the_chosen_epoch(trained_once, evaluation):
    rows = [line.split(",") for line in trained_once.paths.training_log.read_text().splitlines()[1:]]
    best = max(float(row[4]) for row in rows)
    assert evaluation["methods"]["student"]["teacher"]["psnr"] == pytest.approx(best, abs=0.02)


def test_the_same_numbers_are_in_the_run_that_trained_the_student(trained_once, evaluation, monkeypatch):
    monkeypatch.chdir(trained_once.root)  # where its database finds its files
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    store = mlflow_client()
    (run,) = store.search_runs([store.get_experiment_by_name(EXPERIMENT).experiment_id])
    for name, value in flatten(evaluation["methods"]).items():
        assert run.data.metrics[f"evaluation.{name}"] == float(value)
    student = evaluation["cameras"]["demo cameras"]["methods"]["student"]["teacher"]["psnr"]
    assert run.data.metrics["camera.demo cameras.student"] == student
    assert {file.path for file in store.list_artifacts(run.info.run_id, "evaluation")} >= {"evaluation/evaluation.json"}


def test_the_summary_is_the_handful_of_figures_that_runs_are_compared_by(trained_once, evaluation):
    summary, student = read_json(trained_once.paths.summary, made_by="evaluate"), evaluation["methods"]["student"]
    assert summary == {
        "psnr_to_teacher": student["teacher"]["psnr"],
        "psnr_to_truth": student["truth"]["psnr"],
        "ssim_to_teacher": student["teacher"]["ssim"],
        "flicker": student["teacher"]["flicker"],
        "above_resize_db": evaluation["gate"]["margin_db"],
        "int8_loss_db": evaluation["gate"]["int8_loss_db"],
    }


def test_speed_is_in_a_file_of_its_own_and_no_time_is_in_the_evaluation(trained_once, evaluation):
    speed = read_json(trained_once.paths.speed, made_by="evaluate")
    assert speed["median_ms"].keys() == {"student", "student_int8", "student_fastest", "bicubic", "lanczos"}
    assert all(value > 0 for value in speed["median_ms"].values())
    assert speed["calibration_ms"] > 0
    assert speed["threads"] == 2
    assert evaluation.keys() == {"methods", "cameras", "frames", "gate", "verdict", "student_sha256", "data_sha256"}


def test_how_far_the_measurement_of_speed_is_can_be_read_as_data(trained_once, tmp_path, monkeypatch):
    monkeypatch.setenv(PROGRESS_FILE, str(tmp_path / "progress.json"))
    paths, params = trained_once.paths, trained_once.params
    measured = speed(validation_places(paths), timed(load_students(paths)), paths, params)
    bar = read_json(tmp_path / "progress.json", made_by="evaluate")
    assert (bar["what"], bar["done"]) == ("speed", bar["total"])
    assert bar["total"] == len(measured["median_ms"]) + 2, "the choice of an engine, and the calibration"


def test_each_camera_has_figures_of_its_own(trained, student):
    """Of three clips, two of which are of the demo: the means over their frames, and over all."""
    paths, geometry = trained.paths, trained.params.geometry
    places = [(clip.name, frame.stem) for clip in find_clips(paths.raw) for frame in find_frames(clip)]
    known = read_json(paths.raw / "demo-01/clip.json", made_by="capture")
    write_json(paths.raw / "demo-01/clip.json", known | {"source": "browser"})
    clips = measure_clips(places, {"student": student}, paths, geometry)
    cameras = by_camera(clips, places, paths)
    assert {name: found["frames"] for name, found in cameras.items()} == {"demo cameras": 6, "demo-01": 3}
    assert cameras["demo-01"]["methods"] == score(
        [place for place in places if place[0] == "demo-01"], {"student": student}, paths, geometry
    )
    psnr = [cameras[name]["methods"]["bicubic"]["teacher"]["psnr"] for name in ("demo cameras", "demo-01")]
    assert means(clips.values())["bicubic"]["teacher"]["psnr"] == pytest.approx((2 * psnr[0] + psnr[1]) / 3)
    assert [line.split()[0] for line in cameras_as_table(cameras).splitlines()[1:]] == ["demo-01", "demo"]


def step_picture(level, *, left=100):
    """Flat, its right half `level` brighter."""
    picture = flat(left)
    picture[:, 80:] += np.uint8(level)
    return picture


def view(number, *, clip="a", references=None, **pictures):
    return View(clip, number, pictures, references or {"teacher": step_picture(number * 50)})


def test_bicubic_has_no_halo_and_others_are_measured_against_it(evaluation):
    methods = evaluation["methods"]
    assert {row["halo"] for row in methods["bicubic"].values()} == {0}
    assert all("halo" in row for row in methods["student"].values())


def test_flicker_is_the_change_where_the_reference_stays(project):
    before, now = view(0, student=step_picture(0)), view(1, student=step_picture(90, left=103))
    assert flicker(before, now, "student", "teacher") == {"flicker": 3.0}
    moved = {"truth": photo(128, 160)}, {"truth": photo(128, 160, seed=1)}
    before, now = (view(n, references=reference, student=flat(100)) for n, reference in enumerate(moved))
    assert flicker(before, now, "student", "truth") == {}, "nothing stays: nothing is said"


def test_flicker_needs_two_frames_that_follow_each_other(project):
    now = view(3, student=flat(100))
    others = [
        None,
        view(1, student=flat(90)),
        view(2, clip="b", student=flat(90)),
        view(2, references={"truth": flat(0)}),
    ]
    assert [flicker(before, now, "student", "teacher") for before in others] == [{}] * 4


def test_flicker_stands_in_the_table_and_the_evaluation(evaluation):
    rows = [row for references in evaluation["methods"].values() for row in references.values()]
    assert any("flicker" in row for row in rows)
    lines = as_table(evaluation["methods"]).splitlines()
    assert lines[0].split()[-1] == "flicker"
    assert len(lines) == 1 + len(rows)


def test_the_hash_of_the_data_is_another_for_other_pictures(trained):
    places = validation_places(trained.paths)
    before = data_sha256(places, trained.paths)
    assert before == data_sha256(places, trained.paths)
    (clip, stem), *_ = places
    write_frame(trained.paths.teacher / clip / f"{stem}.png", flat(7))
    assert data_sha256(places, trained.paths) != before


def test_samples_stand_side_by_side(trained_once):
    samples = find_frames(trained_once.paths.samples)
    assert len(samples) == trained_once.params.evaluate.sample_frames
    assert read_frame(samples[0]).shape == (32 + 128, 4 * 128, 3)


def test_pictures_side_by_side_show_the_middle_of_each():
    left, right = photo(128, 160), photo(128, 160, seed=1)
    both = side_by_side({"a": left, "b": right})
    np.testing.assert_array_equal(both[32:, :128], left[:, 16:144])
    np.testing.assert_array_equal(both[32:, 128:], right[:, 16:144])
    assert (both[:32] < 128).any()


def test_the_same_student_gives_the_same_bytes_without_truth_too(trained, capsys):
    before = trained.paths.evaluation.read_bytes()
    (trained.root / "mlflow.db").unlink()
    evaluate(trained.paths, trained.params)
    assert trained.paths.evaluation.read_bytes() == before
    assert "nothing is logged to MLflow" in capsys.readouterr().out
    shutil.rmtree(trained.paths.truth)
    evaluate(trained.paths, trained.params)
    judged = read_json(trained.paths.evaluation, made_by="evaluate")
    assert all(set(row) == {"teacher"} for row in judged["methods"].values())
    assert judged["verdict"][-1].startswith("There is no truth for these frames")


def test_the_web_form_is_evaluated_where_the_student_has_it(recorded, dialled_once):
    paths = recorded.paths
    shutil.copytree(dialled_once.parent, paths.contract.parent, dirs_exist_ok=True)
    shutil.copy(dialled_once, paths.contract)
    students = load_students(paths)
    assert list(students) == ["student", "student_int8", "student_web"]
    assert list(timed(students)) == ["student", "student_int8"], "its speed here is that of no browser"
    found = score(validation_places(paths)[:1], students, paths, recorded.params.geometry)
    for reference in ("teacher", "truth"):
        exact, web = (found[method][reference]["psnr"] for method in ("student", "student_web"))
        assert web == pytest.approx(exact, abs=0.1)


def scores(*, student, int8=None, bicubic=30.0, lanczos=30.1, truth=None):
    def row(psnr):
        return {"psnr": psnr, "ssim": 0.9, "l1": 0.01}

    found = {
        "student": {"teacher": row(student)},
        "student_int8": {"teacher": row(student - 0.05 if int8 is None else int8)},
        "bicubic": {"teacher": row(bicubic)},
        "lanczos": {"teacher": row(lanczos)},
    }
    if truth is not None:
        found["teacher"] = {"truth": row(truth)}
        found["bicubic"]["truth"] = row(28.0)
    return found


@pytest.mark.parametrize(
    ("student", "passed", "margin"), [(30.3, True, 0.2), (30.29, False, 0.19), (29.0, False, -1.1), (35.0, True, 4.9)]
)
def test_the_gate_asks_for_a_margin_above_the_better_resize(student, passed, margin):
    judged = gate(scores(student=student), SAME_AS_TORCH)
    asked = {"passed": passed, "best_resize": "lanczos", "margin_db": margin, "needed_db": 0.2}
    assert judged.items() >= asked.items()


@pytest.mark.parametrize(("int8", "passed"), [(31.0, True), (30.85, True), (30.84, False), (31.2, True)])
def test_the_gate_asks_for_int8_to_be_nearly_as_good(int8, passed):
    judged = gate(scores(student=31.0, int8=int8), SAME_AS_TORCH)
    assert (judged["passed"], judged["int8_loss_db"]) == (passed, pytest.approx(31.0 - int8))


@pytest.mark.parametrize(("difference", "passed"), [(0.0, True), (1e-4, True), (1.1e-4, False)])
def test_the_gate_asks_for_onnx_to_answer_as_torch_does(difference, passed):
    assert gate(scores(student=31.0), {"largest_difference_to_torch": difference})["passed"] is passed


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({"student": 31.6}, "The student is 1.50 dB above Lanczos against the teacher: it passes the gate."),
        ({"student": 30.2}, "The student is 0.10 dB above Lanczos against the teacher; 0.2 dB above are needed."),
        ({"student": 29.6}, "The student is 0.50 dB below Lanczos against the teacher; 0.2 dB above are needed."),
        ({"student": 31, "truth": 29.5}, "Against the truth the teacher is 1.50 dB better than bicubic."),
        ({"student": 31, "truth": 27.75}, "the teacher is no better than bicubic (-0.25 dB): choose another"),
        ({"student": 31, "truth": 28.0}, "the teacher is no better than bicubic (+0.00 dB): choose another"),
        ({"student": 31}, "There is no truth for these frames"),
        ({"student": 31, "int8": 30.7}, "but int8 costs 0.30 dB of it and 0.15 are allowed. Train it aga"),
    ],
    ids=str,
)
def test_the_verdict_says_what_is_also_where_it_is_unwelcome(known, sentence):
    found = scores(**known)
    assert sentence in " ".join(verdict(found, gate(found, SAME_AS_TORCH)))


def test_without_a_student_it_is_said_what_to_run(project):
    with pytest.raises(SharpcamError, match=r'No .*student_sr\.json. Run "dvc repro export" first, or "dvc pull"'):
        evaluate(project.paths, project.params)


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_not_finite_is_refused_by_its_name(figure):
    with pytest.raises(SharpcamError, match=r"student\.teacher\.psnr to be (nan|-?inf), which is not a finite"):
        gate(scores(student=figure), SAME_AS_TORCH)
    with pytest.raises(SharpcamError, match="largest_difference_to_torch"):
        gate(scores(student=31.0), {"largest_difference_to_torch": figure})
