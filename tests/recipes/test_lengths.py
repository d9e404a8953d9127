"""The length report: figures by hand, a release with a known pair over a limit, errors, what it may write over."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.places import snapshot
from tests.recipes.tiny_runs import messages, pair, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

from lengths import app, summarise

from komep_dataset.commands.manner import start


def main(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        start(app, "python recipes/lengths.py", words)
    return ended.value.code


def test_figures_by_hand():
    # prompt, chosen, rejected, pair
    figures = summarise(np.array([[4, 10, 5, 14], [6, 4, 8, 14], [5, 6, 3, 11]]), limits=(11, 13, 14))
    assert figures["pairs"] == 3
    assert figures["tokens"]["prompt"] == {"min": 4, "median": 5.0, "p95": 5.9, "max": 6, "total": 15}
    assert figures["share_over"] == {"11": pytest.approx(2 / 3), "13": pytest.approx(2 / 3), "14": 0.0}
    ratio = figures["chosen_to_rejected"]
    assert ratio["total"] == 20 / 16 and ratio["median"] == 2.0
    assert ratio["share_chosen_longer"] == pytest.approx(2 / 3)


def test_report_of_a_release(tiny_model, tmp_path, capsys):
    rows = [pair(i) for i in range(4)] + [
        pair(4, words=300),
        {**pair(5), "chosen": messages("assistant", "")},
    ]
    folder = write_release(tmp_path / "release", {"train": rows, "test": [pair(9)]})
    words = ["--model_name_or_path", str(tiny_model), "--dataset_name", str(folder)]
    assert main([*words, "--output", str(tmp_path / "out" / "lengths.json")]) == 0
    report = json.loads((tmp_path / "out" / "lengths.json").read_text("utf-8"))
    train, test = report["splits"]["train"], report["splits"]["test"]
    assert (train["pairs"], train["faulty"], test["pairs"]) == (5, 1, 1)
    assert train["share_over"]["256"] == 0.2 and train["share_over"]["4096"] == 0.0
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    row = pair(9)
    whole = max(
        len(tokenizer.apply_chat_template(row["prompt"] + row[side])["input_ids"])
        for side in ("chosen", "rejected")
    )
    tokens = test["tokens"]
    assert tokens["pair"]["max"] == whole
    assert tokens["prompt"]["max"] + max(tokens["chosen"]["max"], tokens["rejected"]["max"]) == whole
    said = capsys.readouterr().out
    assert "> 256" in said and "20.0%" in said and "rejected" in said
    assert report["limit"] is None
    assert main([*words, "--limit", "4", "--json"]) == 0
    said, _, report = capsys.readouterr().out.partition("\n")
    assert said == "--limit 4: the first pairs alone are taken, 4 of 6 of train, 1 of 1 of test"
    report = json.loads(report)
    assert (report["limit"], report["splits"]["train"]["pairs"]) == (4, 4)


def test_errors(tiny_model, tmp_path, capsys):
    assert main(["--model_name_or_path", str(tmp_path / "none"), "--dataset_name", str(tmp_path)]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert main(["--model_name_or_path", str(tiny_model), "--dataset_name", str(tmp_path / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_lengths_replaces_its_own_report_alone(tiny_model, release, tmp_path, capsys):
    given = ["--model_name_or_path", str(tiny_model), "--dataset_name", str(release), "--output"]
    own, link, theirs = (tmp_path / f"{name}.json" for name in ("own", "link", "theirs"))
    link.symlink_to("own.json")
    assert main([*given, str(own)]) == main([*given, str(link)]) == 0
    assert link.is_symlink() and json.loads(own.read_text())["splits"]
    theirs.write_text('{"name": "a package of mine"}')
    (tmp_path / "device").symlink_to("/dev/null")
    (tmp_path / "round").symlink_to("round")
    before = snapshot(tmp_path)
    capsys.readouterr()
    for path in (
        theirs,
        tmp_path,
        tmp_path / "device",
        tmp_path / "round",
        theirs / "x",
        tmp_path / ("n" * 300),
    ):
        assert (
            main(["--model_name_or_path", "no/model", "--output", str(path)]) == 1
        )  # before the tokenizer is read
        error = capsys.readouterr().err
        assert error.startswith(f"error: --output {tmp_path}") and error.count("\n") == 1
    assert snapshot(tmp_path) == before and Path("/dev/null").is_char_device()
