"""A local encoder-decoder model as translator: a tiny random one of NLLB's kind, so that only the mechanics count."""

import json
from pathlib import Path

import pytest
import yaml

from komep_dataset.config.config import Translator, load_config
from komep_dataset.errors import KomepError
from komep_dataset.inference.reply_log import REPLIES
from komep_dataset.schema import ScoredGeneration
from komep_dataset.tables.reading import read_table
from komep_dataset.translation.seq2seq import Seq2Seq, is_seq2seq
from komep_dataset.translation.stage import translate

LANGUAGES = ("eng_Latn", "kor_Hang")
SENTENCES = [
    "Sepsis is severe.",
    "It harms the kidneys of a patient.",
    "x",
    "Fever, chills and pain are common signs.",
]


def make_model(folder: Path, languages: bool = True) -> Path:
    """A random model with 64 positions and a tokenizer of single characters."""
    torch = pytest.importorskip("torch", reason="comes with the extras [serve], [recipes] and [evaluation]")
    from transformers import (
        M2M100Config,
        M2M100ForConditionalGeneration,
        NllbTokenizer,
        PreTrainedTokenizerFast,
    )

    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", *map(chr, range(33, 127)), *"가나다라마바사아"]
    tokenizer = NllbTokenizer({n: i for i, n in enumerate(names)}, extra_special_tokens=list(LANGUAGES))
    if not languages:
        plain = tokenizer.backend_tokenizer
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", eos_token="</s>")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    sizes = dict.fromkeys(("encoder_layers", "decoder_layers"), 1) | {
        "d_model": 16,
        "max_position_embeddings": 64,
    }
    sizes |= dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
    sizes |= dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 16) | {"vocab_size": len(tokenizer)}
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    M2M100ForConditionalGeneration(M2M100Config(**sizes, **ends)).save_pretrained(folder)
    return folder


def translator(model: Path, **keys) -> Translator:
    languages = dict(zip(("source_language", "target_language"), LANGUAGES, strict=True))
    defaults = {"server": "transformers", "model": str(model), "concurrency": 2, "max_new_tokens": 12}
    return Translator(**defaults | languages | keys)


def replies_of(model: Path, folder: Path, texts: list[str], **keys):
    asked = translator(model, **keys)
    local = Seq2Seq(asked)
    requests = {str(i): local.body(text, asked.beams) for i, text in enumerate(texts)}
    replies = local.ask(requests, asked, folder, label="test")
    return local, list(replies.values())


def test_an_endpoint_and_a_decoder_are_not_taken_for_one(tmp_path):
    assert not is_seq2seq(Translator(endpoint="http://host/v1", model="m"))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert not is_seq2seq(translator(tmp_path)) and not is_seq2seq(translator(tmp_path / "none"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"is_encoder_decoder": true}')
    assert is_seq2seq(translator(tmp_path / "other"))


def test_a_model_that_lacks_weights_does_not_translate(tmp_path):
    pytest.importorskip("torch", reason="comes with the extras [serve], [recipes] and [evaluation]")
    from safetensors.torch import load_file, save_file

    file = make_model(tmp_path / "model") / "model.safetensors"
    kept = {name: weight for name, weight in load_file(file).items() if "decoder.layers.0.fc1" not in name}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(KomepError, match=r"2 of .* weights are not in its files"):
        replies_of(file.parent, tmp_path / "log", SENTENCES)
    file.rename(file.with_name("pytorch_model.bin"))
    with pytest.raises(KomepError, match=r"a pickle.*AutoModelForSeq2SeqLM"):
        replies_of(file.parent, tmp_path / "log", SENTENCES)


@pytest.mark.slow
def test_a_local_model_translates_in_batches_and_a_kill_costs_one_batch(tmp_path):
    """What is in the log is not generated again: a reply that was altered there comes back altered."""
    model = make_model(tmp_path / "model")
    local, replies = replies_of(model, tmp_path / "a", SENTENCES)
    assert [r.finish_reason for r in replies] == ["length"] * 4 and {
        r.completion_tokens for r in replies
    } == {12}
    assert replies[0].prompt_tokens == len("_Sepsis_is_severe.") + 2  # with its language and its end
    one_by_one = replies_of(model, tmp_path / "b", SENTENCES, concurrency=1)[1]
    assert [r.text for r in one_by_one] == [r.text for r in replies]  # padding changes nothing
    log = (tmp_path / "b" / REPLIES).read_text("utf-8").splitlines(keepends=True)
    altered = json.loads(log[0]) | {"text": "기록"}
    (tmp_path / "b" / REPLIES).write_text(json.dumps(altered) + "\n" + log[1] + log[2][:20], "utf-8")
    resumed = replies_of(model, tmp_path / "b", SENTENCES)[1]
    assert sorted(r.text == "기록" for r in resumed) == [False] * 3 + [True]
    assert len((tmp_path / "b" / REPLIES).read_text("utf-8").splitlines()) == 4
    beams = replies_of(model, tmp_path / "a", SENTENCES, beams=3)[1]
    assert len((tmp_path / "a" / REPLIES).read_text("utf-8").splitlines()) == 8 and len(beams) == 4
    tokens = local._model.generate(
        **local.tokenizer(["x"], return_tensors="pt"), forced_bos_token_id=local.target[0], max_new_tokens=2
    )
    assert local.tokenizer.convert_ids_to_tokens(tokens[0].tolist())[1] == "kor_Hang"
    too_long = replies_of(model, tmp_path / "c", ["y" * 80, "Short."])[1]
    assert too_long[0].failure and "83 tokens do not fit into the window of 64" in too_long[0].failure
    assert not too_long[1].failure
    with pytest.raises(KomepError, match="does not know 'kor'"):
        replies_of(model, tmp_path / "d", ["x"], target_language="kor")
    with pytest.raises(KomepError, match="set `target_language`, such as"):
        replies_of(model, tmp_path / "d", ["x"], target_language=None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(KomepError, match="empty: cannot be loaded"):
        Seq2Seq(translator(tmp_path / "empty")).share_of_window("x")
    plain = make_model(tmp_path / "plain", languages=False)
    with pytest.raises(KomepError, match="`source_language`: its tokenizer has no languages"):
        replies_of(plain, tmp_path / "d", ["x"])
    assert replies_of(plain, tmp_path / "d", ["x"], source_language=None, target_language=None)[1][0].text
    check_stage(tmp_path, model)


def check_stage(folder: Path, model: Path) -> None:
    """The whole stage: long answers in pieces of the window; what a random model writes is never accepted."""
    question = "How is a severe infection of the blood treated in a hospital, and for how long does it last?"
    rows = [
        {"question": question, "category": "c", "model": name, "response": text, "dahl_score": score}
        for name, text, score in (
            ("a", " ".join(SENTENCES) + "\n\n- " + SENTENCES[1], 1.0),
            ("b", SENTENCES[1], 0.0),
        )
    ]
    table = folder / "s.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    keys = {
        "max_new_tokens": 8,
        "server": "transformers",
        "model": "model",
        "source_language": "eng_Latn",
        "target_language": "kor_Hang",
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({"translator": keys}))
    done = translate(table, load_config(folder / "pipeline.yaml"), folder / "t.parquet")
    assert done.failures == 0 and done.rejected.total() == 3 and done.twice == 3 and done.calls > 6
    assert read_table(folder / "t.parquet", ScoredGeneration)["response_ko"].null_count() == 2
