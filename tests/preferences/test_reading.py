"""A whole set that others made as one frame: every shape gives the same pairs, and what is no pair is named by its line."""

import json

import pytest

import komep_dataset as komep
from komep_dataset.errors import KomepError
from komep_dataset.exports.registry import formats
from komep_dataset.preferences.reading import check_unmapped, is_set, read_preferences
from komep_dataset.release.rows import read_rows
from komep_dataset.schema import question_id, split_of
from tests.exports.hard_texts import release
from tests.preferences.sets import NAMED, PAIRS, SCORED, SHAPES, user, write
from tests.real_data import DATA, needs_data

TEXTS = ["prompt", "chosen", "rejected"]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_pairs_and_no_more_than_it_says(shape, tmp_path):
    found = read_preferences(write(tmp_path / "set.jsonl", shape))
    assert found.select(TEXTS).rows() == PAIRS
    assert found["question_id"].to_list() == [question_id(q) for q, _, _ in PAIRS]
    assert found["split"].to_list() == [split_of(question_id(q)) for q, _, _ in PAIRS]
    for known, names in (
        (shape in SCORED, ("chosen_score", "rejected_score", "score_margin")),
        (shape in NAMED, ("chosen_model", "rejected_model")),
        (False, ("category",)),
    ):
        assert {found[name].null_count() for name in names} == {0 if known else len(PAIRS)}, names
    if shape in SCORED:
        assert set(found["score_margin"]) == {5.5}
    if shape in NAMED:
        assert set(found["chosen_model"]) == {"y"} and set(found["rejected_model"]) == {"x"}


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    return release(tmp_path_factory.mktemp("hard"))


@pytest.mark.parametrize("name", formats())
def test_an_export_comes_back_with_its_splits(name, hard, tmp_path):
    komep.export(hard, name, tmp_path / "out")
    found = read_preferences(tmp_path / "out")
    for split in ("train", "test"):
        wanted = {
            tuple(row[s][0]["content"] for s in TEXTS)
            for row in read_rows(hard, "ko", split).iter_rows(named=True)
        }
        if name == "axolotl":
            wanted = {(q, a.strip(), b.strip()) for q, a, b in wanted}
        assert set(found.filter(found["split"] == split).select(TEXTS).rows()) == wanted


NO_PAIRS = {
    "no prompt": ({"chosen": "a", "rejected": "b"}, "prompt: no text"),
    "an empty prompt": ({"prompt": " ", "chosen": "a", "rejected": "b"}, "prompt: no text"),
    "no answer": ({"prompt": "q", "chosen": "a", "rejected": None}, "rejected: no text"),
    "an answer of the user": ({"prompt": "q", "chosen": "a", "rejected": [user("b")]}, "a turn of user"),
    "a number": ({"prompt": 7, "chosen": "a", "rejected": "b"}, "neither text nor messages"),
    "a score": ({"prompt": "q", "chosen": "a", "rejected": "b", "chosen_score": "high"}, "expected a number"),
}


@pytest.mark.parametrize("name", NO_PAIRS)
def test_a_row_that_is_no_pair_is_named_by_its_line(name, tmp_path):
    row, said = NO_PAIRS[name]
    file = write(tmp_path / "set.jsonl", "plain strings")
    with file.open("a") as more:
        more.write(json.dumps(row) + "\n{broken\n")
    with pytest.raises(KomepError, match=said) as told:
        read_preferences(file)
    assert f"{file}:{len(PAIRS) + 1}" in str(told.value) and f"{file}:{len(PAIRS) + 2}" in str(told.value)
    assert told.value.exit_code == 1


@pytest.mark.parametrize("completions", [[{"text": "a", "rank": 0}], [{"text": "a"}, {"text": "b"}], "text",
                                         [{"text": "a", "score": 1}, {"text": "b", "score": 1}]])  # fmt: skip
def test_which_completion_is_preferred_is_not_guessed(completions, tmp_path):
    file = tmp_path / "set.jsonl"
    file.write_text(json.dumps({"prompt": "q", "completions": completions}))
    with pytest.raises(KomepError, match=r"set\.jsonl:1: bad_value: completions: "):
        read_preferences(file)


