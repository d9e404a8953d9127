"""Publishing: the Hub's two formats, merging that loses nothing, and the whole flow over HTTP against a stand-in.

The stand-in proves the client's flow, not that the Hub accepts the content.
"""

from pathlib import Path

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from huggingface_hub.repocard_data import model_index_to_eval_results

from evaluation.model_page.publishing import (
    check_eval_results,
    eval_result_entries,
    merge,
    merged_entries,
    model_index,
    publish,
    refusal,
)
from komep_dataset.errors import KomepError
from tests.evaluation.model_page.results import (
    CARD,
    FILE,
    PROTOCOL,
    REPO,
    eval_results_yaml,
    merged,
    results_of,
)

ROOT = Path(__file__).resolve().parents[3]


def test_model_index_is_what_huggingface_hub_reads():
    results = results_of()
    name, entries = model_index_to_eval_results(model_index(results)["model-index"])
    assert name == "results/model" and len(entries) == 5 * 4
    first = entries[0]
    assert (first.task_type, first.dataset_type) == ("multiple-choice", "sean0042/KorMedMCQA")
    assert first.dataset_split == "test" and first.dataset_config is None
    assert first.metric_value == round(results["accuracy"], 6)
    assert first.metric_args == {"n": 3009, "interval_95": [round(x, 6) for x in results["interval"]]}
    assert first.dataset_args == {
        "num_few_shot": 5,
        "prompt": "direct",
        "scoring": "generate",
        "chat_template": False,
        "max_new_tokens": 1024,
        "protocol": PROTOCOL,
        "evaluator": "komep",
    }
    assert [e.metric_value for e in entries[:4]] == [
        round(results[k], 6) for k in ("accuracy", "accuracy_robust", "parse_rate", "parse_rate_robust")
    ]
    assert [e.dataset_config for e in entries[4::4]] == ["doctor", "nurse", "pharm", "dentist"]


def test_eval_results_are_what_huggingface_hub_reads():
    entries = yaml.safe_load(eval_results_yaml(results_of()))
    check_eval_results(entries)
    parsed = parse_eval_result_entries(entries)
    assert [e.task_id for e in parsed] == ["kormedmcqa", "doctor", "nurse", "pharm", "dentist"]
    assert {e.dataset_id for e in parsed} == {"sean0042/KorMedMCQA"}
    assert parsed[0].value == round(results_of()["accuracy"], 6)
    for part in (
        "komep, 5-shot, direct, generate",
        "3009 questions",
        "95% interval 0.38",
        "robust reading 0.4001",
        PROTOCOL,
    ):
        assert part in parsed[0].notes


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("text", "not a list"),
        ([{"value": 1}], "lacks 'id'"),
        ([{"dataset": {"id": "a/b"}, "value": 1}], "lacks 'task_id'"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}}], "lacks 'value'"),
        ([{"dataset": {"id": "b", "task_id": "t"}, "value": 1}], "ORG/NAME"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}, "value": float("nan")}], "finite"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}, "value": True}], "finite"),
        ([{"dataset": {"id": "a/b", "task_id": "t"}, "value": 1, "source": {"name": "x"}}], "source_url"),
    ],
)
def test_bad_entries_are_refused(entry, message):
    with pytest.raises(ValueError, match=message):
        check_eval_results(entry)


def test_samples_and_parts_are_no_results():
    assert refusal(results_of()) is None
    assert "is a sample" in refusal(results_of(benchmark="kormedmcqa-sample"))
    part = results_of()
    part["subjects"]["nurse"]["n"] = 10
    assert "878 test questions for nurse, these results have 10" in refusal(part)
    del part["subjects"]["nurse"]
    assert "these results have 0" in refusal(part)
    assert "3 of 3,009 prompts were too long" in refusal(results_of(prompts_with_fewer_shots=3))
    part = results_of(prompts_with_fewer_shots=3)
    part["subjects"]["nurse"]["n"] = 2
    assert "a part of a benchmark" in refusal(part) and "prompts were too long" in refusal(part)
    sample = refusal(results_of(benchmark="kormedmcqa-sample", prompts_with_fewer_shots=3))
    assert "is a sample" in sample and "prompts were too long" in sample
    with pytest.raises(KomepError, match="results on other are not published"):
        refusal(results_of(benchmark="other"))
    with pytest.raises(KomepError, match="lack interval"):
        publish({k: v for k, v in results_of().items() if k != "interval"}, REPO)


def test_a_second_publication_replaces_the_first_and_nothing_else():
    once = merged(CARD, results_of(0.4))
    assert merged(once, results_of(0.4)) == once
    twice = merged(once, results_of(0.5))
    values = [
        r["metrics"][0]["value"]
        for r in yaml.safe_load(twice.split("\n---\n")[0])["model-index"][0]["results"]
    ]
    assert (
        len(values) == 1 + 5 and values[0] == "20.0 ± 1.2" and values[1] == round(int(3009 * 0.5) / 3009, 6)
    )
    other = merged(twice, results_of(0.3, shots=0))  # other settings stand beside
    assert len(yaml.safe_load(other.split("\n---\n")[0])["model-index"][0]["results"]) == 1 + 5 + 5
    assert merged(other, results_of(0.5)) == other


def test_entries_of_others_stay():
    theirs = {
        "dataset": {"id": "sean0042/KorMedMCQA", "task_id": "doctor"},
        "value": 0.9,
        "notes": "by hand",
        "new": 1,
    }
    other = {"dataset": {"id": "cais/hle", "task_id": "hle"}, "value": 20}
    once = merged_entries([theirs, other], results_of(0.4))
    assert once[:2] == [theirs, other] and once[2:] == eval_result_entries(results_of(0.4))
    twice = merged_entries([*once, theirs], results_of(0.5))
    assert twice == [theirs, other, *eval_result_entries(results_of(0.5)), theirs]
    assert len(merged_entries(twice, results_of(0.3, chat_template=True))) == len(twice) + 5
    there = {"README.md": CARD, FILE: "a: 1"}
    with pytest.raises(KomepError, match=r"kormedmcqa.yaml is not as the Hub's schema"):
        merge(there, results_of(), REPO)
