"""Pictures, folders, videos and a camera through a student.

python -m pipeline.enhance INPUT -o OUTPUT

INPUT is a picture, a video, a folder of both, or camera:0. The answer has twice the input's size, or what --scale,
--size or --fit ask for. What is finished is skipped, what was killed goes on where it stopped, and no input is ever
changed.
"""

import argparse
import statistics
import sys
from dataclasses import replace
from io import TextIOWrapper
from itertools import chain
from pathlib import Path

from pipeline.core.command import only_once, run_command
from pipeline.core.errors import SharpcamError
from pipeline.core.hashing import sha256_of_text
from pipeline.core.library_lines import library_lines
from pipeline.core.params import load_params
from pipeline.core.paths import Paths
from pipeline.enhance.batch import report
from pipeline.enhance.camera.watch import watch
from pipeline.enhance.command_line import CAMERA, CAMERA_PRESET, arguments_of, refuse_ignored
from pipeline.enhance.comparison import TEACHER, compare, write_table
from pipeline.enhance.encoding import Encoding
from pipeline.enhance.enhancer import Advance, Enhancer, Measured
from pipeline.enhance.images.write import QUALITY
from pipeline.enhance.manifest import Manifest, key_of
from pipeline.enhance.names import COMPARED, REPORT, is_video
from pipeline.enhance.segments import known_identity
from pipeline.enhance.shares import enhance_all
from pipeline.enhance.sizing import Sizing
from pipeline.enhance.tasks import LEFT_OUT, Found, Row, Task, find_tasks
from pipeline.enhance.upscaler import Upscaler, engine_for, load_upscaler
from pipeline.enhance.video import part_of
from pipeline.enhance.work import Work
from pipeline.student import catalogue
from pipeline.student.dials import Dials, describe
from pipeline.student.engines import REFERENCE, cores

TOLD = 10  # failures that are named at the end; the report names all


def enhance_one(task: Task, work: Work, *, overwrite: bool) -> None:
    """Enhance a single file. Raises SharpcamError where it cannot be."""
    if task.target.exists() and not overwrite:
        raise SharpcamError(f"{task.target} exists already. Add --overwrite, or choose another OUTPUT.")
    measured: list[Measured] = []

    def attempt(task: Task, advance: Advance) -> Row:
        row, measured[:] = work.run(task, advance)
        return row

    (row,) = enhance_all([task], attempt, jobs=1)
    if row.problem:
        raise SharpcamError(row.problem)
    width, height, frames = row.enhanced_width, row.enhanced_height, row.frames
    print(f"{task.target}: {width}x{height}, {f'{frames} frames, ' if frames > 1 else ''}{row.seconds:.1f} s")
    if row.dials:
        print(f"camera: {describe(row.dials)}")
    if row.note:
        print(f"note: {row.note}")
    if work.compared:
        write_table(measured, Path(f"{task.target}.{COMPARED}"), other=work.compared)


def enhance_folder(found: Found, work: Work, output: Path, *, jobs: int, overwrite: bool) -> None:
    """Enhance what is not finished. Raises SharpcamError at the end where some of it failed."""
    manifest = Manifest(output)

    def attempt(task: Task, advance: Advance) -> Row:
        key, made = key_of(task.source, work.identity(task)), str(task.target.relative_to(output))
        if manifest.is_done(task, key):
            return Row(task.name, "skipped", made=made)
        if task.target.exists() and not (overwrite or manifest.is_ours(task)):
            raise SharpcamError(
                f"{task.target} already exists and was not written by sharpcam. Add --overwrite, or remove it."
            )
        manifest.begin(task)
        row, measured = work.run(task, advance)
        manifest.add(task, key, measured)
        return replace(row, made=made)

    rows = []
    with report(output / REPORT) as write:
        for row in chain(found.others, enhance_all(found.tasks, attempt, jobs=jobs)):
            write(row)
            rows.append(row)
    measured = [each for row in rows if row.made for each in manifest.measured(row.file)]
    if work.compared and measured:
        write_table(measured, output / COMPARED, other=work.compared)
    sum_up(rows, output / REPORT)


def sum_up(rows: list[Row], table: Path) -> None:
    """Say what became of a folder. Raises SharpcamError where some of it failed."""
    states = {state: [row for row in rows if row.status == state] for state in ("done", "skipped", "failed", LEFT_OUT)}
    done, skipped, failed, left_out = states.values()
    print(f"{len(done)} enhanced, {len(skipped)} finished before, {len(failed)} failed: {table}")
    if left_out:
        others = f" and {len(left_out) - TOLD} more" if len(left_out) > TOLD else ""
        names = ", ".join(row.file for row in left_out[:TOLD])
        print(f"{len(left_out)} left out, no pictures or videos: {names}{others}")
    for row in [row for row in rows if row.note][:TOLD]:
        print(f"{row.file}: {row.note}")
    if cameras := [row.dials for row in rows if row.dials]:
        print(f"camera of half of them: {describe(Dials(*map(statistics.median, zip(*cameras, strict=True))))}")
    if failed:
        named = "".join(f"\n  {row.file}: {row.problem}" for row in failed[:TOLD])
        raise SharpcamError(f"{len(failed)} of {len(rows) - len(left_out)} files failed, the others are done.{named}")


