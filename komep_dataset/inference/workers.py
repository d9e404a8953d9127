"""Several workers ask one endpoint: datatrove's executors, on this machine, on a Ray cluster, as a Slurm array.

Requests are dealt out by their key, each worker keeps what it hears in a log of its own, and the process that
started them joins by key: the table is that of one worker. A worker gets its share of the endpoint's `concurrency`;
the budget is one, since the meters of all workers lie in one folder.

Two habits of datatrove write to files: an executor's configuration (`executor.json`, `executor.pik`), and, where a
step raises, a traceback with the values of variables. So a step holds the name of the key's variable and never the
key, which every worker reads from its own environment, and it raises nothing: it leaves its outcome in a file.
Imports datatrove: import this module only when there are workers to start.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

os.environ.setdefault("LOGURU_DIAGNOSE", "NO")  # read when loguru is imported, here and in every worker

from datatrove.executor.base import PipelineExecutor
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.executor.ray import RayPipelineExecutor
from datatrove.pipeline.base import PipelineStep

from komep_dataset.config.config import Endpoint, Executor
from komep_dataset.errors import KomepError, held, require
from komep_dataset.inference.costs import Meter
from komep_dataset.inference.jobs import (
    JOBS,
    Outcome,
    clear_jobs,
    outcome_path,
    read_outcomes,
    read_shard,
    write_shards,
)
from komep_dataset.inference.reply_log import ENGINE_LOG, Reply, ReplyLog, logs_of, open_log, worker_log
from komep_dataset.inference.servers import local_servers
from komep_dataset.progress import tell
from komep_dataset.system import end_with_parent

SUBMITTED = "slurm.json"
POLL_SECONDS = 0.5
MOST_DEATHS = 3  # of one worker in a run; one more would be no accident


class AskShard(PipelineStep):
    """datatrove step: the requests of one rank, asked and kept. Holds no secret, raises nothing.

    `url` is the address of a server that runs already; empty where the worker starts one for itself, one a node.
    """

    name = "Ask"
    type = "KoMeP"

    def __init__(self, endpoint: Endpoint, folder: Path, url: str, label: str):
        super().__init__()
        self.endpoint, self.folder, self.url, self.label = endpoint, folder, url, label

    def run(self, data=None, rank: int = 0, world_size: int = 1):
        try:
            outcome = Outcome(self._ask(rank, world_size))
        except KomepError as error:
            outcome = Outcome({}, str(error), error.exit_code)
        except Exception as error:  # its message alone: a traceback would show values
            outcome = Outcome({}, f"{self.label}: worker {rank}: {type(error).__name__}: {error}")
        beside = outcome_path(self.folder, rank).with_suffix(".tmp")
        beside.write_text(json.dumps(asdict(outcome), ensure_ascii=False), "utf-8")
        beside.replace(outcome_path(self.folder, rank))

    def _ask(self, rank: int, world_size: int) -> dict[str, dict[str, Any]]:
        from komep_dataset.inference.client import Target
        from komep_dataset.inference.loop import Asking, run_requests

        # Servers of our own, one a worker, have their full limit each; a shared address is shared out.
        own = bool(self.endpoint.server) and not self.url
        limit = self.endpoint.in_flight if own else share(self.endpoint.in_flight, rank, world_size)
        with local_servers() as servers, open_log(worker_log(self.folder, rank)) as log:
            todo = {key: body for key, body in read_shard(self.folder, rank).items() if key not in log.rows}
            if not todo:
                return {}
            answered = any(path.stat().st_size for path in logs_of(self.folder) if path.exists())
            url, is_up = self.url, lambda: True
            if own:
                url, is_up = servers.address(self.endpoint, self.folder / JOBS / f"{rank:05d}")
            target = Target(self.endpoint, url, self.endpoint.api_key(), is_up, limit)
            asking = Asking(target, log, self.folder, self.label, answered)
            with Meter.of(self.endpoint) as meter:
                failures = run_requests(todo, asking, meter, f"{rank:05d}.{ENGINE_LOG}")
            return {key: reply._asdict() for key, reply in failures.items()}


def share(limit: int, rank: int, workers: int) -> int:
    """A worker's part of an endpoint's concurrency; the parts add up to it."""
    return limit // workers + (rank < limit % workers)


def ask_in_workers(
    todo: dict[str, dict],
    endpoint: Endpoint,
    log: ReplyLog,
    folder: Path,
    label: str,
    advance: Callable[[float], None],
) -> dict[str, Reply]:
    """Ask by the executor of the endpoint's policy; the log takes in what the workers heard.

    Returns:
        failed replies by key.

    Raises:
        KomepError: what a worker raised, a worker that died again and again, a server of our own that ended, or a
            job that Slurm now has.
    """
    settings = endpoint.policy.executor
    if settings.kind == "slurm":
        return _ask_by_slurm(todo, endpoint, log, folder, label)
    workers = endpoint.workers_for(len(todo))
    write_shards(todo, folder, workers)
    with local_servers() as servers:
        url, is_up = "", lambda: True
        if settings.kind == "local" or not endpoint.server:
            url, is_up = servers.address(endpoint, folder)
        step = AskShard(endpoint, folder.resolve(), url, label)
        with _counting([worker_log(folder, rank) for rank in range(workers)], advance), _silent(folder):
            make_executor(step, settings, workers, folder.resolve() / JOBS).run(is_up)
    return _joined(todo, log, folder, workers, label)


def make_executor(step: AskShard, settings: Executor, workers: int, logs: Path) -> PipelineExecutor:
    """datatrove's executor of a kind, a task a worker; nothing has been started yet.

    Ray's joins the cluster that RAY_ADDRESS names, or starts one on this machine. No key travels with a job: a worker
    reads it from its node's environment.
    """
    common = {"pipeline": [step], "tasks": workers, "workers": workers, "logging_dir": str(logs)}
    if settings.kind == "local":
        return _LocalExecutor(**common)
    common |= {"cpus_per_task": settings.cpus, "gpus_per_task": settings.gpus}
    if settings.kind == "ray":
        require("ray", "ray")
        import ray

        if not ray.is_initialized():
            variables = {"env_vars": {"LOGURU_DIAGNOSE": "NO"}}
            quiet = {"log_to_driver": False, "include_dashboard": False, "logging_level": "ERROR"}
            ray.init(**quiet, runtime_env=variables)
        return _RayExecutor(**common, mem_per_cpu_gb=settings.memory_gb / settings.cpus)
    from datatrove.executor.slurm import SlurmPipelineExecutor

    activate = Path(sys.prefix) / "bin" / "activate"
    setup = settings.setup or (f"source {activate}" if activate.exists() else "true")
    return SlurmPipelineExecutor(
        **common,
        mem_per_cpu_gb=max(1, settings.memory_gb // settings.cpus),
        time=settings.time,
        partition=settings.partition,
        qos=settings.qos,
        job_name="komep-" + "".join(c if c.isalnum() else "-" for c in step.label),
        env_command=f"{setup}; export LOGURU_DIAGNOSE=NO",
        requeue_signals=None,
    )


class _Watching(PipelineExecutor):
    """Runs every rank until it has left its outcome: a worker that dies before is started anew and goes on from its
    log. datatrove's own executors wait for ever for a process that was killed."""

    @abstractmethod
    def _start(self, rank: int) -> Any:
        """Start a worker for a rank, and do not wait for it."""

    @abstractmethod
    def _ended(self, running: list[Any]) -> Iterable[tuple[Any, str]]:
        """Wait a moment; the workers that have ended, each with how it died if it did."""

    @abstractmethod
    def _end(self, worker: Any) -> None:
        """End a worker and whatever it started."""

    def run(self, is_up: Callable[[], bool] = lambda: True) -> None:
        """Run all ranks; `is_up` tells whether the server that they ask, if it is one of ours, still runs.

        Raises:
            KomepError: a worker has died `MOST_DEATHS` times, or the server has ended. No worker is left then.
        """
        self.save_executor_as_json()
        step: AskShard = self.pipeline[0]
        running: dict[Any, int] = {}
        deaths: Counter[int] = Counter()
        try:
            for rank in range(self.tasks):
                running[self._start(rank)] = rank
            while running:
                for worker, how in self._ended(list(running)):
                    rank = running.pop(worker)
                    if not outcome_path(step.folder, rank).exists():
                        deaths[rank] += 1
                        what = f"{step.label}: worker {rank} {how}"
                        if deaths[rank] == MOST_DEATHS:
                            raise KomepError(
                                f"{what}; it has died {MOST_DEATHS} times, and the others were ended; "
                                f"{step.folder / JOBS / 'logs'} may say why; answers so far are kept, and the same command goes on"
                            )
                        tell(f"warning: {what}; it is started anew and goes on from its log")
                        running[self._start(rank)] = rank
                if not is_up():
                    raise KomepError(
                        f"{step.label}: the server that was started for this stage has ended; server.log says why; "
                        "answers so far are kept, and the same command goes on"
                    )
        finally:
            for worker in running:
                self._end(worker)


