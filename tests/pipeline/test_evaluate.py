"""Known pictures give known numbers, and the verdict says also what is unwelcome."""

import math
import shutil

import numpy as np
import pytest
from making import make_clip, photo
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pipeline import tracking
from pipeline.errors import SharpcamError
from pipeline.evaluate import evaluate, gate, score, side_by_side, validation_places, verdict
from pipeline.files import read_json
from pipeline.frames import find_frames, read_frame, write_frame
from pipeline.geometry import enlarge
from pipeline.runtime import load_student

LUMA = np.array([0.299, 0.587, 0.114])
LIKE_WANG = {"data_range": 255, "gaussian_weights": True, "use_sample_covariance": False}


@pytest.fixture(scope="module")
def student(trained_once):
    return load_student(trained_once.paths.contract)


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
    scores = score(places, student, project.paths, project.params.geometry)
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
            assert row == pytest.approx({"psnr": psnr, "ssim": ssim, "l1": l1}, abs=1e-3)


def test_the_numbers_agree_with_the_chosen_epoch(trained_once, evaluation):
    rows = [line.split(",") for line in trained_once.paths.training_log.read_text().splitlines()[1:]]
    best = max(float(row[4]) for row in rows)
    assert evaluation["methods"]["student"]["teacher"]["psnr"] == pytest.approx(best, abs=0.02)


def test_the_same_numbers_are_in_the_run_that_trained_the_student(trained_once, evaluation, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{trained_once.root / 'mlflow.db'}")
    store = tracking.client()
    (run,) = store.search_runs([store.get_experiment_by_name(tracking.EXPERIMENT).experiment_id])
    for name, value in tracking.flatten(evaluation["methods"]).items():
        assert run.data.metrics[f"evaluation.{name}"] == float(value)
    assert {file.path for file in store.list_artifacts(run.info.run_id, "evaluation")} >= {"evaluation/evaluation.json"}


def test_speed_is_in_a_file_of_its_own_and_no_time_is_in_the_evaluation(trained_once, evaluation):
    speed = read_json(trained_once.paths.speed, made_by="evaluate")
    assert speed["median_ms"].keys() == {"student", "bicubic", "lanczos"}
    assert all(value > 0 for value in speed["median_ms"].values())
    assert speed["calibration_ms"] > 0
    assert speed["threads"] == 2
    assert evaluation.keys() == {"methods", "frames", "gate", "verdict"}


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
    shutil.rmtree(trained.root / "logs")
    evaluate(trained.paths, trained.params)
    assert trained.paths.evaluation.read_bytes() == before
    assert "nothing is logged to MLflow" in capsys.readouterr().out
    shutil.rmtree(trained.paths.truth)
    evaluate(trained.paths, trained.params)
    judged = read_json(trained.paths.evaluation, made_by="evaluate")
    assert all(set(row) == {"teacher"} for row in judged["methods"].values())
    assert judged["verdict"][-1].startswith("There is no truth for these frames")


def scores(*, student, bicubic=30.0, lanczos=30.1, truth=None):
    def row(psnr):
        return {"psnr": psnr, "ssim": 0.9, "l1": 0.01}

    found = {
        "student": {"teacher": row(student)},
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
    judged = gate(scores(student=student))
    assert judged == {"passed": passed, "best_resize": "lanczos", "margin_db": margin, "needed_db": 0.2}


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
    ],
    ids=str,
)
def test_the_verdict_says_what_is_also_where_it_is_unwelcome(known, sentence):
    found = scores(**known)
    assert sentence in " ".join(verdict(found, gate(found)))


def test_without_a_student_it_is_said_what_to_run(project):
    with pytest.raises(SharpcamError, match=r'No .*student_sr\.json. Run "dvc repro export" first, or "dvc pull"'):
        evaluate(project.paths, project.params)
