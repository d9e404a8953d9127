"""How the time of some work grows with its size: measured against itself in the same run, never against a clock."""

import time
from collections.abc import Callable

TIMES, SLACK = 8, 3  # what is quadratic takes 64 times as long for a size of 8 times, more than 8 * 3
TRIES = 5  # a busy machine makes one try slow, never all of them; what grows too fast fails them all


def grows_with_its_size(work: Callable[[int], object], size: int) -> bool:
    """Whether work of `TIMES` the size takes at most `SLACK` times as much longer, by the least of a few tries each."""

    def seconds(size: int) -> float:
        start = time.process_time()
        work(size)
        return time.process_time() - start

    work(1)  # what is made once
    small = large = float("inf")
    for _ in range(TRIES):
        small, large = min(small, seconds(size)), min(large, seconds(size * TIMES))
        if large <= TIMES * SLACK * small:
            return True
    return False
