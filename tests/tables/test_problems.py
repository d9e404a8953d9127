"""Where something is wrong, and what: one line each, the first twenty and a count."""

from komep_dataset.schema import Reason, Reject
from komep_dataset.tables.problems import (
    Check,
    Fault,
    Problem,
    as_text,
    compare_values,
    flat,
    listed,
    problems_error,
    rejected,
    shown,
    table,
)


def test_a_problem_says_place_column_reason_and_detail():
    assert (
        str(Problem("a.jsonl", 3, "model", Reason.WRONG_TYPE, "got 5"))
        == "a.jsonl:3: model: wrong_type: got 5"
    )
    assert (
        str(Problem("a.parquet", 0, "", Reason.MALFORMED, "no Parquet")) == "a.parquet: malformed: no Parquet"
    )
    assert str(Problem("build.json", 0, "rows.ko", None, "is 3")) == "build.json: rows.ko: is 3"
    for column, detail in (("model", "model: got 5"), ("", "got 5")):
        rejected = Problem("a.jsonl", 3, column, Reason.WRONG_TYPE, "got 5").reject("build")
        assert rejected == Reject("build", "a.jsonl:3", "wrong_type", detail)


def test_twenty_are_listed_and_all_counted():
    assert listed(["a", "b"]) == "  a\n  b"
    lines = listed(range(25)).splitlines()
    assert (len(lines), lines[19], lines[20]) == (21, "  19", "  … and 5 more")
    problem = Problem("a", 1, "", Reason.MALFORMED, "x")
    assert str(problems_error([problem])).startswith("1 bad row:\n  a:1: malformed: x\nMend them")
    assert str(problems_error([problem] * 21)).startswith("21 bad rows:\n")


def test_a_check_counts_what_it_found():
    check = Check("counts", "every count")
    assert check.ok and str(check) == "counts   every count: ok"
    compare_values(
        check, "build.json", {"rows": {"ko": {"train": 3}}, "n": 1}, {"rows": {"ko": {"train": 2}}, "n": 1}
    )
    assert as_text([check]).splitlines() == [
        "counts   every count: failed (1)",
        "  build.json: rows.ko.train: 2, but the data give 3",
    ]
    check = Check("counts", "every count", skipped="files that are damaged")
    assert not check.ok and str(check).endswith(": not checked; not checked: files that are damaged")


def test_the_last_digits_of_a_fraction_are_no_difference():
    check = Check("counts", "every count")
    compare_values(check, "build.json", {"low": 0.1 + 0.2, "n": 3}, {"low": 0.3, "n": 3})
    assert check.ok
    compare_values(check, "build.json", {"low": 0.3}, {"low": 0.3000001})
    assert not check.ok


def test_nested_values_by_their_paths():
    value = {"a": {"b": [1, {"c": 2}], "d": {}}, "e": []}
    assert flat(value) == {"a.b[0]": 1, "a.b[1].c": 2, "a.d": {}, "e": []}
    assert flat(value, lists=False) == {"a.b": [1, {"c": 2}], "a.d": {}, "e": []}
    assert flat(5, "x") == {"x": 5}


def test_a_long_value_is_cut():
    assert shown("글") == '"글"'
    assert shown("x" * 90) == '"' + "x" * 78 + "…" and len(shown("x" * 78)) == 80
    assert shown("x" * 60, 60, 57) == '"' + "x" * 56 + "…"


def test_an_option_is_recommended_where_the_command_has_it():
    bad = [Problem("a.jsonl", 3, "response", Reason.MISSING_FIELD, "no value")]
    assert str(problems_error(bad)).endswith(
        "a.jsonl:3: response: missing_field: no value\nMend them or leave them out."
    )
    assert "--on-error reject" in str(problems_error(bad, may_reject=True))


def test_rejects_are_counted_by_reason():
    assert rejected([]) == "0 rejects"
    assert rejected(["tie", "malformed", "tie"]) == "3 rejects (malformed 1, tie 2): see rejects.jsonl"


def test_many_that_say_the_same_are_one_with_the_places_of_the_others():
    same = [
        Problem("a" if n < 40 else "b", n, "units", Reason.MISSING_FIELD, "no value") for n in range(1, 43)
    ]
    other = Problem("b", 50, "model", Reason.BAD_VALUE, "empty")
    lines = str(problems_error([same[0], other, *same[1:]])).splitlines()
    assert lines[:3] == [
        "43 bad rows:",
        "  a:1: units: missing_field: no value",
        f"    and 41 more rows: a:{', '.join(map(str, range(2, 21)))}, …",
    ]
    assert lines[3] == "  b:50: model: bad_value: empty" and len(lines) == 5
    few = str(problems_error([same[36], *same[38:42]])).splitlines()
    assert few[1:3] == [f"  {same[36]}", "    and 4 more rows: a:39; b:40, 41, 42"]


def test_all_faults_of_a_row_are_one_problem_with_the_reason_of_a_missing_field():
    faults = [Fault("question", Reason.BAD_VALUE, "empty"), Fault("model", Reason.MISSING_FIELD, "no value")]
    problem = Problem.of_row("a", 3, faults)
    assert str(problem) == "a:3: model: missing_field: no value; and question: bad_value: empty"
    assert problem.reject("build").reason == "missing_field"
    many = Problem.of_row("a", 3, [Fault("units", Reason.WRONG_TYPE, str(n)) for n in range(50)])
    assert many.detail.endswith("; and 42 more faults") and many.detail.startswith(
        "0; and units: wrong_type: 1;"
    )


def test_the_first_column_to_the_left_the_others_to_the_right():
    assert table([["", "n", "share"], ["all", "12", "50%"], ["a long name", "3", ""]]).splitlines() == [
        "              n  share",
        "all          12    50%",
        "a long name   3",
    ]
