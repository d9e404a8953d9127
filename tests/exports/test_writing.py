"""`komep export`: the same texts out and back in, nothing of somebody else's replaced, what is empty said."""

import json

import pytest
from typer.testing import CliRunner

import komep_dataset as komep
from komep_dataset.cli import app
from komep_dataset.errors import KomepError
from komep_dataset.exports.registry import formats
from komep_dataset.release.rows import read_rows
from komep_dataset.tables.rows import read_rows as rows_of
from tests.exports.hard_texts import ANSWERS, release


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    return release(tmp_path_factory.mktemp("hard"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def texts(row):
    return tuple(row[side][0]["content"] for side in ("prompt", "chosen", "rejected"))


@pytest.mark.parametrize("name", formats())
def test_every_text_comes_back_as_it_was(name, hard, tmp_path):
    done = komep.export(hard, name, tmp_path / "out")
    assert done.rows == {"train": len(ANSWERS), "test": len(ANSWERS)}
    for split in done.rows:
        wanted = [texts(row) for row in read_rows(hard, "ko", split).iter_rows(named=True)]
        file = done.folder / f"{split}.jsonl"
        assert len(file.read_text("utf-8").splitlines()) == len(wanted)
        read = [pair_texts(row) for _, row in rows_of(file)]
        if name == "axolotl":
            read, wanted = ([(q, a.strip(), b.strip()) for q, a, b in some] for some in (read, wanted))
        assert read == wanted
    assert any("2 pairs with special tokens" in note for note in done.notes)


def pair_texts(row):
    """Prompt and answers of a line in any of the formats, by their documented keys."""

    def text(value):
        value = value.get("messages", value.get("completion", value)) if isinstance(value, dict) else value
        value = value[-1] if isinstance(value, list) else value
        return value.get("content", value.get("value"))

    keys = list(row.values())
    prompt, *answers = keys if len(keys) == 3 else [keys[0], *keys[1]]
    return tuple(map(text, (prompt, *answers)))


def test_the_same_release_gives_the_same_bytes_and_its_own_export_is_replaced(hard, tmp_path):
    first, again = tmp_path / "a", tmp_path / "deep" / "b"
    for folder in (first, again, again):
        komep.export(hard, "openai", folder)
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in again.iterdir()
    }
    komep.export(hard, "nemo-rl", again)
    assert "nemo-rl.yaml" in names(again) and "openai_job.py" not in names(again)
    assert names(tmp_path) == ["a", "deep"] and names(again.parent) == ["b"]


@pytest.mark.parametrize("change", ["edited", "added", "foreign", "release"])
def test_what_is_not_an_export_as_it_was_written_stays(change, hard, tmp_path):
    folder = hard if change == "release" else tmp_path / "out"
    if change in ("edited", "added"):
        komep.export(hard, "axolotl", folder)
        (folder / ("axolotl.yaml" if change == "edited" else "mine.txt")).write_text("my own")
    elif change == "foreign":
        folder.mkdir()
        (folder / "train.jsonl").write_text("my own")
    before = {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(KomepError, match="it is left as it is: name another folder"):
        komep.export(hard, "axolotl", folder)
    assert before == {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert not list(folder.parent.glob(".*"))


def test_nothing_is_written_into_a_release(hard):
    with pytest.raises(KomepError, match="lies in a release"):
        komep.export(hard, "axolotl", hard / "export")
    assert not (hard / "export").exists()


def test_a_disk_that_fails_leaves_the_old_export(hard, tmp_path, monkeypatch):
    komep.export(hard, "axolotl", tmp_path / "out")
    before = (tmp_path / "out" / "train.jsonl").read_bytes()
    monkeypatch.setattr(
        "komep_dataset.exports.writing.line", lambda row: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(KomepError, match="cannot be written"):
        komep.export(hard, "openai", tmp_path / "out")
    assert names(tmp_path) == ["out"] and (tmp_path / "out" / "train.jsonl").read_bytes() == before


def test_an_empty_split_has_no_file_and_no_setting(tmp_path):
    alone = release(tmp_path, ("train",), ANSWERS[:1])
    for name in formats():
        done = CliRunner().invoke(app, ["export", str(alone), "--format", name, "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert "note: no pair in the split test: no test.jsonl" in done.stderr
        settings = "".join(p.read_text() for p in (tmp_path / name).iterdir() if p.suffix != ".jsonl")
        assert not (tmp_path / name / "test.jsonl").exists() and "test.jsonl" not in settings


def test_a_release_with_nothing_to_train_on_is_refused(tmp_path):
    alone = release(tmp_path, ("test",), ANSWERS[:1])
    with pytest.raises(KomepError, match="no pair in the split train, and 1 in test") as told:
        komep.export(alone, "openai", tmp_path / "out")
    assert told.value.exit_code == 1 and not (tmp_path / "out").exists()


def test_wrong_usage_and_what_is_no_release(hard, tmp_path):
    for arguments, said, code in (
        ((hard, "axolotll"), "did you mean 'axolotl'", 2),
        ((hard, "openai", tmp_path / "out", "en"), "no config 'en'", 2),
        ((tmp_path, "openai", tmp_path / "out"), "not a KoMeP release", 1),
    ):
        with pytest.raises(KomepError, match=said) as told:
            komep.export(*arguments)
        assert told.value.exit_code == code
    (tmp_path / "file").write_text("x")
    with pytest.raises(KomepError, match="it is a file, no folder"):
        komep.export(hard, "openai", tmp_path / "file" / "out")


def test_the_lines_to_paste_are_printed_and_the_name_is_the_default(hard, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["export", str(hard), "--format", "llama-factory"])
    text = (tmp_path / "hard-llama-factory" / "llama-factory.yaml").read_text()
    assert text in done.stdout and "https://github.com/hiyouga/LLaMA-Factory" in done.stdout
    record = json.loads((tmp_path / "hard-llama-factory" / "export.json").read_text())
    assert record["rows"] == {"train": 6, "test": 6} and set(record["files"]) == {
        *("train.jsonl", "test.jsonl", "dataset_info.json", "llama-factory.yaml")
    }
