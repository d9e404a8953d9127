"""`komep export`: a release's pairs written for another trainer, one file a split, and the lines that its users paste."""

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from komep_dataset.errors import KomepError
from komep_dataset.exports.registry import DATA, format_named, line
from komep_dataset.files.locks import locked
from komep_dataset.files.outputs import check_folder, check_writable, in_release, read_own_json
from komep_dataset.gates.template_marks import special_tokens
from komep_dataset.progress import counted, progress_bar
from komep_dataset.release.facts import pair_config, read_facts
from komep_dataset.release.rows import data_files
from komep_dataset.release.sums import check_whole, file_sums
from komep_dataset.schema import SPLITS
from komep_dataset.system import exchange

RECORD = "export.json"  # what a folder holds, by which the next export knows it as ours
_KEYS = {"format", "config", "content_hash", "rows", "files"}


@dataclass(frozen=True, slots=True)
class Export:
    """What was written: `rows` of each split that has any, `settings` (name and text of the file to paste), `notes`."""

    folder: Path
    config: str
    page: str
    rows: dict[str, int]
    settings: tuple[str, str]
    notes: list[str]


def export(release: Path, format: str, output: Path | None = None, config: str | None = None) -> Export:
    """Write the pairs of one config of a release for another trainer.

    Args:
        release: what `komep build` wrote.
        format: `axolotl`, `llama-factory`, `nemo-rl`, `openai` or `openrlhf`.
        output: folder of the export, by default `RELEASE-FORMAT`; replaced in one step at the end. Of the same release it
            holds the same bytes, wherever it lies.
        config: `ko` or `en`; None = `ko` if the release has it, else `en`.

    Texts are written as they are (axolotl's without blanks around an answer). A split without pairs gets no file.

    Raises:
        KomepError: an unknown format or config (exit code 2), no release, no pair in the split train, or a folder that
            holds anything but an export of ours.
    """
    release, kind = Path(release), format_named(format)
    output = Path(f"{release.resolve().name}-{kind.name}" if output is None else output)
    facts = read_facts(release)
    config = pair_config(release, facts, config)
    counts = facts["rows"][config]
    if not counts["train"]:
        raise KomepError(
            f"{release}: {config} has no pair in the split train, and {counts['test']} in test: nothing to train on"
        )
    splits = [split for split in SPLITS if counts[split]]
    with _replacing(output) as folder:
        check_whole(release)
        rows, marked = dict.fromkeys(splits, 0), []
        with progress_bar("exporting", sum(counts.values()), "pairs") as advance:
            for split in splits:
                with (folder / DATA[split]).open("w", encoding="utf-8", newline="\n") as file:
                    for found in _pairs(release, config, split):
                        texts = [found[side][0]["content"] for side in ("chosen", "rejected")]
                        file.write(line(kind.row(found["prompt"], *texts)))
                        if any(map(special_tokens, (found["prompt"][0]["content"], *texts))):
                            marked.append(found["question_id"])
                        rows[split] += 1
                        advance(1)
        settings = kind.settings(splits)
        for name, text in {**kind.beside(splits), settings[0]: settings[1]}.items():
            (folder / name).write_text(text, "utf-8")
        record = {"format": kind.name, "config": config, "content_hash": facts["content_hash"], "rows": rows}
        names = sorted(path.name for path in folder.iterdir())
        content = json.dumps(record | {"files": file_sums(folder, names)}, indent=1)
        (folder / RECORD).write_text(content + "\n", "utf-8")
    notes = [f"no pair in the split {split}: no {DATA[split]}" for split in SPLITS if split not in splits]
    if marked:
        notes.append(
            f"{counted(len(marked), 'pair')} with special tokens of chat templates (first: question {marked[0]}), which a trainer may "
            "take for its own; `komep build --marks reject` leaves them out"
        )
    return Export(output, config, kind.page, rows, settings, notes)


def _pairs(release: Path, config: str, split: str) -> Iterator[dict[str, Any]]:
    """`prompt`, `chosen`, `rejected` and `question_id` of each pair of a split, in the order of the files."""
    columns = ["prompt", "chosen", "rejected", "question_id"]
    for path in data_files(release, config, split):
        try:
            with pq.ParquetFile(path) as source:
                for batch in source.iter_batches(1_000, columns=columns):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            told = f"cannot be read ({error}); `komep verify {release}` says more"
            raise KomepError(f"{path}: {told}") from error


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds an export as it was written, and nothing else."""
    record = read_own_json(folder / RECORD)
    if not isinstance(record, dict) or not record.keys() >= _KEYS or not isinstance(record["files"], dict):
        return False
    names = sorted(path.name for path in folder.iterdir() if path.name != RECORD)
    if names != sorted(record["files"]) or not all((folder / name).is_file() for name in names):
        return False
    return file_sums(folder, names) == record["files"]


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """A folder beside `output` to fill; put in its place if the block ends well, removed if it does not."""
    what = "export as `komep export` wrote it"
    place = check_folder(output, _is_ours, what)
    check_writable(place)
    if in_release(place / RECORD):
        what = "lies in a release, which a build alone writes; name another folder"
        raise KomepError(f"--output {output}: {what}")
    with locked(place):
        new = place.with_name(f".{place.name}.exporting-{uuid.uuid4().hex[:12]}")
        try:
            new.mkdir()
            yield new
            if not (check_folder(output, _is_ours, what).exists() and exchange(new, place)):
                if place.is_dir() and any(place.iterdir()):
                    place.rename(old := new.with_name(f"{new.name}-old"))
                    new.rename(place)
                    new = old
                else:
                    new.rename(place)
        except OSError as error:
            raise KomepError(f"{output}: cannot be written ({error.strerror or error})") from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
