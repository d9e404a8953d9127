"""The key `selection:` of pipeline.yaml: unknown keys, values that no option allows, and what the build gets of it."""

import pytest

from komep_dataset.config.config import load_config
from komep_dataset.errors import KomepError
from komep_dataset.pipeline.run import build_stage
from tests.gates.gated import gated_release, rejects


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return gated_release(tmp_path_factory.mktemp("gated"))


def test_keys_and_their_values(tmp_path):
    path = tmp_path / "pipeline.yaml"
    for text, message in [
        ("near_duplicate: off", "unknown key; did you mean 'near_duplicates'"),
        ("near_duplicates: drop", "'drop' is none of off, report, reject"),
        ("balance_models: 2", "is not above 0 and at most 1"),
        ("decontaminate: bench.jsonl", "expected names and values"),
        ("utility: f1@0", "selection.utility: 'f1@0': give precision, f1, or f1@K"),
        ("utility: 12", "selection.utility: "),
        ("length_gap: -1", "selection.length_gap: -1 is not from 0"),
        ("length_gap: .nan", "selection.length_gap: "),
        (
            "length_tokenizer: m",
            "selection.pairs: selection.length_tokenizer: it goes with selection.length_gap N",
        ),
        ("length_gap: 9, length_tokenizer: 7", "selection.length_tokenizer: "),
        ("pairs: delta, order: strong", "selection.order: 'strong': give two models or more"),
        ("pairs: delta", "selection.pairs: selection.pairs delta needs selection.order"),
        ("order: 'a, b'", "selection.pairs: selection.order a, b: it goes with selection.pairs delta"),
    ]:
        path.write_text(f"selection: {{{text}}}\n")
        with pytest.raises(KomepError, match=message):
            load_config(path)
    asked = "responders: [{name: strong, endpoint: 'http://h/v1', model: m}, {name: weak, endpoint: 'http://h/v1', model: n}]"
    path.write_text(f"{asked}\nselection: {{pairs: delta, order: 'strong, weka'}}\n")
    with pytest.raises(KomepError, match="no responder 'weka'; did you mean 'weak'"):
        load_config(path)  # before anything is asked
    path.write_text(
        "selection: {utility: f1@12, pairs: delta, order: 'strong, weak', length_gap: 300, length_tokenizer: m}\n"
    )
    selection = load_config(path).selection
    assert selection.length_tokenizer == tmp_path / "m"
    assert (selection.utility, selection.order, selection.length_gap) == ("f1@12", "strong, weak", 300)
    path.write_text("selection: {decontaminate: {k: data/k}, length_control: true, balance_models: 0.4}\n")
    selection = load_config(path).selection
    assert selection.decontaminate == {"k": tmp_path / "data/k"}
    assert (selection.length_control, selection.balance_models) == (True, 0.4)


@pytest.mark.slow
def test_what_is_selected_reaches_the_build(gated, tmp_path):
    path = tmp_path / "pipeline.yaml"
    gates = f"selection: {{decontaminate: {{b: {gated / 'bench.jsonl'}}}, unsafe: reject}}"
    path.write_text(f"work: w\nchecker: {{endpoint: 'http://127.0.0.1:9/v1', model: m}}\n{gates}\n")
    stage = build_stage(load_config(path), gated / "scored.jsonl")
    assert gated / "bench.jsonl" in stage.inputs  # another benchmark is another build
    stage.run()
    reasons = {reject["reason"] for reject in rejects(tmp_path / "w/komep")}
    assert reasons == {"contaminated", "unsafe_directive", "untranslated"}
