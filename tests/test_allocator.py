"""Freed memory stays with the process, so that the next tensor needs no new pages."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from komep_dataset.allocator import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bytearray(64 << 20)
before = faults()
for _ in range(8):
    bytearray(64 << 20)
print(faults() - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library than glibc has no such setting"
)
def test_big_blocks_are_used_again():
    """Pages that the system had to hand out while 64 MiB were taken and freed eight times, in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}

    def count(keep: bool) -> int:
        program = [sys.executable, "-c", FAULTS.format(keep=keep)]
        done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment)
        return int(done.stdout)

    assert count(keep=True) < 100 < count(keep=False)
