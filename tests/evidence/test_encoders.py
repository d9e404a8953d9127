"""Vectors from an endpoint over real HTTP, under faults, and from a model in a folder."""

import numpy as np
import pytest

from komep_dataset.config.evidence import Embeddings
from komep_dataset.errors import KomepError
from komep_dataset.evidence.encoders import bodies_of, encode
from tests.evidence.loopback_encoder import encoder
from tests.loopback import Fault, loopback

TEXTS = [f"text {n}" for n in range(5)]


def model(url, **given):
    return Embeddings(**{"endpoint": url, "model": "m", "batch": 2} | given)


def test_texts_go_in_batches_with_what_tells_a_query_from_a_passage():
    given = model("http://h/v1", query_prefix="query: ", query_body={"input_type": "query"})
    bodies = bodies_of(TEXTS, given, True)
    assert [len(body["input"]) for body in bodies] == [2, 2, 1] and bodies[0]["input"][0] == "query: text 0"
    assert bodies[0]["input_type"] == "query" and bodies[0]["encoding_format"] == "base64"
    assert bodies_of(TEXTS, given, False)[0]["input"] == TEXTS[:2]


def test_an_endpoint_gives_the_same_vectors_with_faults_and_without(tmp_path):
    with loopback(encoder()) as (state, url):
        plain = encode(TEXTS, model(url), tmp_path / "a", False)
        assert set(state.paths) == {"/v1/embeddings"} and len(state.calls) == 3
        state.faults = lambda body, attempt: (
            Fault(503, headers={"Retry-After": "0"}) if attempt == 1 else None
        )
        assert (encode(TEXTS, model(url), tmp_path / "b", False) == plain).all()
    np.testing.assert_allclose(np.linalg.norm(plain, axis=1), 1, rtol=1e-6)


def test_an_endpoint_that_knows_no_base64_is_asked_without(tmp_path):
    def refuse(body, attempt):
        return Fault(400, '{"error": {"param": "encoding_format"}}') if "encoding_format" in body else None

    with loopback(encoder(refuse)) as (state, url):
        assert encode(TEXTS, model(url), tmp_path, False).shape[0] == 5
        assert "encoding_format" not in state.calls[-1]


def test_texts_that_are_refused_stop_the_stage_and_keep_the_rest(tmp_path):
    def refuse(body, attempt):
        return Fault(400, '{"error": "too long"}') if "text 4" in body["input"] else None

    with loopback(encoder(refuse)) as (state, url):
        with pytest.raises(KomepError, match=r"gave no vectors for some texts .*HTTP 400"):
            encode(TEXTS, model(url), tmp_path, False)
        state.faults, asked = None, len(state.calls)
        encode(TEXTS, model(url), tmp_path, False)
        assert len(state.calls) == asked + 1


@pytest.mark.slow
def test_a_model_in_a_folder_is_pooled_as_its_files_say(tmp_path):
    torch = pytest.importorskip("torch", reason="the extra [serve] has it")
    import json

    from transformers import AutoModel, AutoTokenizer

    from tests.evidence.tiny_encoder import save_encoder

    found = {}
    for name in ("pooling_mode_mean_tokens", "pooling_mode_cls_token", "pooling_mode_lasttoken"):
        folder = save_encoder(tmp_path / name)
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({name: True}), "utf-8")
        given = Embeddings(server="transformers", model=str(folder), batch=2)
        found[name] = encode(["fever cough", "a", "fever"], given, tmp_path, False)
    tokenizer, bert = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        states = bert(**tokenizer("fever cough", return_tensors="pt")).last_hidden_state[0].numpy()
    wanted = dict(zip(found, (states.mean(0), states[0], states[-1]), strict=True))
    for name, vector in wanted.items():
        np.testing.assert_allclose(found[name][0], vector / np.linalg.norm(vector), atol=1e-5)


def test_a_folder_without_an_encoder_is_named(tmp_path):
    pytest.importorskip("torch", reason="the extra [serve] has it")
    with pytest.raises(KomepError, match="no encoder that can be loaded"):
        encode(["a"], Embeddings(server="transformers", model=str(tmp_path)), tmp_path, False)
