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

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def gather(self, rows: Sequence[Any]) -> list[Any]:
        """The rows of all processes, in the order of their ranks; every process gets them."""
        if self.size == 1:
            return list(rows)
        from accelerate.utils import gather_object

        return gather_object(list(rows))

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    @contextmanager
    def hold(self, place: Path) -> Iterator[None]:
        """Hold the lock of a file in the first process, for all; every process raises where another run holds it."""
        with ExitStack() as held:
            refusal = []
            if self.is_main:
                try:
                    held.enter_context(locked(place))
                except KomepError as error:
                    refusal = [str(error)]
            if refusals := self.gather(refusal):
                self.close()
                raise KomepError(refusals[0])
            yield

    def close(self) -> None:
        """Leave the group, which else complains when the process ends."""
        if self.size > 1:
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
    require("eval", "accelerate")
    import torch
    from accelerate import PartialState

    # Without a GPU it has to be told, or the processes stay alone without a word.
    state = PartialState(cpu=not torch.accelerator.is_available())
    if state.num_processes != launched():
        raise KomepError(
            f"{launched()} processes were launched and do not see each other (world size {state.num_processes})"
        )
    return Processes(state.process_index, state.num_processes, state.device)
