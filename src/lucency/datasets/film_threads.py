"""Work on many films in threads, with flat memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Result = TypeVar("Result")


def in_threads(
    jobs: Iterable[tuple[str, list[str]]], work: Callable[[tuple[str, list[str]]], Result], workers: int
) -> Generator[tuple[str, Result], None, None]:
    """Results as they come, with only a few jobs under way, so that memory stays flat.

    Close the generator by hand (`contextlib.closing`) where the loop over it may end early: until then its
    threads go on.

    Args:
        jobs: The key of a film, and the paths of files with its content.
        work: What to do with a job, in one of the threads.
        workers: Threads.

    Yields:
        The key of a film, and what `work` made of it.
    """
    queue = iter(jobs)
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="lucency-decode")
    try:
        running: dict[Future[Result], str] = {}
        while True:
            for job in islice(queue, 2 * workers - len(running)):
                running[pool.submit(work, job)] = job[0]
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            # In the order of submission: the rows of a store then hardly depend on timing.
            for future in [future for future in running if future in finished]:
                yield running.pop(future), future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keeps OpenCV and the linear algebra from starting threads of their own for each small film."""
    import cv2
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(before)
