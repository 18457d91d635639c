"""What works ahead gives the same, raises the same, and stops when nobody wants it any more."""

import threading

import pytest
from making import until

from pipeline.core.lookahead import ahead, map_ahead


def test_items_come_in_order_and_the_next_ones_are_made_meanwhile():
    made: list[int] = []

    def numbers():
        for number in range(10):
            made.append(number)
            yield number

    found = ahead(numbers(), most=3)
    assert next(found) == 0
    until(lambda: len(made) >= 4)
    assert list(found) == list(range(1, 10))


def test_what_is_raised_there_is_raised_here():
    def broken():
        yield 1
        raise ValueError("there")

    found = ahead(broken(), most=2)
    assert next(found) == 1
    with pytest.raises(ValueError, match="there"):
        next(found)


def test_who_leaves_early_ends_the_thread_and_closes_the_source():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    before = threading.active_count()
    found = ahead(ahead(endless(), most=2), most=2)
    next(found)
    found.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_a_map_in_threads_comes_in_order_and_only_so_far_ahead():
    begun = []
    results = map_ahead(lambda item: begun.append(item) or item, iter(range(20)), threads=3, most=3)
    for expected, given in enumerate(results):
        assert given == expected
        assert len(begun) <= expected + 4
