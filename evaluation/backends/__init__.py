"""What answers the prompts; a further one is one file and one entry here. Heavy imports wait inside."""

from __future__ import annotations

from importlib import import_module

from evaluation.backends.backend import Backend, Job
from evaluation.harness.processes import Processes

BACKENDS = {
    "transformers": "evaluation.backends.local.backend",
    "vllm": "evaluation.backends.vllm",
    "openai": "evaluation.backends.openai",
}

__all__ = ["BACKENDS", "Backend", "Job", "open_backend"]


def open_backend(job: Job, processes: Processes) -> Backend:
    """The backend of a job, its model loaded.

    Raises:
        KomepError: an extra is missing, the model cannot be loaded, or the job asks what the backend cannot do.
    """
    return import_module(BACKENDS[job.backend]).open_backend(job, processes)
