"""A command that is killed at given moments, and what two runs leave."""

import pytest

from benchmarks.disturbed import different, files_of, moments_of, run_killed


def test_kills_are_spread_over_a_run():
    moments = moments_of(900, 9, seed=1)
    assert moments != moments_of(900, 9, seed=2)
    assert [moment // 100 for moment in moments] == list(range(9))


def test_files_that_are_missing_or_other_differ(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "x").mkdir(parents=True)
        (tmp_path / name / "x" / "same.parquet").write_bytes(b"1")
        (tmp_path / name / "x" / "other.parquet").write_bytes(name.encode())
        (tmp_path / name / "x" / "log.txt").write_text(name)
    (tmp_path / "a" / "more.parquet").write_bytes(b"2")
    a, b = files_of(tmp_path / "a"), files_of(tmp_path / "b")
    assert different(a, b) == ["more.parquet", "x/other.parquet"] and different(a, a) == []


def test_a_command_that_fails_ends_the_benchmark():
    with pytest.raises(SystemExit, match="komep score ended with exit code 2: "):
        run_killed(["score"], lambda: 0, [], stops=1)