def how_it_died(exit_code: int) -> str:
    """What an exit code of `multiprocessing` says: a negative one is the signal that ended the process."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code} and without a word"
    name = next((s.name for s in signal.Signals if s == -exit_code), f"signal {-exit_code}")
    out_of_memory = " (so the kernel does where memory runs out: fewer `workers` need less)"
    return f"was killed by {name}{out_of_memory if name == 'SIGKILL' else ''}"


class _LocalExecutor(_Watching, LocalPipelineExecutor):
    """A process a rank, spawned and not forked: this process has threads, and a fork server would know an older
    environment."""

    def _start(self, rank: int) -> multiprocessing.Process:
        spawn, given = multiprocessing.get_context("spawn"), (self, rank, os.getpid())
        work = spawn.Process(target=_work, args=given, daemon=True)
        # A worker begins without Ctrl-C, which reaches all of us: who started it ends it. Another thread of ours may still
        # take it, so that it is held until the worker has all it is sent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with held():
                work.start()
        except OSError as error:
            raise KomepError(
                f"{self.pipeline[0].label}: worker {rank} cannot be started ({error.strerror}); answers so far are "
                "kept, and the same command goes on"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return work

    def _ended(self, running: list[multiprocessing.Process]) -> Iterator[tuple[Any, str]]:
        wait([worker.sentinel for worker in running], POLL_SECONDS)
        for worker in running:
            if worker.exitcode is not None:  # only then has the kernel let go of the lock of its log
                yield worker, how_it_died(worker.exitcode)

    def _end(self, worker: multiprocessing.Process) -> None:
        worker.kill()  # a stopped process takes no other signal
        worker.join()


def _work(executor: PipelineExecutor, rank: int, parent: int) -> None:
    end_with_parent()
    if os.getppid() != parent:  # it died before
        os._exit(1)
    executor._run_for_rank(rank, 1)  # local rank 0 would write to the terminal


class _RayExecutor(_Watching, RayPipelineExecutor):
    """A Ray task a rank. datatrove's forks another process in each, which outlives it and whose death nobody sees."""

    def _start(self, rank: int) -> Any:
        import ray

        task = ray.remote(
            num_cpus=self.cpus_per_task,
            num_gpus=self.gpus_per_task,
            memory=int(self.mem_per_cpu_gb * self.cpus_per_task * 2**30),
            max_retries=0,  # we start it anew, and count
        )(PipelineExecutor._run_for_rank)
        return task.remote(self, rank, 1)  # local rank 0 would write to the terminal

    def _ended(self, running: list[Any]) -> Iterator[tuple[Any, str]]:
        import ray

        for task in ray.wait(running, timeout=POLL_SECONDS)[0]:
            try:
                ray.get(task)
                yield task, "ended without a word"
            except ray.exceptions.RayError as error:
                yield task, f"died ({type(error).__name__}: {str(error).splitlines()[0]})"

    def _end(self, worker: Any) -> None:
        import ray

        ray.cancel(worker, force=True)
        ray.wait([worker], timeout=10)


