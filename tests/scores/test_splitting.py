"""Units out of a splitter's reply: bare statements, of the answer and of nothing else."""

import json

import pytest

from komep_dataset.inference.reply_log import Reply
from komep_dataset.schema import ScoredGeneration
from komep_dataset.scores.scoring import score
from komep_dataset.scores.splitting import clean_unit, units_in, units_of
from komep_dataset.tables.reading import read_table
from tests.loopback import Loopback, last_text, loopback
from tests.real_data import needs_data, rows
from tests.scores.responses import response, write_responses
from tests.scores.test_scoring import configured

ENGLISH = ["Insulin is made in the pancreas.", "Insulin lowers blood glucose."]
KOREAN = ["인슐린은 췌장에서 만들어진다.", "인슐린은 혈당을 낮춘다."]
ANSWERS = {
    "en": "Insulin, which is made in the pancreas, lowers blood glucose.",
    "ko": "췌장에서 만들어지는 인슐린은 혈당을 낮춘다.",
}
CLOTHES = [
    "{0}\n{1}",
    "- {0}\n- {1}",
    "* {0}\n* {1}",
    "• {0}\n•{1}",
    "1. {0}\n2. {1}",
    "1) {0}\n2) {1}",
    "(1) {0}\n(2) {1}",
    "1.{0}\n2.{1}",
    "① {0}\n② {1}",
    "가. {0}\n나. {1}",
    "a) {0}\nb) {1}",
    "- 1. **{0}**\n- 2. **{1}**",
    "Fact 1: {0}\nFact 2: {1}",
    "사실 1: {0}\n사실 2: {1}",
    '"{0}"\n"{1}"',
    "```\n{0}\n{1}\n```",
    "```text\n- {0}\n- {1}\n```",
    '```json\n["{0}", "{1}"]\n```',
    '{{"facts": ["{0}", "{1}"]}}',
    '[{{"fact": "{0}"}}, {{"fact": "{1}"}}]',
    "Here are the facts:\n\n{0}\n{1}",
    "Sure! Here are the atomic facts from the answer:\n1. {0}\n2. {1}\n\nLet me know if you need anything else!",
    "Here is the breakdown of the text into atomic facts.\n{0}\n{1}",
    "## Atomic facts\n\n- {0}\n- {1}",
    "**Facts**\n{0}\n{1}\n---",
    "<facts>\n{0}\n{1}\n</facts>",
    "<answer>\n{0}\n{1}\n</answer>",
    "다음은 답변을 나눈 원자적 사실입니다:\n{0}\n{1}",
    "네, 답변을 사실로 나누면 다음과 같습니다.\n1. {0}\n2. {1}\n\n이상입니다.",
    "원자적 사실 목록\n- {0}\n- {1}\n추가로 궁금하신 점이 있으면 말씀해 주세요.",
    "I have split the answer into two facts.\n{0}\n{1}\nI hope this helps!",
    "> {0}\n> {1}",
    "답변을 원자적 사실 단위로 나누면 다음과 같습니다.\n\n- {0}\n- {1}\n\n총 2개의 사실로 구성되어 있습니다.",
    "{0}\n{1}\n(마지막 문장은 중간에 잘려 있어 제외했습니다.)",
    "Here's the breakdown:\n\n---\n\n{0}\n\n---\n\n{1}\n\n---",
    "먼저 답변을 문장별로 살펴보겠습니다. 답변은 두 문장으로 되어 있습니다.\n\n사실 목록:\n- {0}\n- {1}",
    "{0}\n{1}\n\n(Note: the last sentence was incomplete and has been omitted.)",
    "| # | Fact |\n|---|---|\n| 1 | {0} |\n| 2 | {1} |",
    "Fact | Supported\n\n{0}\n{1}",
    "<facts>\n<fact>{0}</fact>\n<fact>{1}</fact>\n</facts>",
    "<ol>\n<li>{0}</li>\n<li>{1}</li>\n</ol>",
    "{0}<br>\n{1}<br/>",
    'Fact,Supported\n"{0}",yes\n"{1}",no',
    '1,"{0}"\n2,"{1}"',
    "1\\. {0}\n2\\. {1}",
    "- [ ] {0}\n- [x] {1}",
    "Answer: {0}\n{1}",
    "{0} [true]\n{1} (supported)",
    "{0}\n- True\n{1}\n- False",
    "1. {0} 2. {1}",
    "(1) {0} (2) {1}",
    "{0}; {1}",
    "{0}\n{1}\n</answer>",
    "{0}\n{1}\n</answer>\n\n<answer>\nAspirin thins blood.\n</answer>\nAspirin thins blood.",
    "{0}\n{1}\n\nInput: Aspirin thins blood.\nOutput:\nAspirin thins blood.",
    "Input: {0} {1}\nOutput:\n{0}\n{1}",
    "Here is the text:\n<answer>\n{0} {1}\n</answer>\n\n1. {0}\n2. {1}",
    "{0}\n{1}\nThe answer does not say more about it.",
    "{0}\n{1}\n답변에는 더 이상의 내용이 없습니다.",
    "{0}\\n{1}",
    "{0}\\n\\n{1}\\n",
    "- {0}\\r\\n- {1}",
    "{0}\r{1}",
    "{0}\r\n{1}\r\n",
    "{0}\u2028{1}",
    "{0}\x85{1}",
    "{0}\v{1}",
    "{0}<br>{1}",
    "{0}<br/> {1}<br/>",
    '"{0}\\n{1}"',
    '```json\n"- {0}\\n- {1}"\n```',
    '"[\\"{0}\\", \\"{1}\\"]"',
    "['{0}', '{1}']",
    'Here you go: ["{0}", "{1}"]',
    '```python\nfacts = [\n    "{0}",\n    "{1}",\n]\n```',
    "{0} | {1}",
    "<fact>{0}</fact><fact>{1}</fact>",
    "## Origin\n- {0}\n\n## Effect on sugar\n- {1}",
    "**Origin**\n- {0}\n\n**Effect**\n- {1}",
    "Origin\n- {0}\nEffect\n- {1}",
    "\\begin{{itemize}}\n\\item {0}\n\\item {1}\n\\end{{itemize}}",
    "🔹 {0}\n🔹 {1}",
    "✅ {0}\n✅ {1}",
    "◆ {0}\n▶ {1}",
    "1️⃣ {0}\n2️⃣ {1}",
    "#1 {0}\n#2 {1}",
    "F1: {0}\nF2: {1}",
    "1 - {0}\n2 - {1}",
    "a. {0}\nb. {1}",
    "- {0} (True)\n- {1} (True)",
    "- {0} [1]\n- {1} [1, 2]",
    "[FACT] {0}\n[FACT] {1}",
    "[Fact 1] {0}\n[Fact 2]: {1}",
    "1. {0} (from sentence 1)\n2. {1} (from sentences 1 and 2)",
    "{0} (첫 번째 문장)\n{1} (문장 2)",
    "- {0} (explicitly stated)\n- {1} (implied)",
    "> {0} {1}\n\n* {0}\n* {1}",
    '- {0}\n  - Source sentence: "{0}"\n- {1}\n  - Source sentence: "{1}"',
    "{0}\n{1}\nI am an AI and cannot give medical advice; please consult a doctor.",
    "{0}\n{1}\nWould you like more on doses?",
    "I can't see any image, so I will answer in general.\n{0}\n{1}",
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("clothes", CLOTHES)
def test_units_come_out_bare(clothes, language):
    bare = ENGLISH if language == "en" else KOREAN
    found = units_of(Reply(clothes.format(*bare), "stop"))
    split = units_in(ANSWERS[language], found)
    assert (split.units, split.unverifiable, split.why) == (bare, [], "")


@pytest.mark.parametrize(
    "units",
    [[r"The symbol \nu is a frequency.", r"The sign \neq means unequal."]]
    + [[f"Aspirin lowers{sign}fever.", "Insulin lowers glucose."] for sign in "\u2028\x85\v"],
)
def test_a_sign_within_a_unit_is_no_end_of_it(units):
    assert units_of(Reply("\n".join(units), "stop")) == units


def test_double_braces_are_no_error():
    """To Python, `{{…}}` is a set of a dict, which it cannot hold: what is whole in it counts."""
    assert units_of(Reply('{{"facts": ["One is.", "Two is."]}}', "stop")) == ["One is.", "Two is."]


def test_what_is_whole_in_json_that_breaks_off_counts():
    for text in (
        '["One is.", "Two is.", "Thr',
        '{"facts": [{"fact": "One is."}, {"fact": "Two is."}, {"fa',
        '["One is.", "Two is.",]',
    ):
        assert units_of(Reply(text, "stop")) == ["One is.", "Two is."]
    assert units_of(Reply('```json\n[\n  "One is.",\n  "Two is.",\n  "Thr', "stop")) == [
        "One is.",
        "Two is.",
    ]


def test_what_only_looks_like_a_mark_stays():
    for unit in (
        "-5 °C is below freezing.",
        "5 mg of warfarin is a usual dose.",
        "E. coli is a bacterium.",
        "A. baumannii is a germ.",
        "1.5 g of aspirin is toxic.",
        "Vitamin B1 is thiamine.",
        "B형 간염은 감염병이다.",
        "가슴이 아프다.",
        'The "red flag" is fever.',
        "3일간 투여한다.",
        "Sodium <135 mEq/L; potassium >5 mEq/L.",
        "The response to insulin varies (type 1).",
    ):
        assert clean_unit(unit) == unit
    assert units_in("Note that fever is rare. Note the dose.", ["Note that fever is rare."]).units


NO_SPLITS = [
    "I'm sorry, but I can't help with that.",
    "죄송하지만 이 요청은 도와드릴 수 없습니다.",
    "Please provide the answer that you would like me to break up.",
    "나눌 답변을 입력해 주세요.",
    "Ibuprofen relieves pain.\nIbuprofen lowers fever.",
    "이부프로펜은 통증을 줄인다.\n이부프로펜은 열을 내린다.",
    "As an AI language model, I do not break answers up.",
    "OK",
    "Understood. I am ready.",
]


def test_a_split_of_which_half_is_of_its_own_making_is_none():
    invented = ["Insulin causes coma.", "Insulin costs 40 dollars.", "Insulin was approved in 1922."]
    assert units_in(ANSWERS["en"], [ENGLISH[1], *invented]).why
    assert units_in(ANSWERS["en"], [*ENGLISH, "Insulin is a hormone of the pancreas."]).units


@pytest.mark.parametrize("reply", NO_SPLITS)
@pytest.mark.parametrize("answer", ANSWERS.values())
def test_what_says_nothing_of_the_answer_is_no_split_of_it(reply, answer):
    split = units_in(answer, units_of(Reply(reply, "stop")))
    assert split.units == split.unverifiable == [] and split.why


def test_a_refusal_and_an_apology_are_not_scored_and_equal_units_are_asked_once(tmp_path):
    """All four situations at once, through the command's own code and a real endpoint."""
    good = "Gout is a disease. Gout hurts."

    def reply(body):
        text = last_text(body)
        if body["model"] == "checker":
            return "True"
        if "apology" in text:
            return "I'm sorry, but I can't help with that."
        return (
            "- Gout is a disease.\n- Gout hurts."
            if "numbers" in text
            else "1. **Gout is a disease.**\n2. Gout hurts."
        )

    table = write_responses(
        tmp_path,
        response(good, model="good"),
        response(f"{good} No numbers.", model="same"),
        response("I cannot give medical advice. Please see a doctor.", model="refuses"),
        response("의학적 조언은 드릴 수 없습니다.", model="refuses-ko"),
        response(f"{good} An apology.", model="unsplit"),
    )
    with loopback(Loopback(reply)) as (state, url):
        done = score([table], configured(tmp_path, url), tmp_path / "s.parquet")
    found = {row["model"]: row for row in read_table(done.path, ScoredGeneration).iter_rows(named=True)}
    assert {m: (row["status"], row["dahl_score"]) for m, row in found.items()} == {
        "good": ("scored", 1.0),
        "same": ("scored", 1.0),
        "refuses": ("refused", None),
        "refuses-ko": ("refused", None),
        "unsplit": ("unsplit", None),
    }
    assert found["unsplit"]["units"] == [] and found["good"]["units"] == found["same"]["units"]
    asked = [body["model"] for body in state.calls]
    assert (asked.count("splitter"), asked.count("checker")) == (3, 2)  # refusals cost nothing
    [reject] = [
        json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text("utf-8").split("\n") if line
    ]
    assert reject["reason"] == "unsplit" and "I'm sorry" in reject["detail"]


@pytest.mark.slow
@needs_data("kqa", "factbench", "expertqa")
def test_real_splits_are_taken_as_they_are():
    """Unsplit is one row of 1,483; of 8,515 lines 32 are left out (repeats, greetings, statements in quite other words) and 28
    hold nothing to check (disclaimers, offers, questions to the reader, what a given context lacks)."""
    splits = [
        (r["response"], r["claims"]) for r in rows("factbench/claims.jsonl") if r["claims"] and r["response"]
    ]
    splits += [
        (r["Free_form_answer"], r["Must_have"] + r["Nice_to_have"])
        for r in rows("kqa/questions_w_answers.jsonl")
    ]
    splits += [
        (r["response"], [u["text"] for u in r["units"]])
        for r in rows("expertqa/expert_build_input.jsonl")
        if r.get("units")
    ]
    taken = [(units_in(answer, list(map(clean_unit, units))), units) for answer, units in splits]
    assert len(splits) > 1400 and sum(bool(split.why) for split, _ in taken) <= 1
    assert sum(len(split.left_out) for split, _ in taken if not split.why) <= 32
    assert sum(len(split.unverifiable) for split, _ in taken) <= 28
    others = [
        units_in(a, list(map(clean_unit, u))).why
        for (a, _), (_, u) in zip(splits, splits[300:], strict=False)
    ]
    assert sum(map(bool, others)) > 0.9 * len(others)


@pytest.mark.parametrize(
    "lines",
    [
        ["T1 is short in fat.", "T2 is long in water."],
        ["1 mg is a low dose.", "2 mg is a high dose."],
        ["1 단계는 경증이다.", "2 단계는 중증이다."],
        ["### Insulin lowers glucose.", "### Insulin is a hormone."],
        ["**Insulin lowers glucose**", "**Insulin is a hormone**"],
    ],
)
def test_numbers_of_a_statement_and_lines_that_are_all_headings_stay(lines):
    assert units_of(Reply("\n".join(lines), "stop")) == [line.strip("#* ") for line in lines]


ADVICE = "Gout is treated with colchicine if it is given early. I love this drug. Ask your doctor about it."
FACT = "Gout is treated with colchicine if it is given early."
NOTHING = ["I love this drug.", "Ask your doctor about it."]
MARKS = [
    "{0}\n[unverifiable] {1}\n[unverifiable] {2}",
    "- {0}\n- [Unverifiable] {1}\n- [UNVERIFIABLE]: {2}",
    "1. {0}\n2. [unverifiable] {1}\n3. [unverifiable] {2}",
    '{0}\n[unverifiable] "{1}"\n**[unverifiable]** {2}',
    "{0}\n**Unverifiable:** {1}\nunverifiable: {2}",
    "{0}\n{1} [unverifiable]\n{2} (unverifiable)",
    "{0}\n<unverifiable>{1}</unverifiable>\n<unverifiable> {2}",
    "{0}\n[검증 불가] {1}\n(확인 불가능) {2}",
    '["{0}", "[unverifiable] {1}", "[unverifiable] {2}"]',
    "{0}\n[unverifiable]\n[unverifiable] {1}\n[unverifiable] {2}",
    '{{"facts": ["{0}"], "unverifiable": ["{1}", "{2}"]}}',
    '[{{"fact": "{0}", "unverifiable": false}}, {{"fact": "{1}", "unverifiable": true}}, {{"fact": "{2}", "unverifiable": true}}]',
]


@pytest.mark.parametrize("reply", MARKS)
def test_what_holds_nothing_to_check_is_known_by_its_mark(reply):
    split = units_in(ADVICE, units_of(Reply(reply.format(FACT, *NOTHING), "stop")))
    assert (split.units, split.unverifiable, split.left_out, split.why) == ([FACT], NOTHING, [], "")


def test_a_mark_of_the_answer_keeps_nothing_from_the_judge():
    false = "Aspirin cures gout at once."
    for answer in (f"[unverifiable] {false}", f"All of this is [Unverifiable]. {false}"):
        split = units_in(answer, units_of(Reply(f"[unverifiable] {false}", "stop")))
        assert (split.units, split.unverifiable) == ([false], [])


@pytest.mark.parametrize(
    "dose", ["Take 400 mg of aspirin for gout.", "통풍에는 아스피린 400 mg을 복용하십시오."]
)
def test_a_dose_is_judged_whatever_its_mark(dose):
    split = units_in(dose, units_of(Reply(f"[unverifiable] {dose}", "stop")))
    assert (split.units, split.unverifiable) == ([dose], [])


def test_a_mark_on_what_the_answer_does_not_say_is_no_sentence_of_it():
    split = units_in(ADVICE, units_of(Reply(f"{FACT}\n[unverifiable] No further statements remain.", "stop")))
    assert (split.units, split.unverifiable, len(split.left_out)) == ([FACT], [], 1)
    assert units_in(ADVICE, ["[unverifiable] I'm sorry, but I can't help with that."]).why


def test_an_aside_of_the_answer_holds_nothing_to_check_without_a_mark():
    answer = f"{FACT} Would you like to know more about colchicine?"
    split = units_in(answer, [FACT, "Would you like to know more about colchicine?"])
    assert split.units == [FACT] and split.unverifiable == ["Would you like to know more about colchicine?"]


def test_words_about_verifying_are_no_mark():
    for unit in (
        "Unverifiable claims are common.",
        "The diagnosis is unverifiable without a biopsy.",
        "검증 불가능한 주장이 많다.",
        "Reports (unverifiable at the time) named a source.",
    ):
        assert units_of(Reply(unit, "stop")) == [unit]


def test_numbers_that_belong_to_their_lines_stay():
    lines = [
        "5-FU inhibits thymidylate synthase.",
        "2,3-BPG lowers oxygen affinity.",
        "1.5 mg is given in all.",
    ]
    lines.append("70% of cases recover.")
    assert units_in(" ".join(lines), units_of(Reply("\n".join(lines), "stop"))).units == lines
