"""MedMCQA: its validation split is asked."""

from tests.evaluation.benchmarks.english_rows import declared, medmcqa


def test_a_dataset_as_datasets_saves_it(tmp_path):
    from datasets import Dataset, DatasetDict

    splits = {"train": range(8), "test": range(30, 33), "validation": range(20, 26)}
    data = DatasetDict({k: Dataset.from_list([medmcqa(n) for n in rows]) for k, rows in splits.items()})
    data.save_to_disk(tmp_path / "saved")
    (subject,) = declared("medmcqa").load(tmp_path / "saved", None)
    assert [q.question for q in subject.test] == [
        f"Stand-in {n}?" for n in range(20, 26)
    ]  # its test has no answers
