"""Pictures, folders, videos and a camera through a student.

python -m pipeline.enhance INPUT -o OUTPUT

INPUT is a picture (PNG, JPEG, WebP, TIFF), a video, a folder of both, or camera:0. The answer has twice the input's
size, or with --fit the target geometry. What is finished is skipped, what was killed goes on where it stopped, and
no input is ever changed.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from threading import Event, Lock
from typing import Any

from pipeline import models
from pipeline.engines import REFERENCE, cores
from pipeline.enhancing.batch import COMPARED, REPORT, Manifest, Room, Row, Task, find_tasks, key_of, report, run_all
from pipeline.enhancing.camera_view import watch
from pipeline.enhancing.command_line import CAMERA, CAMERA_PRESET, arguments_of, refuse_ignored
from pipeline.enhancing.comparison import TEACHER, Comparison, compare, write_table
from pipeline.enhancing.encoding import Encoding
from pipeline.enhancing.image_files import (
    QUALITY,
    Picture,
    enhancing_bytes,
    picture_size,
    read_picture,
    writable,
    write_picture,
)
from pipeline.enhancing.names import is_video
from pipeline.enhancing.segments import known_identity
from pipeline.enhancing.upscaler import Advance, Enhancer, Measured, engine_for, load_upscaler
from pipeline.enhancing.video import enhance_video, look_at, part_of
from pipeline.errors import SharpcamError
from pipeline.params import load_params
from pipeline.paths import Paths
from pipeline.progress import Bar, progress_bar
from pipeline.stage import in_words, only_once

KILO = 1000  # pixels in one step of the bar
TOLD = 10  # failures that are named at the end; the report names all


@dataclass(frozen=True)
class Work:
    """What is to be done to every file."""

    pictures_by: Enhancer
    videos_by: Enhancer
    encoding: Encoding
    upright: bool  # pixels are turned as EXIF says; else they stay as they are, and EXIF says so too
    megapixels: float
    quality: int
    segment_frames: int
    compared: str | None = None  # with what
    room: Room = field(default_factory=Room)

    def identity(self, task: Task) -> dict[str, Any]:
        """All that decides what becomes of a file, besides its content."""
        if is_video(task.source):
            return {"enhancer": self.videos_by.identity, "encoding": self.encoding.suited(task.target).options}
        return {"enhancer": self.pictures_by.identity, "quality": self.quality}

    def run(self, task: Task, advance: Advance) -> tuple[Row, list[Measured]]:
        """Enhance one file; gives what was measured of its pictures too."""
        by, run = (self.videos_by, self._video) if is_video(task.source) else (self.pictures_by, self._picture)
        enhancer = by.anew() if isinstance(by, Comparison) else by
        row = run(task, enhancer, advance)
        row.enhanced_bytes = task.target.stat().st_size
        return row, enhancer.measured

    def _picture(self, task: Task, enhancer: Enhancer, advance: Advance) -> Row:
        writable(task.target)
        compared = self.compared is not None
        with self.room.taken(enhancing_bytes(task.source, megapixels=self.megapixels, compared=compared)):
            picture = read_picture(task.source, megapixels=self.megapixels)
            if self.upright:
                picture = picture.upright()
            size = picture.size
            picture = enhanced(picture, enhancer, advance)  # what was read is not kept beside it
            write_picture(task.target, picture, quality=self.quality)
            return Row(task.name, "done", *size, *picture.size, frames=1)

    def _video(self, task: Task, enhancer: Enhancer, advance: Advance) -> Row:
        width, height = look_at(task.source).size
        frames, made = enhance_video(
            task.source,
            task.target,
            enhancer,
            self.encoding,
            segment_frames=self.segment_frames,
            upright=self.upright,
            advance=lambda count: advance(count * width * height),
        )
        return Row(task.name, "done", width, height, *made, frames=frames)


def enhanced(picture: Picture, enhancer: Enhancer, advance: Advance | None = None) -> Picture:
    """The picture that is made of another: its alpha enlarged beside, what its file tells kept."""
    colour = enhancer.enhance(picture.colour, advance)
    alpha = None if picture.alpha is None else enhancer.beside(picture.alpha)
    return replace(picture, colour=colour, alpha=alpha, grey=picture.grey and not isinstance(enhancer, Comparison))


class Share:
    """The part of the bar that belongs to one file; `lock` is the bar's."""

    def __init__(self, bar: Bar, total_px: int, lock: Lock, leave: Event) -> None:
        self.bar, self.total, self.done = bar, total_px, 0
        self.lock, self.leave = lock, leave

    def advance(self, px: int) -> None:
        """So many of its pixels are done. Raises KeyboardInterrupt where nobody waits for it any more."""
        if self.leave.is_set():
            raise KeyboardInterrupt
        with self.lock:
            before, self.done = self.done, min(self.total, self.done + px)
            self.bar.update(self.done // KILO - before // KILO)

    def finish(self) -> None:
        """Nothing more comes of it."""
        self.advance(self.total - self.done)


def size_px(task: Task) -> int:
    """How much work a file is: the pixels of all of its frames; what cannot be read is none."""
    try:
        if is_video(task.source):
            facts = look_at(task.source)
            return facts.frames * facts.size[0] * facts.size[1]
        width, height = picture_size(task.source, megapixels=float("inf"))
        return width * height
    except SharpcamError:
        return 0


def enhance_all(tasks: list[Task], attempt: Callable[[Task, Advance], Row], *, jobs: int) -> Iterator[Row]:
    """The row of each file, as they end, under one bar."""
    sizes = {task: size_px(task) for task in tasks}
    lock, leave = Lock(), Event()
    with progress_bar(what="enhance", total=max(1, sum(px // KILO for px in sizes.values())), unit="kpx") as bar:

        def with_share(task: Task) -> Row:
            share = Share(bar, sizes[task], lock, leave)
            try:
                return attempt(task, share.advance)
            finally:
                share.finish()

        yield from run_all(tasks, with_share, jobs=jobs, leave=leave)


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
    if work.compared:
        write_table(measured, Path(f"{task.target}.{COMPARED}"), other=work.compared)


def enhance_folder(tasks: list[Task], work: Work, output: Path, *, jobs: int, overwrite: bool) -> None:
    """Enhance what is not finished. Raises SharpcamError at the end where some of it failed."""
    manifest = Manifest(output)

    def attempt(task: Task, advance: Advance) -> Row:
        key = key_of(task.source, work.identity(task))
        if manifest.is_done(task, key):
            return Row(task.name, "skipped")
        if task.target.exists() and not (overwrite or manifest.is_ours(task)):
            raise SharpcamError(f"{task.target} exists already and is none of ours. Add --overwrite, or remove it.")
        manifest.begin(task)
        row, measured = work.run(task, advance)
        manifest.add(task, key, measured)
        return row

    rows = []
    with report(output / REPORT) as write:
        for row in enhance_all(tasks, attempt, jobs=jobs):
            write(row)
            rows.append(row)
    failed = [row for row in rows if row.status == "failed"]
    measured = [each for row in rows if row.status != "failed" for each in manifest.measured(row.file)]
    if work.compared and measured:
        write_table(measured, output / COMPARED, other=work.compared)
    skipped = sum(row.status == "skipped" for row in rows)
    new = len(rows) - skipped - len(failed)
    print(f"{new} enhanced, {skipped} finished before, {len(failed)} failed: {output / REPORT}")
    if failed:
        named = "".join(f"\n  {row.file}: {row.problem}" for row in failed[:TOLD])
        raise SharpcamError(f"{len(failed)} of {len(rows)} files failed, the others are done.{named}")


def forecast(tasks: list[Task], output: Path) -> None:
    """Say what would be done, and write nothing."""
    manifest = Manifest(output) if output.is_dir() else None
    for task in tasks:
        state = "ours, done again if anything changed" if manifest and manifest.is_ours(task) else "exists already"
        print(f"{task.source} -> {task.target}{f' ({state})' if task.target.exists() else ''}")
    print(f"{len(tasks)} files; nothing was written")


def work_of(asked: argparse.Namespace, tasks: list[Task]) -> Work:
    """Everything loaded that these tasks need: each engine only where a file is for it."""
    encoding = Encoding(asked.codec, asked.preset or Encoding.preset, asked.quality, cores())
    model = models.find(asked.model, Paths())
    print(f"model: {model.title} ({model.contract}){f'. {model.note}' if model.note else ''}", flush=True)
    videos = [task for task in tasks if is_video(task.source)]
    engine, threads = engine_for(model, asked.engine), asked.threads
    if len(tasks) == len(videos) == 1:
        engine, threads = remembered(videos[0], engine, threads)
    for_pictures = REFERENCE if engine == "auto" else engine  # others would compile each new size
    names = {engine for engine, needed in ((for_pictures, len(videos) < len(tasks)), (engine, videos)) if needed}
    enhancers = {name: enhancer_of(asked, model.contract, name, threads) for name in names}
    return Work(
        pictures_by=enhancers.get(for_pictures) or enhancers[engine],
        videos_by=enhancers.get(engine) or enhancers[for_pictures],
        encoding=encoding,
        upright=asked.fit or asked.compare is not None,
        megapixels=asked.megapixels,
        quality=QUALITY if asked.quality is None else asked.quality,
        segment_frames=asked.segment_frames,
        compared=asked.compare,
    )


def enhancer_of(asked: argparse.Namespace, contract: Path, engine: str, threads: int | None) -> Enhancer:
    """The student, beside another where one asks for that. The teacher knows only the target geometry."""
    fitted = asked.fit or asked.compare == TEACHER
    student = load_upscaler(contract, engine=engine, threads=threads, fitted=fitted)
    print(f"engine: {student.student.engine}, {student.student.threads} threads", flush=True)
    if asked.compare is None:
        return student
    return compare(student, asked.compare, lambda name: models.find(name, Paths()))


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
        raise SharpcamError("Say where to: -o OUTPUT. Only a camera can do without.")
    source, output = Path(asked.input), Path(asked.output)
    tasks = find_tasks(source, output)
    if asked.dry_run:
        forecast(tasks, output)
        return
    with only_once(f"enhance-{hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:16]}", paths=Paths()):
        work = work_of(asked, tasks)
        if source.is_dir():
            enhance_folder(tasks, work, output, jobs=asked.jobs, overwrite=asked.overwrite)
        else:
            enhance_one(tasks[0], work, overwrite=asked.overwrite)


def view(asked: argparse.Namespace) -> None:
    """A camera through the student, to a window, a file or a virtual camera."""
    address = asked.input.removeprefix(CAMERA)
    camera = load_params(Paths().params).capture.camera
    model = models.find(asked.model, Paths())
    engine = engine_for(model, asked.engine)
    enhancer = load_upscaler(model.contract, engine=engine, threads=asked.threads, fitted=asked.fit)
    watch(
        int(address) if address.isdigit() else address,
        camera,
        enhancer,
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

    return in_words(work)


if __name__ == "__main__":
    sys.exit(main())
