"""Students on the same frames: each is measured once, beside bicubic, Lanczos and the teacher, with pictures."""

from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
import torch
from torch import nn

from pipeline.compare.contenders import RUN, WEIGHTS, Contender
from pipeline.compare.frames import CommonFrames, files_of
from pipeline.compare.results import BICUBIC, REFERENCES, TEACHER, TRUTH, Result, Results
from pipeline.core.clips import camera_of
from pipeline.core.errors import SharpcamError
from pipeline.core.frames import read_frame, write_frame
from pipeline.core.geometry import Frame, enlarge, fit
from pipeline.core.params import GeometryParams
from pipeline.core.paths import Paths
from pipeline.core.timing import call_ms
from pipeline.evaluate.cameras import Students, on_clips
from pipeline.evaluate.scores import means, measure_clips
from pipeline.evaluate.speed import CALIBRATION_SIDE, THREADS
from pipeline.export.build import at_dials
from pipeline.export.stage import load_trained
from pipeline.student import catalogue
from pipeline.student.dials import Dials
from pipeline.student.engines import REFERENCE, Running, to_batch, to_frame
from pipeline.student.estimator import Estimator, load_estimator
from pipeline.student.runtime import load_student
from pipeline.student.student import Student
from pipeline.tracking.past_runs import all_runs, artifact
from pipeline.train.sample_images import cut
from training.models.dials import NEUTRAL
from training.models.student import StudentSR

TIMED = 5  # frames, of which the median is taken


@dataclass(frozen=True)
class TorchStudent:
    """A student of which there are only the weights of its training."""

    model: nn.Module
    geometry: GeometryParams
    estimator: Estimator | None = None

    def with_dials(self, dials: Dials) -> Running:
        """The same student, set to `dials`."""
        assert isinstance(self.model, StudentSR)
        return TorchStudent(at_dials(self.model, dials), self.geometry)

    @torch.inference_mode()
    def enhance(self, frame: Frame, out: Frame | None = None) -> Frame:
        """The target picture (H, W, 3) uint8 of a camera's frame (h, w, 3) uint8 of any size."""
        batch = torch.from_numpy(to_batch(fit(frame, geometry=self.geometry)))
        return to_frame(self.model(batch).numpy(), out)


def load(contender: Contender, geometry: GeometryParams, paths: Paths) -> Running:
    """The student, ready for frames of `geometry`. Raises SharpcamError where it is gone, or of another scale."""
    if contender.name.startswith(RUN):
        return _of_weights(contender, geometry, paths)
    student = load_student(catalogue.find(contender.name, paths).contract, engine=REFERENCE, threads=THREADS)
    _check_scale(student.geometry, geometry)
    return replace(student, geometry=geometry)


def _of_weights(contender: Contender, geometry: GeometryParams, paths: Paths) -> Running:
    run = next(run for run in all_runs(paths) if run.id == contender.name.removeprefix(RUN))
    file = artifact(run, WEIGHTS, paths)
    if not file.exists():
        raise SharpcamError("It ended before its student was written, or its files are gone.")
    trained = load_trained(file)
    _check_scale(GeometryParams(**trained.recipe["geometry"]), geometry)
    has_dials = isinstance(trained.model, StudentSR) and trained.model.dials is not None
    if not has_dials:
        return TorchStudent(trained.model, geometry)
    neutral = Dials(*NEUTRAL)
    estimator = load_estimator(paths.estimator, neutral) if paths.estimator.exists() else None
    return TorchStudent(trained.model, geometry, estimator)


def _check_scale(own: GeometryParams, wanted: GeometryParams) -> None:
    if own.scale != wanted.scale:
        raise SharpcamError(f"It enlarges {own.scale} times, and these frames are enlarged {wanted.scale} times.")


def measure(contenders: list[Contender], frames: CommonFrames, geometry: GeometryParams, paths: Paths) -> Results:
    """Measure those that were not yet; what cannot be run gets its reason as a result."""
    results = Results(frames, paths)
    students: dict[str, Running] = {}
    for contender in contenders:
        if results.of(contender.key) is None:
            try:
                students[contender.key] = load(contender, geometry, paths)
            except SharpcamError as error:
                results.keep(contender.key, Result({}, {}, problem=str(error)))
    if students or any(results.of(reference) is None for reference in REFERENCES):
        _measure(students, results, geometry)
    return results


def _measure(students: Students, results: Results, geometry: GeometryParams) -> None:
    places, paths = list(results.frames.places), results.paths
    clips = measure_clips([(place.clip, place.stem) for place in places], students, paths, geometry)
    scores = means(clips.values())
    cameras: dict[str, list[str]] = {}
    for clip in clips:
        cameras.setdefault(camera_of(paths.raw / clip), []).append(clip)
    by_camera = {camera: means(clips[clip] for clip in names) for camera, names in cameras.items()}
    write_pictures(students, results, geometry)
    frame = read_frame(files_of(places[0], paths)[0])
    spent = time_in_turns({name: each for name, each in students.items() if isinstance(each, Student)}, frame)
    for name in (*REFERENCES, *students):
        psnr = {camera: of[name][TEACHER]["psnr"] for camera, of in by_camera.items() if TEACHER in of.get(name, {})}
        results.keep(name, Result(scores.get(name, {}), psnr, *spent.get(name, (None, None))))


def write_pictures(students: Students, results: Results, geometry: GeometryParams) -> None:
    """The middle of the frames that are shown: of each student, bicubic, the teacher and, where there is one, truth."""
    shown, paths = results.frames.shown, results.paths
    contestants = on_clips(students, [place.clip for place in shown], paths)
    for place in shown:
        raw, teacher, truth = files_of(place, paths)
        frame = read_frame(raw)
        pictures = {BICUBIC: enlarge(frame, geometry=geometry, kernel="bicubic"), TEACHER: read_frame(teacher)}
        pictures |= {TRUTH: read_frame(truth)} if truth.exists() else {}
        pictures |= {key: student.enhance(frame) for key, student in contestants.on(place.clip).items()}
        small = fit(frame, geometry=geometry)
        for key, picture in pictures.items():  # the cut-outs that a training keeps, so that both can stand side by side
            write_frame(results.picture(place, key), cut(small, picture)[1])


def time_in_turns(students: Students, frame: Frame) -> dict[str, tuple[float, float]]:
    """By student its milliseconds a frame, uint8 to uint8 on THREADS threads, and those of the matrix product.

    Medians of some rounds, in each of which all take their turn: what else the machine does meets all of them.
    """
    square = np.ones((CALIBRATION_SIDE, CALIBRATION_SIDE), np.float32)
    works = {name: partial(student.enhance, frame) for name, student in students.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for work in works.values():
        work()  # compiles, and fills caches
    for _ in range(TIMED):
        for name, work in works.items():
            times[name].append((call_ms(work), call_ms(lambda: square @ square)))
    return {
        name: (round(median(ms for ms, _ in pairs), 3), round(median(ms for _, ms in pairs), 3))
        for name, pairs in times.items()
    }