def _ask_by_slurm(
    todo: dict[str, dict], endpoint: Endpoint, log: ReplyLog, folder: Path, label: str
) -> dict[str, Reply]:
    """Hand the requests to Slurm and stop; the same command, given when the job has ended, goes on."""
    submitted = folder / JOBS / SUBMITTED
    if submitted.exists():
        job = json.loads(submitted.read_text("utf-8"))
        outcomes = read_outcomes(folder, job["workers"])
        if None in outcomes and _slurm_has(job["id"]):
            ended = job["workers"] - outcomes.count(None)
            raise KomepError(
                f"{label}: Slurm's job {job['id']} is at work, {ended} of {job['workers']} tasks have ended; give "
                "the same command again when all have"
            )
        log.read(logs_of(folder))
        if None not in outcomes:
            missing = [key for key in todo if key not in log.rows]
            failed = {key for outcome in outcomes for key in outcome.failures}
            if failed.issuperset(missing) or any(outcome.error for outcome in outcomes):
                return _joined(todo, log, folder, job["workers"], label)
        todo = {key: body for key, body in todo.items() if key not in log.rows}
    workers = max(1, min(endpoint.policy.executor.workers, len(todo)))
    if not endpoint.server:
        workers = min(workers, endpoint.in_flight)
    write_shards(todo, folder, workers)
    step = AskShard(endpoint, folder.resolve(), (endpoint.endpoint or "").rstrip("/"), label)
    executor = make_executor(step, endpoint.policy.executor, workers, folder.resolve() / JOBS)
    script = folder / JOBS / "launch_script.slurm"
    try:
        with _silent(folder):
            executor.run()
    except FileNotFoundError as error:
        missing = f"no {error.filename} on this machine; the script is ready: {script}"
        raise KomepError(f"{label}: {missing}") from None
    except subprocess.CalledProcessError as error:
        raise KomepError(f"{label}: sbatch refused {script} (exit code {error.returncode})") from None
    submitted.write_text(json.dumps({"id": str(executor.job_id), "workers": workers}), "utf-8")
    raise KomepError(
        f"{label}: handed to Slurm as job {executor.job_id}: {len(todo):,} requests, {workers} tasks; give the same "
        "command again when they have ended"
    )


