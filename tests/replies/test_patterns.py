"""Expressions that are compiled when they are first used."""

import copy
import re
import subprocess
import sys

import pytest

from komep_dataset.replies.patterns import Pattern


def test_nothing_is_compiled_before_the_first_use(monkeypatch):
    seen = []
    monkeypatch.setattr(re, "compile", lambda *args, real=re.compile: seen.append(args) or real(*args))
    pattern = Pattern("(?P<word>gout)", re.IGNORECASE)
    assert (pattern.pattern, pattern.flags, seen) == ("(?P<word>gout)", re.IGNORECASE, [])
    assert pattern.search("Gout")["word"] == "Gout" and not pattern.fullmatch("Gouty")
    assert pattern.sub("x", "GOUT.") == "x." and (pattern.groups, len(seen)) == (1, 1)


def test_it_is_no_other_thing():
    pattern = Pattern("a")
    with pytest.raises(AttributeError, match="scan"):
        pattern.scan("a")
    assert copy.copy(pattern).findall("banana") == ["a"] * 3


def test_importing_a_stage_compiles_next_to_nothing():
    """Half of what a command took until it began were expressions that it did not use: 420 of them, a third of a second."""
    code = (
        "import re, sys; ours = set(); real = re.compile\n"
        "def compiled(pattern, flags=0):\n"
        "    file = sys._getframe(1).f_code.co_filename\n"
        "    if 'komep_dataset' in file: ours.add((file, pattern))\n"
        "    return real(pattern, flags)\n"
        "re.compile = compiled\n"
        "import komep_dataset.pipeline.run, komep_dataset.release.build; print(len(ours), *sorted(ours), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split("\n", 1)[0]) < 60, done.stdout
