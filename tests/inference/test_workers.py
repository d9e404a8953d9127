"""Several workers at one endpoint: the table of one worker, no key in any file, the job that Slurm would get."""

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from komep_dataset.config.config import Config, Endpoint, Executor, Policy, load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference.ask import Body, ask, request_key
from komep_dataset.inference.jobs import rank_of
from komep_dataset.inference.reply_log import ENGINE_LOG, Reply, logs_of
from komep_dataset.responses import respond
from komep_dataset.scores.scoring import score
from komep_dataset.translation.stage import translate
from tests.loopback import Fault, Loopback, answer, last_text, loopback
from tests.responders import write_questions
from tests.scores.responses import response, write_responses
from tests.translation.test_stage import korean, row, write_rows

pytest.importorskip("datatrove", reason="needs the extra [llm]")
from komep_dataset.inference import servers as serving
from komep_dataset.inference import workers as executors

SECRET = "sk-komep-00112233445566778899"
KEY_ENV = "KOMEP_EXECUTORS_TEST_KEY"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv(KEY_ENV, SECRET)


def echo(body: dict) -> str:
    return f"re: {last_text(body)}"


def requests(n: int) -> dict[str, Body]:
    return {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}]} for i in range(n)}


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
        assert many == alone and many["q7"].failure and "***" in many["q7"].failure
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
    ranks = {rank_of(request_key({"n": n}, "m"), 4) for n in range(100)}
    assert ranks == {0, 1, 2, 3}


@pytest.mark.slow
def test_several_local_workers_give_the_table_of_one(tmp_path):
    same_as_one_worker(tmp_path, kind="local", workers=2)


@pytest.mark.slow
def test_what_stops_a_worker_stops_the_run_and_the_key_is_in_no_file(tmp_path):
    wrong = Fault(401, f'{{"error": "you sent {SECRET}"}}')
    with (
        loopback(Loopback(echo, faults=lambda *_: wrong)) as (_, url),
        pytest.raises(KomepError, match=f"check the key in {KEY_ENV}"),
    ):
        ask_all(url, tmp_path / "w", workers=2)
    assert no_file_holds_the_key(tmp_path)


@pytest.mark.slow
def test_the_files_of_workers_at_work_do_not_hold_the_key(tmp_path, monkeypatch):
    seen = []
    real = executors.clear_jobs

    def look(folder):
        if Path(folder).is_dir():
            seen.extend(path.name for path in Path(folder).rglob("*") if path.is_file())
            assert no_file_holds_the_key(Path(folder))
        real(folder)

    monkeypatch.setattr(executors, "clear_jobs", look)
    with loopback(Loopback(echo)) as (_, url):
        ask_all(url, tmp_path / "w", n=6, workers=2)
    assert {"executor.json", "task_00000.log", "outcome.00001.json"} <= set(seen)


@pytest.mark.slow
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
from komep_dataset.config.config import Endpoint, Executor, Policy
from komep_dataset.inference.ask import ask
if __name__ == "__main__":
    requests = {f"q{i}": {"messages": [{"role": "user", "content": f"q{i}"}]} for i in range(120)}
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
        deadline = time.monotonic() + 300
        while len(state.calls) < 30 and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        time.sleep(0.5)
        calls = len(state.calls)
        time.sleep(0.5)
        assert len(state.calls) == calls < 120  # nobody asks any more
        subprocess.run(command, check=True, timeout=300)
    assert state.repeats <= 6


