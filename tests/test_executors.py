"""Several workers at one endpoint: the table of one worker, no key in any file, the job that Slurm would get."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback import Fault, Loopback, last_text, loopback

from komep_dataset.config import Endpoint, Executor, Policy
from komep_dataset.errors import KomepError
from komep_dataset.inference import Reply, Request, ask, request_key
from komep_dataset.replies import logs_of

pytest.importorskip("datatrove", reason="needs the extra [llm]")
from komep_dataset import executors

SECRET = "sk-komep-00112233445566778899"
KEY_ENV = "KOMEP_EXECUTORS_TEST_KEY"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_ENV, SECRET)


def echo(body: dict) -> str:
    return f"re: {last_text(body)}"


def requests(n: int) -> list[Request]:
    return [Request(f"q{i}", {"messages": [{"role": "user", "content": f"q{i}"}]}) for i in range(n)]


def endpoint(url: str, *, budget: float | None = None, money: Path | None = None, **executor) -> Endpoint:
    prices = None
    if money:
        money.mkdir(exist_ok=True)
        prices = money / "prices.yaml"
        prices.write_text(
            'currency: EUR\nmodels:\n  m: {input: 1, output: 0, date: "2026", source: "a test"}\n'
        )
    spending = money / "spending" if money else None
    policy = Policy(executor=Executor(**executor), budget=budget, prices=prices, spending=spending)
    return Endpoint(
        model="m", endpoint=url, api_key_env=KEY_ENV, concurrency=6, max_attempts=2, policy=policy
    )


def ask_all(url: str, folder: Path, n: int = 40, **changes) -> dict[str, Reply]:
    return ask(requests(n), endpoint(url, **changes), folder, label="test")


def no_file_holds_the_key(folder: Path) -> bool:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return bool(files) and not [path for path in files if SECRET.encode() in path.read_bytes()]


def faulty(body: dict, attempt: int) -> Fault | None:
    """Every third request fails once, one of them for good."""
    number = int(last_text(body)[1:])
    if number == 7:
        return Fault(400, f"refused, you sent {SECRET}")
    return Fault(503, "busy", {"Retry-After": "0"}) if number % 3 == 0 and attempt == 1 else None


def same_as_one_worker(tmp_path: Path, **executor) -> Loopback:
    """Ask by an executor and by one process; the replies must be equal. Returns the executor's server."""
    with loopback(Loopback(echo, faults=faulty)) as (_, url):
        alone = ask_all(url, tmp_path / "one")
    with loopback(Loopback(echo, faults=faulty, delay=0.02)) as (state, url):
        many = ask_all(url, tmp_path / "many", **executor)
        assert many == alone and many["q7"].failed and "***" in many["q7"].failure
        assert len(logs_of(tmp_path / "many")) == 1 + executor["workers"]
        assert state.most_in_flight <= 6 and state.repeats == 0
        assert set(state.authorizations) == {f"Bearer {SECRET}"}
        asked = len(state.calls)
        again = ask_all(url, tmp_path / "many")  # one worker reads what several heard
        assert again == alone and len(state.calls) == asked + 1  # the failed one alone
    assert not (tmp_path / "many" / executors.JOBS).exists()
    assert no_file_holds_the_key(tmp_path)
    return state


def test_a_share_is_never_more_than_the_whole_and_keys_are_dealt_out_by_content():
    for limit, workers in ((6, 4), (400, 7), (3, 3)):
        assert sum(executors.share(limit, rank, workers) for rank in range(workers)) == limit
    ranks = {executors.rank_of(request_key({"n": n}, "m"), 4) for n in range(100)}
    assert ranks == {0, 1, 2, 3}


def test_several_local_workers_give_the_table_of_one(tmp_path):
    same_as_one_worker(tmp_path, kind="local", workers=2)


def test_what_stops_a_worker_stops_the_run_and_the_key_is_in_no_file(tmp_path):
    wrong = Fault(401, f'{{"error": "you sent {SECRET}"}}')
    with (
        loopback(Loopback(echo, faults=lambda *_: wrong)) as (_, url),
        pytest.raises(KomepError, match=f"check the key in {KEY_ENV}"),
    ):
        ask_all(url, tmp_path / "w", workers=2)
    assert no_file_holds_the_key(tmp_path)


def test_the_files_of_workers_at_work_do_not_hold_the_key(tmp_path, monkeypatch):
    seen = []
    real = executors.shutil.rmtree

    def look(folder, **options):
        if Path(folder).is_dir():
            seen.extend(path.name for path in Path(folder).rglob("*") if path.is_file())
            assert no_file_holds_the_key(Path(folder))
        real(folder, **options)

    monkeypatch.setattr(executors.shutil, "rmtree", look)
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path / "w", n=6, workers=2)
    assert {"executor.json", "task_00000.log", "outcome.00001.json"} <= set(seen)


