"""Pairs to measure with: their lengths, and the sample's own."""

import pytest

from tests.benchmarks.gpu.written_lines import lines_of

pytest.importorskip("torch", reason="needs the extra [recipes]")


from benchmarks.gpu import pairs
from benchmarks.gpu.pairs import write_pairs


class Words:
    """A tokenizer of one token a word."""

    def __call__(self, text, add_special_tokens):
        return {"input_ids": text.split()}

    def decode(self, ids):
        return " ".join(ids)


def test_pairs_have_their_lengths_and_are_the_same_again(tmp_path):
    write_pairs(Words(), tmp_path / "a", 40, 480)
    for config in ("real", "fixed"):
        rows = lines_of(tmp_path / "a" / config / "train.jsonl")
        assert len(rows) == 40 and len(lines_of(tmp_path / "a" / config / "test.jsonl")) == 2
        prompts = [len(row["prompt"][0]["content"].split()) for row in rows]
        answers = [len(row[side][0]["content"].split()) for row in rows for side in ("chosen", "rejected")]
        if config == "fixed":
            assert set(prompts) == {60} and set(answers) == {480}
        else:
            assert min(prompts) >= 30 and max(prompts) <= 90 and min(answers) >= 150 and max(answers) <= 450
            assert len(set(answers)) > 40 and sum(answers) / len(answers) == pytest.approx(300, rel=0.1)
    write_pairs(Words(), tmp_path / "b", 40, 480)
    write_pairs(Words(), tmp_path / "c", 40, 480, seed=1)
    first, again, other = ((tmp_path / n / "real" / "train.jsonl").read_bytes() for n in "abc")
    assert first == again != other
    write_pairs(Words(), tmp_path / "d", 2, 480, scale=0.1)
    assert len(lines_of(tmp_path / "d" / "fixed" / "train.jsonl")[0]["chosen"][0]["content"].split()) == 48


def test_pairs_of_the_sample_are_its_best_and_its_worst_answer():
    rows = pairs.best_and_worst()
    shares = {row["response"]: [unit["verdict"] == "true" for unit in row["units"]] for row in pairs.sample()}
    assert len(rows) > 40 and len({row["prompt"][0]["content"] for row in rows}) == len(rows)
    for row in rows:
        chosen, rejected = (shares[row[side][0]["content"]] for side in ("chosen", "rejected"))
        assert sum(chosen) / len(chosen) > sum(rejected) / len(rejected)
