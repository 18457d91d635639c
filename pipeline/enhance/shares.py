"""Many files under one bar: each has a share of it, by its pixels."""

from collections.abc import Callable, Iterator
from threading import Event, Lock

from pipeline.core.errors import SharpcamError
from pipeline.core.progress import Bar, progress_bar
from pipeline.enhance.batch import run_all
from pipeline.enhance.enhancer import Advance
from pipeline.enhance.images.read import picture_size
from pipeline.enhance.names import is_video
from pipeline.enhance.tasks import Row, Task
from pipeline.media.video import look_at

KILO = 1000  # pixels in one step of the bar


class FileProgress:
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
            share = FileProgress(bar, sizes[task], lock, leave)
            try:
                return attempt(task, share.advance)
            finally:
                share.finish()

        yield from run_all(tasks, with_share, jobs=jobs, leave=leave)
