"""What the columns mean goes with how the pairs were made."""

from dataclasses import asdict

from komep_dataset.pairs.options import PairRules
from komep_dataset.release.card.columns import docs_of
from komep_dataset.schema import F1_AT_K, ReleaseRow, column_docs


def test_columns_say_what_they_hold():
    assert docs_of("en", {"options": asdict(PairRules())}) == column_docs(ReleaseRow)
    by_f1 = {"options": asdict(PairRules(utility="f1@12", pairs="best-median")), F1_AT_K: {"k": 12}}
    docs = docs_of("en", by_f1)
    assert docs["chosen_score"] == "F1@12 of the chosen answer, 0 to 1"
    assert docs["rejected"] == "one assistant message: the answer rejected by `--pairs best-median`"
    assert list(docs_of("scored", by_f1))[-1] == F1_AT_K
    delta = docs_of("ko", {"options": asdict(PairRules(pairs="delta", order="a,b"))})
    assert delta["score_margin"].startswith("chosen_score - rejected_score, -1 to 1") and "origin" in delta
