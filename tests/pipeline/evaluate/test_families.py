"""Student and teacher against bicubic on cameras that nobody recorded, in the evaluation's figures and sentences."""

import pytest

from pipeline.core.files import write_json
from pipeline.evaluate.families import as_table, on_families, sentences
from pipeline.families import gains
from pipeline.families.families import FAMILIES
from pipeline.student.runtime import load_student


@pytest.fixture(autouse=True)
def one_family(monkeypatch):
    monkeypatch.setattr(gains, "FAMILIES", {"clean_area": FAMILIES["clean_area"]})


def test_the_student_and_what_the_teacher_stage_noted_stand_in_one_table(trained):
    student = load_student(trained.paths.contract, engine="onnxruntime-fp32", threads=1)
    write_json(trained.paths.teacher_families, {"gains": {"clean_area": -0.2}})
    found = on_families(student, trained.paths, photos=1)
    assert found["teacher"] == {"clean_area": -0.2}
    assert -40 < found["student"]["clean_area"] < 3
    assert any("the teacher is below bicubic: clean_area (-0.20 dB)" in line for line in sentences(found))
    assert as_table(found).splitlines()[1].split() == ["clean_area", f"{found['student']['clean_area']:.2f}", "-0.20"]


def test_no_photographs_no_families(trained):
    student = load_student(trained.paths.contract, engine="onnxruntime-fp32", threads=1)
    assert on_families(student, trained.paths, photos=0) == {}
