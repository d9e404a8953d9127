"""What lies on disk of a batch, and what is removed of it."""

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.inference.batch_files import Batch, BatchFolder

NAME = "0123456789abcdef" * 2


def begun(tmp_path, source="a"):
    files, batch = BatchFolder(tmp_path), Batch(NAME, source, "/completions", tries={"k": 1})
    files.begin(batch, '{"custom_id": "k", "body": {"prompt": "x"}}\n')
    return files, batch


def test_a_batch_is_read_as_it_was_written_by_who_asks_the_same_model(tmp_path):
    files, batch = begun(tmp_path)
    batch.id = "batch_1"
    files.write(batch)
    assert BatchFolder(tmp_path).of("a") == [batch] and files.of("b") == []
    assert files.requests(batch) == {"k": {"prompt": "x"}}


def test_what_belongs_to_no_batch_goes_and_what_is_not_ours_stays(tmp_path):
    files, batch = begun(tmp_path)
    place = tmp_path / "batches"
    other = "f" * 32
    left = [f"{other}.jsonl", f"{other}.0.answers", f".{other}.json.writing-0123456789ab.json"]
    for name in [*left, "notes.jsonl", "mine.json"]:
        (place / name).write_text("{}")
    files.sweep()
    assert {path.name for path in place.iterdir()} == {
        f"{NAME}.json",
        f"{NAME}.jsonl",
        "notes.jsonl",
        "mine.json",
    }
    files.forget(batch)
    assert {path.name for path in place.iterdir()} == {"notes.jsonl", "mine.json"}


@pytest.mark.parametrize("name", [f"{NAME}.json", f"{NAME}.jsonl"])
@pytest.mark.parametrize("content", ["[1]", '{"name": "012', "", "\0\0"])
def test_a_file_that_cannot_be_read_is_named_with_what_it_stands_for_and_stays(tmp_path, name, content):
    files, batch = begun(tmp_path)
    (tmp_path / "batches" / name).write_text(content)
    for _ in range(2):  # the same command again does not pay anew
        with pytest.raises(KomepError, match=rf"{name}: cannot be read; it .* asked anew"):
            files.sweep()
            files.of("a")
            files.requests(batch)