def test_one_budget_holds_for_all_workers(tmp_path):
    state = Loopback(echo, delay=0.05)
    state.usage = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
    with loopback(state) as (_, url):
        with pytest.raises(KomepError, match="the budget is reached"):
            ask_all(url, tmp_path / "w", n=300, workers=2, budget=60.0, money=tmp_path / "p")
        # A worker knows what others spent half a second late.
        assert 60 <= len(state.calls) < 200


KILLED = """
import sys
from pathlib import Path
from komep_dataset.config import Endpoint, Executor, Policy
from komep_dataset.inference import Request, ask
if __name__ == "__main__":
    requests = [Request(f"q{i}", {"messages": [{"role": "user", "content": f"q{i}"}]}) for i in range(120)]
    endpoint = Endpoint(model="m", endpoint=sys.argv[1], concurrency=6, policy=Policy(executor=Executor(workers=2)))
    replies = ask(requests, endpoint, Path(sys.argv[2]), label="test")
    assert all(replies[f"q{i}"].text == f"re: q{i}" for i in range(120))
"""


@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them_and_the_same_command_goes_on(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    with loopback(Loopback(echo, delay=0.1)) as (state, url):
        command = [sys.executable, str(script), url, str(tmp_path / "w")]
        child = subprocess.Popen(command)
        deadline = time.monotonic() + 60
        while len(state.calls) < 30 and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        time.sleep(0.5)
        calls = len(state.calls)
        time.sleep(0.5)
        assert len(state.calls) == calls < 120  # nobody asks any more
        subprocess.run(command, check=True, timeout=120)
    assert state.repeats <= 6


def slurm_settings() -> dict:
    settings = {"kind": "slurm", "workers": 3, "partition": "cpu", "time": "01:30:00", "qos": "normal"}
    return settings | {"cpus": 2, "memory_gb": 8, "gpus": 1, "setup": "source /opt/env/bin/activate"}


def test_without_slurm_the_script_is_there_to_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        loopback(Loopback(echo)) as (state, url),
        pytest.raises(KomepError, match=r"no sbatch on this machine; the script is ready: .*launch_script"),
    ):
        ask_all(url, tmp_path / "w", **slurm_settings())
    assert not state.calls
    text = (tmp_path / "w" / executors.JOBS / "launch_script.slurm").read_text()
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", text, re.MULTILINE))
    assert options["array"] == "0-2%3" and options["partition"] == "cpu" and options["time"] == "01:30:00"
    assert options["cpus-per-task"] == "2" and options["mem-per-cpu"] == "4G" and options["gpus"] == "1"
    assert options["job-name"] == "komep-test" and options["qos"] == "normal"
    assert "source /opt/env/bin/activate; export LOGURU_DIAGNOSE=NO" in text
    assert "launch_pickled_pipeline" in text
    assert no_file_holds_the_key(tmp_path)


def stand_in(folder: Path, **scripts: str) -> None:
    """Programs of Slurm's names that do what the text says."""
    folder.mkdir()
    for name, text in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_slurm_job_is_handed_over_waited_for_and_joined(tmp_path, monkeypatch):
    """Stand-ins for sbatch, srun, scontrol and squeue run the real script of the job, task after task."""
    tasks = tmp_path / "tasks.sh"
    stand_in(
        tmp_path / "bin",
        # The last argument is the script; the job that merges statistics has no array and is not run.
        sbatch=f'grep -q "array=0-2" "${{@: -1}}" && cp "${{@: -1}}" {tasks}; echo "Submitted batch job 42"',
        srun='shift 3; exec "$@"',
        scontrol="echo node1",
        squeue=f"test -e {tmp_path}/ended || echo 42",
    )
    programs = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", programs)
    settings = {"kind": "slurm", "workers": 3, "partition": "cpu", "setup": "true"}
    with loopback(Loopback(echo, faults=faulty)) as (state, url):
        with pytest.raises(KomepError, match="handed to Slurm as job 42: 20 requests, 3 tasks"):
            ask_all(url, tmp_path / "w", n=20, **settings)
        with pytest.raises(KomepError, match="job 42 is at work, 0 of 3 tasks have ended"):
            ask_all(url, tmp_path / "w", n=20, **settings)
        assert not state.calls
        for rank in range(3):
            task = {"SLURM_ARRAY_TASK_ID": str(rank), "SLURM_NODELIST": "node1", "PATH": programs}
            subprocess.run(
                ["bash", tasks], env=os.environ | task, check=True, capture_output=True, timeout=60
            )
        (tmp_path / "ended").touch()
        replies = ask_all(url, tmp_path / "w", n=20, **settings)
        calls = len(state.calls)
    assert [id for id, reply in replies.items() if reply.failed] == ["q7"]
    assert replies["q3"].text == "re: q3" and state.repeats == 0 and calls == 20 + 6 + 1
    assert no_file_holds_the_key(tmp_path)


@pytest.mark.slow
def test_ray_workers_give_the_table_of_one(tmp_path):
    pytest.importorskip("ray", reason="Ray is an extra of its own: pip install 'komep[llm,ray]'")
    same_as_one_worker(tmp_path, kind="ray", workers=2, memory_gb=1)