def holder(log: Path) -> int | None:
    """The process that has locked a log."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            for file in (process / "fd").iterdir():
                if file.readlink() == log and "FLOCK" in (process / "fdinfo" / file.name).read_text():
                    return int(process.name)
    return None


@contextmanager
def killing(log: Path, lines: int = 0, times: int = 1):
    """Kill the worker that writes a log once it has so many lines; yields the ids of those killed."""
    killed, over = [], threading.Event()

    def kill() -> None:
        while len(killed) < times and not over.wait(0.002):
            if log.exists() and log.read_bytes().count(b"\n") >= lines:
                pid = holder(log)
                if pid and pid not in killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


QUESTIONS = [f"What does remedy number {n} do?" for n in range(40)]


def with_workers(folder: Path, url: str, **executor) -> Config:
    place = {"endpoint": url, "concurrency": 4, "max_attempts": 2}
    judges = {name: place | {"model": name} for name in ("splitter", "checker")}
    stages = judges | {"translator": place | {"model": "t", "scope": "all"}}
    path = folder / "pipeline.yaml"
    path.write_text(
        yaml.safe_dump(stages | {"responders": [place | {"name": "a", "model": "m"}], "executor": executor})
    )
    return load_config(path)


def run_respond(folder: Path, config: Config) -> Path:
    return respond(write_questions(folder, QUESTIONS), config, "a", folder / "r.parquet").path


def run_score(folder: Path, config: Config) -> Path:
    rows = [response(f"Fact {n} holds. So does {n} and one.", question=q) for n, q in enumerate(QUESTIONS)]
    return score([write_responses(folder, *rows)], config, folder / "s.parquet").path


def run_translate(folder: Path, config: Config) -> Path:
    text = "It harms the kidneys and the retina of every patient in group"
    rows = [row(q, "a", f"{text} {n}.", n / 100) for n, q in enumerate(QUESTIONS)]
    return translate(write_rows(folder / "s.jsonl", *rows), config, folder / "t.parquet").path


def any_stage(body: dict) -> str:
    return korean(body) if body["model"] == "t" else answer(body)


STAGES = {
    run_respond: ["respond/a/replies.00000.log"],
    run_score: ["score/split/replies.00001.log", "score/check/replies.00000.log"],
    run_translate: ["translate/replies.00001.log"],
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_is_killed_is_started_anew_in_every_stage(tmp_path, capsys, stage):
    (tmp_path / "calm").mkdir()
    with loopback(Loopback(any_stage)) as (_, url):
        calm = stage(tmp_path / "calm", with_workers(tmp_path / "calm", url))
    with loopback(Loopback(any_stage, delay=0.04)) as (state, url), ExitStack() as killers:
        config = with_workers(tmp_path, url, kind="local", workers=2)
        killed = [killers.enter_context(killing(config.work / log, lines=3)) for log in STAGES[stage]]
        table = stage(tmp_path, config)
    assert [len(pids) for pids in killed] == [1] * len(killed) and table.read_bytes() == calm.read_bytes()
    assert state.repeats <= 2 * len(killed)  # what a worker has in flight
    told = capsys.readouterr().err.count("was killed by SIGKILL (so the kernel does where memory runs out")
    assert told == len(killed) and not list(config.work.rglob(executors.JOBS))


@pytest.mark.slow
def test_a_worker_that_dies_whenever_it_is_started_ends_the_run_and_the_same_command_goes_on(tmp_path):
    with loopback(Loopback(any_stage, delay=0.04)) as (state, url):
        config = with_workers(tmp_path, url, kind="local", workers=2)
        questions = write_questions(tmp_path, QUESTIONS)
        command = [sys.executable, "-m", "komep_dataset.cli", "respond", str(questions), "--model", "a"]
        command += ["--config", str(tmp_path / "pipeline.yaml"), "-o", str(tmp_path / "r.parquet")]
        with killing(config.work / "respond/a/replies.00001.log", times=executors.MOST_DEATHS) as killed:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 1 and len(killed) == executors.MOST_DEATHS
        assert "respond a: worker 1 was killed by SIGKILL" in done.stderr and "Traceback" not in done.stderr
        assert "answers so far are kept, and the same command goes on" in done.stderr
        assert not [path for path in config.work.rglob("replies.*.log") if holder(path)]
        repeats = state.repeats
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert len(state.answered) == len(QUESTIONS) and state.repeats <= repeats + 4  # what was in flight


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_run(tmp_path):
    """A script without the guard that `multiprocessing` wants: every worker runs it again, and fails."""
    script = tmp_path / "run.py"
    script.write_text(KILLED.replace('if __name__ == "__main__":', "if True:"))
    with loopback(Loopback(echo)) as (state, url):
        command = [sys.executable, str(script), url, str(tmp_path / "w")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and not state.calls
    assert "ended with exit code 1 and without a word; it has died 3 times" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_leaves_no_worker_behind_not_even_a_stopped_one(tmp_path, sent):
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    log = tmp_path / "w" / "replies.00000.log"
    with loopback(Loopback(echo, delay=0.1)) as (_, url):
        child = subprocess.Popen(
            [sys.executable, str(script), url, str(tmp_path / "w")],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 300
        while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(holder(log), signal.SIGSTOP)
        os.killpg(child.pid, sent)  # as a terminal does
        assert child.wait(timeout=120) != 0
        until = time.monotonic() + 60
        while any(map(holder, logs_of(tmp_path / "w"))) and time.monotonic() < until:
            time.sleep(0.01)
    assert not any(map(holder, logs_of(tmp_path / "w")))


SERVER = """
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.05)
        self.do_GET()
        done = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
        self.wfile.write(json.dumps(done).encode())
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_whose_own_server_is_killed_ends_at_once(tmp_path, monkeypatch, workers):
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    monkeypatch.setitem(serving.NEEDS, "vllm", ((), ""))
    monkeypatch.setattr(serving, "serve_command", lambda _, port, merged: [str(script), str(port)])
    policy = Policy(executor=Executor(workers=workers))
    place = Endpoint(model="m", server="vllm", concurrency=4, max_attempts=9, policy=policy)
    folder = tmp_path / "w"

    def kill(servers: serving.LocalServers) -> None:
        while sum(path.read_bytes().count(b"\n") for path in folder.glob("replies*.log")) < 10:
            time.sleep(0.01)
        os.kill(servers._process.pid, signal.SIGKILL)

    with serving.local_servers() as servers:
        threading.Thread(target=kill, args=(servers,), daemon=True).start()
        with pytest.raises(KomepError, match="test: the server that was started for this stage has ended"):
            ask(requests(300), place, folder, label="test")
        again = [
            line.split("asked again after:")[1]
            for log in folder.glob(f"*{ENGINE_LOG}")
            for line in log.open()
        ]
        assert (
            sum(map(int, re.findall(r": (\d+)", " ".join(again)))) <= 4 * workers
        )  # and not nine times each
        assert not any(map(holder, logs_of(folder)))
    with serving.local_servers() as servers:
        assert len(ask(requests(40), place, folder, label="test")) == 40


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


