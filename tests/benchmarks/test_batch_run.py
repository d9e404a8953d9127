"""What the server of the comparison does to a batch."""

from collections import Counter

from benchmarks.batch_run import faulty_batches, line_faults
from tests.loopback import Loopback


def test_calls_lines_and_whole_batches_fail_in_every_way():
    batches = faulty_batches(Loopback(), seed=1)
    calls = [batches.faults("GET", "/batches/ID", n) for n in range(1000)]
    assert 110 < sum(fault is not None for fault in calls) < 190
    assert {(fault.status, fault.reset) for fault in calls if fault} == {
        (503, False), (429, False), (500, True), (299, False)
    }  # fmt: skip
    ends = Counter(batches.ends({}, n) for n in range(35))
    assert ends == {"failed": 5, "expired": 6, "completed": 24}
    bodies = [{"model": "r", "n": n} for n in range(1100)]
    assert 70 < sum(line_faults(body, 1) is not None for body in bodies) < 130
    assert not any(line_faults(body, 2) for body in bodies)
