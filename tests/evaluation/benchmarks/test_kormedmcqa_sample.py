"""The shipped sample."""

from pathlib import Path

from evaluation.benchmarks import kormedmcqa, kormedmcqa_sample
from evaluation.harness.benchmark import check_subjects

ROOT = Path(__file__).resolve().parents[3]


def test_shipped_sample():
    subjects = kormedmcqa_sample.BENCHMARK.load(None, None)
    assert [s.name for s in subjects] == ["doctor", "nurse", "pharm", "dentist"]
    assert [(len(s.fewshot), len(s.test)) for s in subjects] == [(5, 15)] * 4
    assert check_subjects(subjects, 5) == 0
    folder = ROOT / "komep_dataset" / "samples" / "kormedmcqa"
    assert kormedmcqa.BENCHMARK.load(folder, None) == subjects  # by its card's configs
