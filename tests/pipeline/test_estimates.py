"""Estimates ask nobody, and count what a run then asks."""

import pytest

from komep_dataset.config.config import Endpoint, load_config
from komep_dataset.pipeline import estimates
from komep_dataset.pipeline.run import run
from tests.inference.prices import priced
from tests.loopback import loopback
from tests.pipeline.chains import key as key  # the chain's endpoints want one
from tests.pipeline.chains import komep, write_chain


@pytest.mark.slow
def test_estimates_ask_nothing_and_count_what_a_run_then_asks(tmp_path):
    with loopback() as (state, url):
        prices = priced(tmp_path / "a", "r", "splitter")
        path = write_chain(tmp_path / "a", url, n=3, prices=prices.name, budget=50)
        done = komep("run", path, "--estimate")
        assert done.returncode == 0, done.stderr
        assert not state.calls and not (tmp_path / "a" / "work").exists()
        assert "no price known for checker" in done.stdout and "budget: 50.00 EUR" in done.stdout
        assert "nothing was asked" in done.stdout
        config = load_config(path)
        lines = {line.stage: line for line in estimates.estimate_run(config)}
        assert [lines[f"respond {name}"].calls for name in ("meta/small", "b")] == [3, 3]
        assert lines["score: split"].calls == 6 and lines["score: check"].cost is None
        run(write_chain(tmp_path / "a", url, n=3), lambda _: None)
        responses = [tmp_path / "a" / "work" / "respond"]
        assert estimates.estimate_score(responses, config, "strict")[0].calls == 0
        assert {line.calls for line in estimates.estimate_run(config)[:3]} == {0}
        calls = len(state.calls)
        questions = tmp_path / "a" / "work" / "questions" / "questions.parquet"
        done = komep("respond", questions, "--config", path, "--model", "b", "--estimate")
        assert "0 calls" in done.stdout
        done = komep("score", *responses, "--config", path, "--estimate")
        assert "score: split" in done.stdout and len(state.calls) == calls


def test_tokens_are_counted_by_the_models_own_tokenizer_or_called_a_guess(tmp_path):
    tokenizers = pytest.importorskip("tokenizers", reason="comes with the extra [eval], [train] or [serve]")
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = tokenizers.Tokenizer(WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    (tmp_path / "model").mkdir()
    tokenizer.save(str(tmp_path / "model" / "tokenizer.json"))
    count, by = estimates.token_counter(Endpoint(model=str(tmp_path / "model"), server="vllm"))
    assert count("a b c") == 3 and by == "tokenizer of model"
    other = Endpoint(model="x", endpoint="http://x/v1", tokenizer=str(tmp_path / "model"))
    assert estimates.token_counter(other)[1] == "tokenizer of model"
    count, by = estimates.token_counter(Endpoint(model="x", endpoint="http://x/v1"))
    assert count("x" * 35) == 10 and by.startswith("a guess")
