"""Stage 6: is the student any good? Whole validation frames; beside it bicubic, Lanczos and the teacher itself."""

from typing import Any

from pipeline.core.clips import camera_of
from pipeline.core.files import write_json
from pipeline.core.hashing import sha256
from pipeline.core.params import Params
from pipeline.core.paths import Paths
from pipeline.core.split_file import read_split
from pipeline.evaluate import families
from pipeline.evaluate.cameras import on_clips
from pipeline.evaluate.gate import as_table, cameras_as_table, gate, summary, verdict
from pipeline.evaluate.samples import write_samples
from pipeline.evaluate.scores import Values, data_sha256, means, measure_clips
from pipeline.evaluate.speed import THREADS, speed
from pipeline.student.contract import read_contract
from pipeline.student.engines import ENGINES
from pipeline.student.runtime import load_student
from pipeline.student.student import Student, start_web
from pipeline.tracking.run import log_evaluation, run_of_student


def evaluate(paths: Paths, params: Params) -> None:
    """The stage: evaluation.json, summary.json, speed.json and samples in metrics/; the numbers in the MLflow run."""
    students = load_students(paths)
    places = validation_places(paths)
    contestants = on_clips(students, [clip for clip, _ in places], paths)
    clips = measure_clips(places, students, paths, params.geometry)
    scores = means(clips.values())
    passed = gate(scores, students["student"].contract)
    found = families.on_families(students["student"], paths, photos=params.evaluate.family_photographs)
    sentences = [*verdict(scores, passed), *families.sentences(found)]
    judged = {"methods": scores, "frames": len(places), "gate": passed, "verdict": sentences}
    judged |= {"student_sha256": sha256(paths.student_onnx), "data_sha256": data_sha256(places, paths)}
    judged |= {"families": found} if found else {}
    judged |= {"cameras": (cameras := by_camera(clips, places, paths))}
    judged |= {"dials": dials} if (dials := contestants.dials_by_clip("student")) else {}
    write_json(paths.evaluation, judged)
    write_json(paths.summary, summary(scores, passed))
    write_samples(places, contestants, paths, params)
    write_json(paths.speed, speed(places, timed(students), paths, params))
    log_to_run(judged, paths)
    print(as_table(scores))
    print(cameras_as_table(cameras))
    if found:
        print(families.as_table(found))
    print("\n".join(sentences))


def load_students(paths: Paths) -> dict[str, Student]:
    """The student in each of its forms: float and int8 in the engine that the others are held to."""
    students = {
        "student": load_student(paths.contract, engine="onnxruntime-fp32", threads=THREADS),
        "student_int8": load_student(paths.contract, engine="onnxruntime-int8", threads=THREADS),
    }
    contract = read_contract(paths.contract)
    return students | ({"student_web": start_web(contract)} if contract.schema.web else {})


def timed(students: dict[str, Student]) -> dict[str, Student]:
    """Those whose speed is measured: the web form is computed here for its picture, and by browsers at speed."""
    return {name: student for name, student in students.items() if student.engine in ENGINES}


def by_camera(clips: dict[str, Values], places: list[tuple[str, str]], paths: Paths) -> dict[str, Any]:
    """Camera -> its frames, the means over them, and the hash of what they were measured on."""
    cameras: dict[str, list[str]] = {}
    for clip in clips:
        cameras.setdefault(camera_of(paths.raw / clip), []).append(clip)
    found = {}
    for camera, names in cameras.items():
        frames = [(clip, stem) for clip, stem in places if clip in names]
        found[camera] = {
            "frames": len(frames),
            "methods": means(clips[clip] for clip in names),
            "data_sha256": data_sha256(frames, paths),
        }
    return found


def validation_places(paths: Paths) -> list[tuple[str, str]]:
    """(clip, stem) of every validation frame."""
    clips = read_split(paths).validation
    return [(clip, stem) for clip, stems in clips.items() for stem in stems]


def log_to_run(judged: dict[str, Any], paths: Paths) -> None:
    """Put the numbers into the MLflow run that trained this student, if the store has it."""
    run = run_of_student(sha256(paths.student)) if paths.student.exists() else None
    if run is None:
        print("evaluate: the run that trained this student is not in the store; nothing is logged to MLflow")
        return
    log_evaluation(run, judged, paths)
