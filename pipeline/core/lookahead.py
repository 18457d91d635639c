"""Working ahead in other threads, by a bounded number of items: so that reading, computing and writing overlap."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

T = TypeVar("T")
Given = TypeVar("Given")
Made = TypeVar("Made")
END = object()
LOOK_S = 0.1  # how often a thread that waits for room looks whether it is still wanted


def ahead(items: Iterable[T], *, most: int) -> Generator[T, None, None]:
    """`items`, computed by another thread that is at most `most` of them ahead. What they raise is raised here."""
    waiting: Queue[Any] = Queue(most)
    unwanted = Event()
    thread = Thread(target=_work, args=(items, waiting, unwanted), daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not END:
            if isinstance(item, _Raised):
                raise item.error
            yield item
    finally:
        unwanted.set()
        thread.join()
        if isinstance(items, Generator):
            items.close()  # what is open in it is closed now, not at some later collection


def map_ahead(function: Callable[[Given], Made], items: Iterable[Given], *, threads: int, most: int) -> Iterator[Made]:
    """`map` in `threads` threads, in order, at most `most` results ahead of the one that is taken."""
    running: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) >= most:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


class _Raised:
    """What the other thread raised, on its way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def _work(items: Iterable[Any], waiting: "Queue[Any]", unwanted: Event) -> None:
    last: Any = END
    try:
        for item in items:
            if not _put(item, waiting, unwanted):
                return
    except BaseException as error:
        last = _Raised(error)
    _put(last, waiting, unwanted)


def _put(item: Any, waiting: "Queue[Any]", unwanted: Event) -> bool:
    """Whether there was room for it before nobody wanted it any more."""
    while not unwanted.is_set():
        try:
            waiting.put(item, timeout=LOOK_S)
        except Full:
            continue
        return True
    return False