@pytest.mark.slow
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
                ["bash", tasks], env=os.environ | task, check=True, capture_output=True, timeout=300
            )
        (tmp_path / "ended").touch()
        replies = ask_all(url, tmp_path / "w", n=20, **settings)
        calls = len(state.calls)
    assert [id for id, reply in replies.items() if reply.failure] == ["q7"]
    assert replies["q3"].text == "re: q3" and state.repeats == 0 and calls == 20 + 6 + 1
    assert no_file_holds_the_key(tmp_path)


@pytest.mark.slow
def test_ray_workers_give_the_table_of_one(tmp_path):
    pytest.importorskip("ray", reason="Ray is an extra of its own: pip install 'komep[llm,ray]'")
    same_as_one_worker(tmp_path, kind="ray", workers=2, memory_gb=1)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, executors.MOST_DEATHS])
def test_a_ray_worker_that_is_killed_is_started_anew_or_ends_the_run(tmp_path, times):
    pytest.importorskip("ray", reason="Ray is an extra of its own: pip install 'komep[llm,ray]'")
    settings = {"kind": "ray", "workers": 2, "memory_gb": 1}
    with loopback(Loopback(echo, delay=0.1)) as (state, url):
        with killing(tmp_path / "w" / "replies.00000.log", lines=3, times=times) as killed:
            if times == 1:
                assert not any(reply.failure for reply in ask_all(url, tmp_path / "w", **settings).values())
            else:
                with pytest.raises(
                    KomepError, match=r"worker 0 died \(WorkerCrashedError.*same command goes on"
                ):
                    ask_all(url, tmp_path / "w", n=120, **settings)
        assert len(killed) == times and not any(map(holder, logs_of(tmp_path / "w")))
        replies = ask_all(url, tmp_path / "w", **settings)
    assert len(replies) == 40 and state.repeats <= 6 * times


@pytest.mark.slow
def test_what_an_endpoint_refuses_is_said_once_for_all_workers(tmp_path, capfd):
    plan = lambda body, _: Fault(400, "unknown field `seed`") if "seed" in body else None  # noqa: E731
    bodies = {key: body | {"seed": 1} for key, body in requests(12).items()}
    with loopback(Loopback(echo, faults=plan)) as (_, url):
        replies = ask(bodies, endpoint(url, workers=2), tmp_path, label="test")
    assert {reply.left_out for reply in replies.values()} == {"seed"}
    assert capfd.readouterr().err.count("the endpoint refuses seed") == 1
