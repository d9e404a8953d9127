"""What `komep screen` found, as a file that a build reads."""

import json

import pytest

from komep_dataset.errors import KomepError
from komep_dataset.gates.contamination import names_a_screening
from komep_dataset.gates.trial.screened import Screened, Screening, read_screened

HEAD = "question_id,benchmark,split,item,verdict"


def test_a_sheet_that_somebody_filled_in_is_read(tmp_path):
    (tmp_path / "s.csv").write_text(
        f"{HEAD},item_sha256\na1,exam,test,3,참,\na1,exam,test,1,FALSE,0f\na1,exam,test,2,false,\nb2,exam,test,9,unknown,\n"
    )
    [found] = read_screened(tmp_path / "s.csv")
    assert found.again == {"a1": ("exam", "exam, test row 3: the question asks it again")}
    assert (found.screeners, found.excused, found.unread) == ((), {("a1", "0f")}, {"b2"})
    assert Screening.recorded(json.loads(json.dumps(found.record()))) == found


def test_every_bad_row_is_named(tmp_path):
    good = {"question_id": "a", "benchmark": "exam", "split": "test", "item": 1, "verdict": "true"}
    rows = [good, good | {"item": 2, "verdict": "maybe"}, good | {"item": "x"}, {"question_id": "b"}]
    rows += [good | {"verdict": "false"}, good | {"item": 0, "share": 7.5, "screener": "a\nb"}]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(KomepError) as error:
        read_screened(tmp_path / "s.jsonl")
    told = str(error.value)
    assert [line for line in range(1, 7) if f"s.jsonl:{line}:" in told] == [2, 3, 4, 5, 6]
    for fault in (
        'unknown verdict "maybe"; give one of true, false, unknown',
        f"false, where {tmp_path / 's.jsonl'}:1 says true",
        "0 is no row",
        "7.5 is not from 0 to 1",
        "screener: bad_value: give one line of at most 200 characters",
    ):
        assert fault in told


def test_the_item_that_is_most_alike_is_the_evidence_and_no_row_order_changes_it():
    said = [(5, "true", None), (7, "true", 0.45), (8, "false", 0.5), (9, "false", None), (6, "false", 0.3)]
    rows = [Screened("a", "exam", "test", n, verdict, share, "m", f"h{n}") for n, verdict, share in said]
    one, other = Screening.of("f", rows), Screening.of("f", rows[::-1])
    assert one == other and one.again == {
        "a": (
            "exam",
            "exam, test row 7: m says that the question asks it again; 0.45 of the n-grams in common",
        )
    }
    assert one.excused == {("a", "h8")}  # those that no gate would accuse are not kept


@pytest.mark.parametrize(
    "given, ok", [("s.csv", True), ([], True), ([{"again": []}], True), ("", False), (3, False)]
)
def test_what_the_option_takes(given, ok):
    assert names_a_screening(given) is ok
