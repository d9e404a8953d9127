"""The processes of one evaluation: one, or those that `accelerate launch -m evaluation.run` started."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError, require
from komep_dataset.files.locks import locked


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among its like: `rank` of `size`, and the device that is its own (None = any)."""

    rank: int = 0
    size: int = 1
    device: Any = None

    def gather(self, rows: Sequence[Any]) -> list[Any]:
        """The rows of all processes, in the order of their ranks; every process gets them."""
        if self.size == 1:
            return list(rows)
        from accelerate.utils import gather_object

        return gather_object(list(rows))


@contextmanager
def joined(place: Path) -> Iterator[Processes]:
    """The processes of this launch, the first of which holds the lock of a file for all while they work.

    Raises `KomepError`, in every process, where several do not see each other, or another run holds the file.
    """
    processes = join_processes()
    try:
        with ExitStack() as held:
            refusal = []
            if processes.rank == 0:
                try:
                    held.enter_context(locked(place))
                except KomepError as error:
                    refusal = [str(error)]
            if refusals := processes.gather(refusal):
                raise KomepError(refusals[0])
            yield processes
    finally:
        if processes.size > 1:  # who does not leave the group complains when the process ends
            from accelerate import PartialState

            PartialState().destroy_process_group()


def launched() -> int:
    """How many processes a launcher says that it started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join_processes() -> Processes:
    """Join the processes of this launch.

    Raises:
        KomepError: several were launched and do not see each other: each would do all of the work, and they
            would overwrite each other's output.
    """
    if launched() == 1:
        return Processes()
    require("evaluation", "accelerate")
    import torch
    from accelerate import PartialState

    # Without a GPU it has to be told, or the processes stay alone without a word.
    state = PartialState(cpu=not torch.accelerator.is_available())
    if state.num_processes != launched():
        raise KomepError(
            f"{launched()} processes were launched and do not see each other (world size {state.num_processes})"
        )
    return Processes(state.process_index, state.num_processes, state.device)
