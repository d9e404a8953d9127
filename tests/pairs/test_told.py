"""What a release says of its pairs: nothing where all is as in the paper."""

from dataclasses import asdict

import polars as pl

from komep_dataset.pairs.options import PairRules
from komep_dataset.pairs.rules import Tally
from komep_dataset.pairs.told import chosen_by, flags, pairing, score_name, strange_models, swapped, warned


def test_the_papers_pairs_need_no_words():
    options = asdict(PairRules())
    assert pairing({"options": options}) == []
    assert flags(options) == ["--pairs best-worst", "--min-margin 0.0", "--origin all"]
    assert flags({"pairs": "all", "min_margin": 0.1}) == ["--pairs all", "--min-margin 0.1", "--origin all"]
    assert (score_name({"pairs": "all"}), chosen_by(options)) == ("DAHL score", "DAHL score")


def test_every_choice_is_told():
    rules = PairRules(pairs="delta", order="s,w", utility="f1@12", length_gap=300)
    facts = {
        "options": asdict(rules),
        "from_data": {"utility": "K is the median number of units of 9 answers"},
    }
    facts |= {"score_agreement": {"agrees": 5, "equal": 1, "contradicts": 2}, "left_out_models": ["x", "y"]}
    told = " ".join(pairing(facts))
    for part in (
        *(
            "Rule `delta`",
            "F1@12",
            "true units / 12",
            "K is the median number of units of 9 answers",
            "`--order`: s,w.",
        ),
        *("at most 300 characters", "agrees with 5 of 8 pairs, is equal in 1 and contradicts 2", "x, y"),
    ):
        assert part in told
    words = {"length_gap": 80, "length_tokenizer": [{"name": "words", "sha256": "ab" * 32}]}
    [line] = pairing({"options": asdict(PairRules(**words))})
    assert "at most 80 tokens of words in length" in line and "`abababababab…`" in line
    assert flags(words | {"pairs": "all"})[1:] == ["--min-margin 0.0", "--length-gap 80", "--origin all"]
    assert "K was given" in " ".join(pairing({"options": asdict(PairRules(utility="f1@3"))}))
    trimmed = {
        "options": asdict(PairRules(pairs="trimmed", trim_below=0.25)),
        "from_data": {"trim_below": "the mean"},
    }
    assert "`--trim-below`: 0.25, the mean." in pairing(trimmed)
    assert chosen_by(facts["options"]) == "the model that wrote them"
    assert pairing({"options": {"pairs": "of-a-later-komep"}}) == ["Rule `of-a-later-komep`."]


def test_a_build_without_what_is_needed_is_warned_of_with_the_setting():
    rows = {"ko": {"train": 0, "test": 0}, "en": {"train": 3, "test": 0}, "scored": {"train": 6, "test": 0}}
    facts = {"pairs": 3, "rows": rows}
    [line] = warned(facts, {}, Tally())
    assert line.startswith(
        "no pair of `en` is in `test`, so there is nothing to hold out: 10 questions in 100"
    )
    [line] = warned(
        facts | {"rows": {"en": {"train": 0, "test": 1}, "scored": {"train": 0, "test": 2}}}, {}, Tally()
    )
    assert "no pair of `en` is in `train`, so there is nothing to train on" in line
    whole = facts | {"rows": {"en": {"train": 2, "test": 1}}}
    assert warned(whole, {"tie": 4}, Tally()) == []
    [line] = warned(whole, {}, Tally(mixed=2))
    assert line.startswith("2 pairs of `en` have a Korean question") and "response_ko" in line
    [line] = warned(whole, {}, Tally(korean=1))
    assert line.startswith(
        "1 pair of `en` is Korean by its script, for question_ko or response_ko has another"
    )
    [line] = warned(whole, {}, Tally(foreign=3))
    assert line.startswith(
        "3 pairs have a text in question_ko or response_ko that is not Korean by its script"
    )
    assert "not in `ko`: write the Korean text there, or nothing" in line
    [line] = warned(facts | {"pairs": 0}, {"tie": 2, "below_margin": 9, "contaminated": 1}, Tally())
    assert line.startswith(
        "no pair passed: below_margin 9 (scores are not further apart than --min-margin: lower it); tie 2"
    )
    assert "contaminated 1; rejects.jsonl says why" in line


def test_the_settings_that_leave_no_pair_are_named():
    rules = asdict(PairRules(length_gap=3, utility="f1@4", min_margin=0.5))
    [line] = warned({"pairs": 0, "options": rules}, {"length_gap": 7, "tie": 2, "below_margin": 1}, Tally())
    assert line == (
        "no pair passed under --min-margin 0.5 --utility f1@4 --length-gap 3: length_gap 7 (answers differ in length by more than "
        "--length-gap: raise it); tie 2 (--utility f1@4, or the best and the worst answer score the same: give more answers, or "
        "--utility f1, which counts true units too); below_margin 1 (scores are not further apart than --min-margin: lower it); "
        "rejects.jsonl says why, question by question"
    )
    [line] = warned(
        {"pairs": 0, "options": asdict(PairRules(pairs="trimmed", trim_below=1.0))},
        {"too_few_responses": 4},
        Tally(),
    )
    assert (
        "under --pairs trimmed --trim-below 1.0: too_few_responses 4 (--trim-below 1.0, or fewer than two"
        in line
    )


def test_models_that_are_none_and_names_that_differ_in_blanks_are_told():
    assert strange_models({"a": 9, "b": 9}) == [] and strange_models({"a": 1, "b": 1, "c": 1}) == []
    [line] = strange_models({"a": 9, "A ": 3, "b\u3000c": 1, "b": 9})
    assert line.startswith("the models 'A ', 'a' differ in case or blanks alone and count as 2")
    [line] = strange_models({f"It is {n}.": 1 for n in range(60)})
    assert line.startswith("60 answers are of 60 models: does the column model hold their names")


def test_questions_in_the_place_of_responses_are_told_by_the_texts_alone():
    asked = [(f"q{n}", f"{model} says {n}", model) for n in range(9) for model in "abc"]
    texts = pl.DataFrame(asked, ["question", "response", "model"], orient="row")
    back = texts.rename({"question": "response", "response": "question"})
    assert swapped(texts) == "" and swapped(texts.head(0)) == ""
    assert swapped(back).startswith(
        "of 27 rows 27 have the response of another model, word for word, and 0 the question"
    )
    letters = texts.with_columns(response=pl.lit("A"))  # every answer is the letter of an option
    assert swapped(letters) == "" and swapped(texts.filter(pl.col("model") == "a")) == ""
    alone = texts.gather_every(4).with_columns(
        response=pl.when(pl.col("model") == "a").then(pl.lit("No idea.")).otherwise("response")
    )
    assert swapped(alone) == ""  # a question has one answer, and few of these are alike
