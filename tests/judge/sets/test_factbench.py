"""FactBench: claims of answers, and the single claims of its subtask 4."""

from komep_dataset.judge.sets.factbench import statements


def test_claims_of_an_answer_and_a_single_one():
    answer = {"prompt": "Q?", "source": "felm", "claims": [" a ", "나"], "claim_labels": [True, "unknown"]}
    one, unlabelled = statements(answer)
    assert (one.text, one.label, one.language, one.category, one.question) == ("a", True, "en", "felm", "Q?")
    assert unlabelled is None
    [single] = statements({"claim": "물은 젖다.", "label": "false"})
    assert (single.label, single.language, single.question) == (False, "ko", None)
    assert list(statements({"prompt": "Q?", "claims": None, "claim_labels": None})) == []