def test_plain_answers_without_a_prompt_are_refused(tmp_path):
    file = tmp_path / "set.jsonl"
    file.write_text('{"chosen": "a", "rejected": "b"}\n{"chosen": "c", "rejected": "d"}\n')
    with pytest.raises(KomepError, match="missing columns prompt; it has chosen, rejected"):
        read_preferences(file)
    file.write_text('{"question": "q", "model": "m", "response": "r"}\n')
    with pytest.raises(KomepError, match="no preference pairs: missing columns chosen, rejected"):
        read_preferences(file)


def test_what_not_every_row_has_is_left_out_and_said(tmp_path, capsys):
    file = tmp_path / "set.jsonl"
    rows = [{"prompt": f"q{i}", "chosen": "a", "rejected": "b", "category": "c"} for i in range(3)]
    del rows[1]["category"]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert read_preferences(file)["category"].null_count() == 3
    assert "1 of 3 rows have no category; it is left out" in capsys.readouterr().err


def test_a_folder_with_files_of_both_splits_and_csv(tmp_path):
    write(tmp_path / "train-00000-of-00001.jsonl", "plain strings", PAIRS[:20])
    write(tmp_path / "validation.jsonl", "plain strings", PAIRS[20:])
    found = read_preferences(tmp_path)
    assert found["split"].to_list() == ["train"] * 20 + ["test"] * 4
    table = tmp_path / "set.csv"
    table.write_text('prompt,chosen,rejected,score_chosen,score_rejected\n"가\n나",다,라,4.5,1\n', "utf-8")
    (row,) = read_preferences(table).rows(named=True)
    assert (row["prompt"], row["chosen_score"], row["score_margin"]) == ("가\n나", 4.5, 3.5)


def test_what_is_a_set_and_what_a_release(tmp_path):
    assert not is_set(tmp_path) and not is_set(tmp_path / "nothing")
    assert is_set(write(tmp_path / "set.jsonl", "messages")) and is_set(tmp_path)
    (tmp_path / "notes").write_text("mine")
    assert not is_set(tmp_path)
    (tmp_path / "notes").unlink()
    (tmp_path / "SHA256SUMS").touch()  # a release that lost its build.json
    assert not is_set(tmp_path)


@needs_data("dpo_demo")
def test_real_pairs_in_sharegpts_shape():
    found = read_preferences(DATA / "dpo_demo")
    assert found.height == 150 and not any(found[name].null_count() for name in TEXTS)
    assert found["score_margin"].null_count() == 150


def test_a_set_under_names_of_its_own(tmp_path):
    """`좋은답` is no name that the field has; the map says what it is, a constant what all rows have."""
    shape = SHAPES["plain strings"]
    wanted = read_preferences(write(tmp_path / "ours.jsonl", "plain strings"))
    names = {"질문": "prompt", "좋은답": "chosen", "나쁜답": "rejected"}
    back = {name: new for new, name in names.items()}
    rows = [{back[name]: value for name, value in shape(*one).items()} for one in PAIRS]
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        KomepError, match=r"missing columns prompt, chosen, rejected; .*named by --map NEW=known"
    ):
        read_preferences(path)
    found = read_preferences(path, names | {"category": "=내과"})
    assert set(found["category"]) == {"내과"}
    assert found.drop("category").equals(wanted.drop("category"))
    with pytest.raises(KomepError, match="--map 답=chosen: there is no column '답' to be read as that"):
        read_preferences(path, names | {"답": "chosen", "좋은답": "category"})
    with pytest.raises(KomepError, match="no column 'chosn' is known here; did you mean 'chosen'"):
        read_preferences(path, {"좋은답": "chosn"})


def test_a_release_takes_no_map(tmp_path):
    with pytest.raises(
        KomepError, match=r"--map 질문=prompt: .* is a release, whose columns have their known"
    ):
        check_unmapped(tmp_path, {"질문": "prompt"})
