"""The page Models in its empty, normal and broken states, on a real MLflow store."""

import json
from dataclasses import replace

import numpy as np
import pytest
from making import ROOT
from streamlit.testing.v1 import AppTest
from tracked import make_version

from app.models.overview import beside_shipped
from pipeline.core.frames import write_frame
from pipeline.core.hashing import sha256
from pipeline.student.catalogue import available, find
from pipeline.tracking import registry

PAGE = ROOT / "app/pages/models.py"
SCORES = {"psnr": 31.5, "ssim": 0.91, "l1": 0.02}
EVALUATION = {
    "methods": {"student": {"teacher": SCORES}, "bicubic": {"teacher": {**SCORES, "psnr": 29.0}}},
    "frames": 10,
    "gate": {"passed": True},
    "verdict": ["The student is 2.50 dB above Bicubic against the teacher: it passes the gate.", "There is no truth."],
}


def run_page() -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=60).run()
    assert not page.exception
    return page


def text(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*page.markdown, *page.info, *page.warning))


@pytest.fixture
def versions(with_database, tmp_path):
    """Two of them, the second the better one and a candidate."""
    folder = tmp_path / "student"
    folder.mkdir()
    (folder / "student_sr.onnx").write_bytes(b"a student")
    for psnr in (31.0, 33.0):
        make_version(folder, psnr=psnr)
    registry.set_alias(registry.CANDIDATE, 2)


def test_before_a_promotion_the_newest_student_is_the_one_in_use_on_all_pages(student, versions):
    page = run_page()
    assert [each.value for each in page.subheader][:2] == ["In use", "Candidate"]
    in_use = find(None, student.paths)
    assert in_use == replace(available(student.paths)[0], note=in_use.note)
    assert f"**{in_use.title}**" in text(page)
    assert any("Used on all pages until the next training replaces it" in each.value for each in page.caption)
    registry.set_champion(1, before=[])
    page = run_page()
    assert any("stays in use until another version is promoted" in each.value for each in page.caption)


def champion(project):
    found = registry.holder(registry.CHAMPION, registry.versions(project.paths))
    return found and found.number


def test_a_fresh_clone_is_told_what_to_do(project):
    page = run_page()
    assert "A run of the pipeline" in page.info[0].value
    assert not (project.root / "mlflow.db").exists()


def test_a_candidate_is_promoted_and_the_way_back_is_offered(versions, project):
    page = run_page()
    assert page.dataframe[0].value["PSNR (dB)"].tolist() == [33.0, 31.0]
    page.selectbox(key="promoted").set_value(page.selectbox(key="promoted").options[1]).run()
    assert page.button(key="promote").label == "Promote version 1"
    page.button(key="promote").click().run()
    assert page.success[0].value == "Version 1 is the champion now."
    page.button(key="promote").click().run()
    assert champion(project) == 2
    page.button(key="back").click().run()
    assert page.success[0].value == "Version 1 is the champion again, in place of version 2."
    assert champion(project) == 1


def camera(*, student, bicubic):
    methods = {"student": student, "bicubic": bicubic}
    return {"frames": 5, "methods": {name: {"teacher": SCORES | {"psnr": psnr}} for name, psnr in methods.items()}}


def test_each_camera_has_a_row_the_users_own_first(project):
    cameras = {"demo cameras": camera(student=33.0, bicubic=30.0), "desk": camera(student=30.5, bicubic=30.0)}
    project.paths.evaluation.parent.mkdir()
    project.paths.evaluation.write_text(json.dumps(EVALUATION | {"cameras": cameras}))
    rows = run_page().dataframe[0].value
    assert rows["camera"].tolist() == ["desk", "demo cameras"]
    assert rows["the student is"].tolist() == ["a little better than bicubic", "clearly better than bicubic"]


def test_versions_show_the_figures_of_each_camera(versions, project):
    registry.set_tags(2, {"camera.demo cameras.student": "33.5", "camera.desk.student": "30.25"})
    found = run_page().dataframe[0].value
    assert found["desk (dB)"].tolist()[0] == 30.25
    assert (
        found.columns.get_loc("desk (dB)")
        < found.columns.get_loc("demo cameras (dB)")
        < found.columns.get_loc("PSNR (dB)")
    )


