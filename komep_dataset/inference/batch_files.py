"""Batches on disk, in the folder `batches` of a stage: what was sent to an endpoint, so that nothing is paid for twice.

The requests of a batch (`NAME.jsonl`) and its state (`NAME.json`) are there before anything is sent; they go, the state
first, when every answer is in the log.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from komep_dataset.errors import KomepError
from komep_dataset.files.outputs import json_with, write_json

FOLDER = "batches"
_STATE = re.compile(r"([0-9a-f]{32})\.json")
_OURS = re.compile(r"\.?([0-9a-f]{32})\.(?:jsonl|\d\.answers|json\.writing-[0-9a-f]{12}\.json)")


@dataclass(slots=True)
class Batch:
    """A batch as its state has it: which model it asks at which path, and how far it has come.

    `tries` and `left_out` are by key of a request, where there were any before: batches that it was in, and parameters
    without which it is sent. `asked` is whether the endpoint may have been told to make it.
    """

    name: str
    source: str
    path: str
    tries: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    file: str = ""
    asked: bool = False
    id: str = ""


class BatchFolder:
    """The batches that were sent from a stage's folder and whose answers are not in its log."""

    def __init__(self, folder: Path):
        self._folder = folder / FOLDER

    def of(self, source: str, others: bool = False) -> list[Batch]:
        """The batches of a model, or of all `others`.

        Raises:
            KomepError: the state of one cannot be read.
        """
        batches = []
        for path in sorted(self._folder.glob("*.json")):
            if _STATE.fullmatch(path.name):
                try:
                    batches.append(Batch(**json.loads(path.read_bytes())))
                except (OSError, ValueError, TypeError, RecursionError):
                    # It stays: without it the batch is paid for again.
                    raise KomepError(
                        f"{path}: cannot be read; it says which batch at the endpoint is paid for: give it back, or "
                        "remove it, and its requests are asked anew"
                    ) from None
        return [batch for batch in batches if (batch.source != source) is others]

    def state(self, batch: Batch) -> Path:
        return self._folder / f"{batch.name}.json"

    def file(self, batch: Batch) -> Path:
        return self._folder / f"{batch.name}.jsonl"

    def begin(self, batch: Batch, requests: str) -> None:
        """Write the requests of a batch, then its state."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.file(batch).write_text(requests, "utf-8")
        self.write(batch)

    def write(self, batch: Batch) -> None:
        write_json(self.state(batch), asdict(batch), json_with("name", "source"))

    def requests(self, batch: Batch) -> dict[str, dict[str, Any]]:
        """The requests of a batch by key, as they were sent."""
        try:
            with self.file(batch).open(encoding="utf-8") as lines:
                requests = {line["custom_id"]: line["body"] for line in map(json.loads, lines)}
        except (OSError, ValueError, KeyError, TypeError):
            requests = {}
        if not requests:
            raise KomepError(
                f"{self.file(batch)}: cannot be read; it has the requests of a batch that is paid for: give it back, or "
                f"remove {self.state(batch)}, and they are asked anew"
            )
        return requests

    def forget(self, batch: Batch) -> None:
        """Remove the files of a batch."""
        self.state(batch).unlink(missing_ok=True)
        self.sweep()

    def sweep(self) -> None:
        """Remove files of ours that belong to no state: what a process left that ended on its way."""
        for path in self._folder.glob("*"):
            ours = _OURS.fullmatch(path.name)
            if ours and not (self._folder / f"{ours[1]}.json").exists():
                path.unlink(missing_ok=True)
        with suppress(OSError):
            self._folder.rmdir()


def read_answers(place: Path, requests: Mapping[str, Any], answers: dict[str, tuple[int, str]]) -> None:
    """Take in the lines of a file that answer a request, as (status, body) by key. The first of a key counts, or the first
    that is no failure."""
    with place.open("rb") as lines:
        for line in lines:
            with suppress(ValueError, TypeError, AttributeError, RecursionError):
                told = json.loads(line)
                key, reply = told.get("custom_id"), told.get("response")
                if key not in requests or answers.get(key, (0,))[0] == 200:
                    continue
                if isinstance(reply, dict) and "choices" in reply:  # without a status about it
                    reply = {"body": reply}
                if isinstance(reply, dict) and reply.get("body") is not None:
                    body, status = reply["body"], reply.get("status_code")
                    status = 200 if status is None else int(status)
                else:  # such as `batch_expired`, which is no status of HTTP
                    body, status = told.get("error") or "a line with neither an answer nor an error", 0
                body = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
                if key not in answers or status == 200:
                    answers[key] = status, body