def _slurm_has(job: str) -> bool:
    """Whether Slurm still knows a job as waiting or at work."""
    with suppress(FileNotFoundError):
        listed = subprocess.run(["squeue", "-h", "-j", job], capture_output=True, text=True, check=False)
        return bool(listed.stdout.strip())
    return False


def _joined(todo: dict[str, dict], log: ReplyLog, folder: Path, workers: int, label: str) -> dict[str, Reply]:
    """Take in the workers' logs and outcomes; their folder goes where all went well."""
    log.read(logs_of(folder))
    outcomes = read_outcomes(folder, workers)
    for outcome in outcomes:
        if outcome and outcome.error:
            # It has been read: the next run starts anew.
            clear_jobs(folder)
            raise KomepError(outcome.error, outcome.exit_code)
    failures = {key: Reply(**values) for o in outcomes if o for key, values in o.failures.items()}
    missing = [key for key in todo if key not in log.rows and key not in failures]
    if missing:
        silent = [str(rank) for rank, outcome in enumerate(outcomes) if outcome is None]
        raise KomepError(
            f"{label}: {len(missing):,} requests were not asked: worker {', '.join(silent)} ended without a word; "
            f"{folder / JOBS / 'logs'} may say why; answers so far are kept, and the same command goes on"
        )
    clear_jobs(folder)
    return failures


@contextmanager
def _silent(folder: Path):
    """datatrove's own messages of this process go to a file; values of variables are never printed into it."""
    from loguru import logger

    logger.remove()
    sink = logger.add(folder / JOBS / "datatrove.log", diagnose=False, backtrace=False, encoding="utf-8")
    try:
        yield
    finally:
        with suppress(ValueError):  # a task that ran in this process has removed it
            logger.remove(sink)


@contextmanager
def _counting(logs: list[Path], advance: Callable[[float], None]):
    """Move the progress bar on by the lines that workers write, while the block runs."""
    places = {path: path.stat().st_size if path.exists() else 0 for path in logs}
    over = threading.Event()

    def watch() -> None:
        ended = False
        while not ended:
            ended = over.wait(POLL_SECONDS)
            for path in filter(Path.exists, logs):
                with path.open("rb") as file:
                    file.seek(places[path])
                    new = file.read()
                places[path] += len(new)
                advance(new.count(b"\n"))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