def test_an_objection_is_said_before_it_is_overruled(versions, project):
    registry.set_champion(2, before=[])
    page = run_page()
    assert "Version 1 is 2.000 dB worse than the champion, version 2." in text(page)
    assert page.button(key="promote").label == "Promote all the same"
    page.button(key="promote").click().run()
    assert champion(project) == 1


def test_a_version_without_its_files_is_one_sentence(versions):
    page = run_page()
    assert "came without its contract" in page.error[0].value


@pytest.fixture
def student(project):
    """A student of this project; what it computes is not of interest here."""
    onnx = project.paths.student_onnx
    onnx.parent.mkdir()
    onnx.write_bytes(b"a student")
    project.paths.contract.write_text(json.dumps({"model": "student_m", "files": {onnx.name: sha256(onnx)}}))
    return project


def test_a_full_disk_hides_no_version_and_is_said_where_files_are_asked_for(versions, student, full_disk):
    page = run_page()
    assert page.dataframe[0].value["version"].tolist() == [2, 1]
    page.selectbox(key="files").set_value(available(student.paths)[0]).run()
    assert not page.exception
    assert "No space left on device" in page.error[0].value


def test_the_evaluation_is_shown_with_its_verdict_numbers_and_speed(project):
    write_evaluation(project, json.dumps(EVALUATION))
    project.paths.speed.write_text(json.dumps({"median_ms": {"student": 20.0, "bicubic": 2.0}}))
    write_frame(project.paths.samples / "000000.png", np.zeros((8, 8, 3), np.uint8))
    page = run_page()
    assert page.success[0].value == EVALUATION["verdict"][0]
    assert page.dataframe[0].value["PSNR (dB)"].tolist() == [31.5, 29.0]
    assert page.dataframe[0].value["ms a frame"].tolist() == [20.0, 2.0]


def write_evaluation(project, content: str) -> None:
    project.paths.evaluation.parent.mkdir(exist_ok=True)
    project.paths.evaluation.write_text(content)


@pytest.mark.parametrize("content", ["no JSON", "{}", "[]", '{"methods": 3}', '{"verdict": []}'])
def test_a_broken_evaluation_is_one_sentence(project, content):
    write_evaluation(project, content)
    assert "evaluat" in run_page().error[0].value


def test_a_benchmark_is_shown_and_a_broken_one_is_one_sentence(project):
    quality = {"truth": {"psnr": 31.0, "ssim": 0.9, "flicker": 0.4}}
    rows = [{"name": "student_s", "engine": "openvino", "median_ms": 10.0, "quality": quality}]
    file = project.root / "metrics/benchmark.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"rows": rows, "size": [640, 480], "threads": 2}))
    page = run_page()
    assert page.dataframe[0].value["frames/s"].tolist() == [100.0]
    assert "640x480 in, on 2 threads; measured against the truth." in [caption.value for caption in page.caption]
    file.write_text("{}")
    assert "make bench" in run_page().error[0].value


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda database: database.write_bytes(b"no database" * 1000), "does not answer as it should"),
        (lambda database: database.unlink(), "mlflow.db is gone, and the registry was in it. Put it back"),
    ],
    ids=["broken", "gone"],
)
def test_a_database_that_cannot_be_read_is_one_sentence_beside_what_was_last_known(versions, project, harm, sentence):
    run_page()
    harm(project.root / "mlflow.db")
    page = run_page()
    (warning,) = page.warning
    assert sentence in warning.value
    assert "Shown is what was last known" in warning.value
    assert not page.info
    assert page.dataframe[0].value["version"].tolist() == [2, 1]
    assert not any(button.key == "promote" for button in page.button), "there is nothing to tell it to"


def test_a_broken_database_of_which_nothing_is_known_is_one_sentence(versions, project):
    (project.root / "mlflow.db").write_bytes(b"no database" * 1000)
    page = run_page()
    assert "does not answer as it should" in page.warning[0].value
    assert not page.info


@pytest.mark.parametrize(
    ("gain", "words"), [(0.1, "as good as"), (0.52, "0.5 dB better than"), (-0.52, "0.5 dB worse than")]
)
def test_a_card_says_what_training_was_worth(gain, words):
    assert beside_shipped(gain) == f"{words} the one that comes with sharpcam"
