"""The folder of a job at work: what is put there, and that nothing else ever goes."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.inference.jobs import JOBS, clear_jobs, write_shards


def test_what_no_job_has_written_is_never_removed(tmp_path):
    jobs = tmp_path / "w" / JOBS
    for name in ("notes.txt", "logs/mine.log", "logs/task_00000.log", "stats.json"):
        path = jobs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    before = sorted(jobs.rglob("*"))
    with pytest.raises(KomepError, match=r"jobs/(notes.txt|logs/mine.log): not written by a job of ours"):
        write_shards({}, tmp_path / "w", 2)
    assert sorted(jobs.rglob("*")) == before
    clear_jobs(tmp_path / "w")  # at the end of a job, when somebody put files into its folder
    assert sorted(path for path in jobs.rglob("*") if path.is_file()) == [
        jobs / "logs" / "mine.log",
        jobs / "notes.txt",
    ]


def test_no_link_is_followed_when_a_job_is_cleared(tmp_path):
    theirs = tmp_path / "theirs"
    (theirs / "logs").mkdir(parents=True)
    (theirs / "stats.json").write_text("theirs")
    (theirs / "logs" / "task_00000.log").write_text("theirs")
    for inside in (False, True):
        folder = tmp_path / f"w{inside}"
        link = folder / JOBS / "logs" if inside else folder / JOBS
        link.parent.mkdir(parents=True)
        link.symlink_to(theirs / "logs" if inside else theirs)
        with pytest.raises(KomepError, match=f"{link}: not written by a job of ours"):
            write_shards({}, folder, 2)
        clear_jobs(folder)
        assert link.is_symlink() and len([p for p in theirs.rglob("*") if p.is_file()]) == 2


def test_the_folder_of_an_earlier_job_makes_room_for_the_next(tmp_path):
    jobs = tmp_path / JOBS
    write_shards({"0" * 64: {}}, tmp_path, 2)
    left = (
        "slurm.json datatrove.log launch_script.slurm executor.json executor.pik ranks_to_run.json stats.json"
    )
    left += " stats/00001.json completions/00001 logs/task_00001.log slurm_logs/42_1.out 00001/server.log"
    for name in left.split():
        (jobs / name).parent.mkdir(exist_ok=True)
        (jobs / name).touch()
    write_shards({}, tmp_path, 1)
    assert [path.name for path in jobs.rglob("*")] == ["requests.00000.log"]