def forecast(found: Found, output: Path) -> None:
    """Say what would be done, and write nothing."""
    manifest = Manifest(output) if output.is_dir() else None
    for row in found.others:
        print(f"{row.file}: {row.status} ({row.problem})")
    for task in found.tasks:
        state = "ours, done again if anything changed" if manifest and manifest.is_ours(task) else "exists already"
        print(f"{task.source} -> {task.target}{f' ({state})' if task.target.exists() else ''}")
    print(f"{len(found.tasks)} files; nothing was written")


def work_of(asked: argparse.Namespace, tasks: list[Task]) -> Work:
    """Everything loaded that these tasks need: each engine only where a file is for it."""
    encoding = Encoding(asked.codec, asked.preset or Encoding.preset, asked.quality, cores())
    model = catalogue.find(asked.model, Paths.here())
    print(f"model: {model.title} ({model.for_files}){f'. {model.note}' if model.note else ''}", flush=True)
    videos = [task for task in tasks if is_video(task.source)]
    engine, threads = engine_for(model, asked.engine), asked.threads
    if len(tasks) == len(videos) == 1:
        engine, threads = remembered(videos[0], engine, threads)
    for_pictures = REFERENCE if engine == "auto" else engine  # others would compile each new size
    names = {engine for engine, needed in ((for_pictures, len(videos) < len(tasks)), (engine, videos)) if needed}
    enhancers = {name: enhancer_of(asked, model.for_files, name, threads) for name in names}
    return Work(
        pictures_by=enhancers.get(for_pictures) or enhancers[engine],
        videos_by=enhancers.get(engine) or enhancers[for_pictures],
        encoding=encoding,
        upright=asked.fit or asked.compare is not None or asked.size is not None,  # a size is meant as it is seen
        megapixels=asked.megapixels,
        quality=QUALITY if asked.quality is None else asked.quality,
        segment_frames=asked.segment_frames,
        calm=asked.calm,
        keep_interlaced=asked.keep_interlaced,
        compared=asked.compare,
    )


def enhancer_of(asked: argparse.Namespace, contract: Path, engine: str, threads: int | None) -> Enhancer:
    """The student, beside another where one asks for that. The teacher knows only the target geometry."""
    fitted = asked.fit or asked.compare == TEACHER
    student = turned(load_upscaler(contract, engine=engine, threads=threads, fitted=fitted), asked)
    print(f"engine: {student.student.engine}, {student.student.threads} threads", flush=True)
    if asked.compare is None:
        return student
    return compare(student, asked.compare, lambda name: catalogue.find(name, Paths.here()))


def turned(upscaler: Upscaler, asked: argparse.Namespace) -> Upscaler:
    """The upscaler with what was asked of its dials and strength, and of the size of its pictures."""
    if asked.size or asked.scale not in (None, upscaler.scale):
        upscaler = replace(upscaler, sizing=Sizing(asked.scale or 1, asked.size))
    return upscaler.with_strength(asked.strength).with_fixed(noise=asked.denoise, blur=asked.sharpen)


def remembered(task: Task, engine: str, threads: int | None) -> tuple[str, int | None]:
    """The engine and threads of a video that was begun, where none are asked for: its parts must come of one engine."""
    begun = (known_identity(part_of(task.target)) or {}).get("enhancer", {})
    if engine != "auto" or threads or "engine" not in begun:
        return engine, threads
    return begun["engine"], begun["threads"]


def enhance(asked: argparse.Namespace) -> None:
    """The command."""
    refuse_ignored(asked)
    if asked.input.startswith(CAMERA):
        view(asked)
        return
    if asked.output is None:
        raise SharpcamError("Missing -o OUTPUT. Only a camera can do without.")
    source, output = Path(asked.input), Path(asked.output)
    found = find_tasks(source, output)
    if asked.dry_run:
        forecast(found, output)
        return
    with only_once(f"enhance-{sha256_of_text(str(output.resolve()))[:16]}", paths=Paths.here()):
        work = work_of(asked, found.tasks)
        if source.is_dir():
            enhance_folder(found, work, output, jobs=asked.jobs, overwrite=asked.overwrite)
        else:
            enhance_one(found.tasks[0], work, overwrite=asked.overwrite)


def view(asked: argparse.Namespace) -> None:
    """A camera through the student, to a window, a file or a virtual camera."""
    address = asked.input.removeprefix(CAMERA)
    camera = load_params(Paths.here().params).capture.camera
    model = catalogue.find(asked.model, Paths.here())
    engine = engine_for(model, asked.engine)
    upscaler = turned(load_upscaler(model.contract, engine=engine, threads=asked.threads, fitted=asked.fit), asked)
    watch(
        int(address) if address.isdigit() else address,
        camera,
        upscaler.streaming(asked.calm),
        Encoding(asked.codec, asked.preset or CAMERA_PRESET, asked.quality, cores()),
        output=Path(asked.output) if asked.output else None,
        virtual=asked.virtual_camera,
        seconds=asked.seconds,
    )


def main(words: list[str] | None = None) -> int:
    """Parse, enhance, and say in words what went wrong."""
    asked = arguments_of(words, about=__doc__)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the names of files may be any bytes

    def work() -> None:
        try:
            enhance(asked)
        except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise SharpcamError(f"OUTPUT cannot be at {error.filename} ({error.strerror}). Choose another.") from None

    with library_lines(shown=asked.library_lines):
        return run_command(work)
