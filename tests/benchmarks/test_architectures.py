"""Tiny random models of the families: replies are the harness's own, however prompts share their beginning."""

import pytest

pytest.importorskip("torch", reason="needs the extra [evaluation]")
pytest.importorskip("lm_eval", reason="needs the extra [dev]")

from benchmarks.architectures import WINDOW, build, compare, tiny_config, with_bos
from benchmarks.evaluation_speed import one_subject
from tests.evaluation.conftest import tiny_tokenizer

ONE, EACH, NONE = "one copy", "a copy a row", "no"


def test_windows_are_small():
    """What the prompts share is many windows long."""
    for kind in ("gemma2", "gemma3_text", "mistral"):
        assert tiny_config(kind, tiny_tokenizer(bos=True)).sliding_window == WINDOW


def test_what_the_harness_takes_for_an_encoder_decoder_is_not_compared(tmp_path):
    with pytest.raises(ValueError, match="encoder-decoder"):
        build("bart", tiny_tokenizer(bos=True), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        *(
            ("llama", ONE),
            ("gemma", ONE),
            ("gemma2", EACH),
            ("gemma3_text", EACH),
            ("mistral", EACH),
            ("qwen2", EACH),
        ),
        *(("phi3", EACH), ("gpt_oss", EACH), ("deepseek_v3", EACH), ("bloom", NONE)),
        *(("gemma4_text", EACH), ("jamba", NONE)),
    ],
)
def test_replies_are_the_harness_own(kind, kept, smollm2, tmp_path, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    row = compare(kind, with_bos(smollm2), one_subject(3, shots=1), 8, tmp_path)
    assert row["kept"] == kept and (row["with"], row["without"]) == (3, 3) and row["distinct"] > 1
