"""The robust reading: invented generations with our labels, and properties that hold for any text."""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evaluation.kormedmcqa.extraction import extract_paper
from evaluation.kormedmcqa.robust import extract_robust
from tests.real_data import needs_data, rows

GENERATIONS = [
    json.loads(line)
    for line in (Path(__file__).parent / "generations.jsonl").read_text(encoding="utf-8").splitlines()
]


LETTER = st.sampled_from("ABCDE")
STATED = [  # {0} is a letter, {1} its number
    "{0}", " {0}", "{0}.", "({0})", "**{0}**", "{0}번", "{0}입니다", "{0}번입니다.", "{0}가 정답", "{0}가 정답입니다.", "정답: {0}", "정답：{0}",
    "정답은 {0}", "정답은 {0}이다", "정답은 {0}입니다.", "정답은 {0}번이다.", "답은 {0}", "[정답] {0}", "정답은 {0}. 헤파린", "{0}) 헤파린",
    "{1}번", "정답: {1}", "정답은 {1}번입니다", "({1})", "The answer is {0}.", "the correct answer is ({0})", "{0} is correct.", "Answer: {0}",
    "혈압이 낮다. 따라서 정답은 {0}이다.", "수액을 먼저 준다.\n\n{0}", "비타민 D와 무관하다. 답: {0}", "\\boxed{{{0}}}",
]  # fmt: skip


NOT_STATED = [
    "비타민 {0} 결핍", "{0}형 간염", "needs a biopsy", "{0}-반응단백 상승", "{0}군 사슬알균", "{0}세포 림프종", "혈액형은 {0}이다",
    "vitamin {0} deficiency", "{1}일 뒤", "{1} mg", "{1}.5", "{1}세 남자", "{1}차 예방", "모르겠습니다.", "A patient with fever",
]  # fmt: skip


HEDGES = ["{0} 또는 {1}", "정답은 {0} 또는 {1}입니다.", "{0}나 {1}", "{0} or {1}", "The answer is {0} or {1}.", "{0}/{1}", "{0}, {1}",
          "정답은 {0}와 {1}이다", "{0}일 수도 있고 {1}일 수도 있습니다.", "either {0} or {1}"]  # fmt: skip


DENIED = ["정답은 {0}가 아니다.", "정답은 {0}가 아닙니다", "{1}번은 정답이 아닙니다.", "정답은 {1}번이 될 수 없다.", "{0}는 답이 아님", "{0} 아님", "{0} is incorrect.", "{0} is not the correct answer.", "The answer is not {0}."]  # fmt: skip
REMARKS = ["{0}를 고르면 안 된다.", "{0}를 정답으로 착각하기 쉽다.", "{0}라고 생각할 수 있지만 틀렸다.", "만약 임신부라면 정답은 {0}이다.", "많은 학생이 {0}를 선택한다.", "{0}는 정답이 아닙니다.",
           "Many would choose {0}, but that is wrong.", "Choosing {0} would be a mistake.", "If the patient were pregnant, the answer would be {0}."]  # fmt: skip


def read(row: dict) -> str:
    return extract_robust(row["text"], row.get("options", ()))


def by_kind() -> dict[str, tuple[int, int, int]]:
    """For each kind of phrase: how many generations, how many the robust rules read right, how many the cascade."""
    table: dict[str, list[int]] = {}
    for row in GENERATIONS:
        counts = table.setdefault(row["kind"], [0, 0, 0])
        counts[0] += 1
        counts[1] += read(row) == row["label"]
        counts[2] += extract_paper(row["text"]) == row["label"]
    return {kind: tuple(counts) for kind, counts in sorted(table.items())}


def test_labelled_generations():
    """At least 300 generations, all invented here and labelled by hand; the table per kind is printed (`-s`)."""
    table = by_kind()
    n, right, cascade = (sum(counts[i] for counts in table.values()) for i in range(3))
    print(f"\n{'kind':12}{'n':>6}{'robust':>8}{'cascade':>9}")
    for kind, counts in {**table, "all": (n, right, cascade)}.items():
        print(f"{kind:12}{counts[0]:6}{counts[1] / counts[0]:8.1%}{counts[2] / counts[0]:9.1%}")
    missed = [f"{row['text']!r} is {row['label']!r}" for row in GENERATIONS if read(row) != row["label"]]
    assert n >= 300
    assert right >= 0.99 * n, missed
    assert right > cascade
    assert all(n - right <= max(2, 0.05 * n) for n, right, _ in table.values()), missed


def test_the_card_has_the_table_per_kind():
    card = (Path(__file__).parents[3] / "evaluation/kormedmcqa/README.md").read_text(encoding="utf-8")
    table = by_kind()
    table["all"] = tuple(sum(counts[i] for counts in table.values()) for i in range(3))
    for kind, (n, right, cascade) in table.items():
        assert f"| {kind} | {n} | {right} | {cascade} |" in card


def test_labelled_generations_cover_every_letter_and_kind():
    labels = Counter(row["label"] for row in GENERATIONS)
    assert all(labels[letter] >= 15 for letter in "ABCDE") and labels[""] >= 60
    texts = [(row["text"], tuple(row.get("options", ()))) for row in GENERATIONS]
    assert len(set(texts)) == len(texts)


@given(LETTER, st.sampled_from(STATED))
def test_a_stated_letter_is_read(letter, template):
    assert extract_robust(template.format(letter, "ABCDE".index(letter) + 1)) == letter


@given(LETTER, st.sampled_from(NOT_STATED))
def test_a_letter_that_names_something_else_is_not_read(letter, template):
    assert extract_robust(template.format(letter, "ABCDE".index(letter) + 1)) == ""


ODD = [  # {0} is the odd one, {1} all others
    "{0} is incorrect. All the others are correct.", "{0} is correct. All the others are incorrect.", "{0}가 옳지 않습니다. {1}는 옳습니다.", "{0}는 적응증이 아니다. {1}는 적응증이다.",
    "{0}는 적응증이다. {1}는 적응증이 아니다.", "{0}가 잘못된 내용입니다. {1}는 옳은 내용입니다.", "{1}는 모두 맞는 설명이고 {0}는 틀린 설명이다.", "{0}는 틀렸다. 다른 보기는 모두 맞다.",
    "{0}를 제외한 나머지는 모두 옳다.", "{0}를 제외한 나머지는 모두 틀리다.", "{0}만 빼고 다 맞다.", "나머지는 모두 옳고 {0}는 옳지 않다.", "{0} is false, while the rest are true.",
    "All except {0} are correct.", "All the options are correct except for {0}.", "All of the following are correct EXCEPT {0}.", "Everything except {0} is true.",
    "With the exception of {0}, all statements are correct.", "{0} is the only statement that is not true.", "{0} is the only statement that is true.",
]  # fmt: skip


@given(LETTER, st.sampled_from(ODD))
def test_the_one_that_is_judged_otherwise_than_all_others_is_the_answer(letter, template):
    assert extract_robust(template.format(letter, ", ".join("ABCDE".replace(letter, "")))) == letter


@given(LETTER, st.sampled_from(["{}. 옳다", "{}는 옳다.", "{} is true."]), st.sampled_from("\n "))
def test_the_one_wrong_item_of_a_walk_is_the_answer(letter, right, between):
    wrong = right.replace("옳다", "옳지 않다").replace("true", "not true")
    said = between.join((wrong if one == letter else right).format(one) for one in "ABCDE")
    assume(between == "\n" or right[2] != ".")
    assert extract_robust(said) == letter


@pytest.mark.parametrize(
    "text",
    ["B는 아니다.", "A and B are wrong, the others are correct.", "만약 B가 틀렸다면 나머지는 모두 옳다.", "If B is incorrect, all the others are correct.", "B는 옳지 않다. C, D는 옳다.",
     "A와 B를 제외한 나머지는 모두 옳다.", "All except A and B are correct.", "B is incorrect. The others may be correct.", "C is incorrect. Not all the others are correct.",
     "B를 제외한 나머지를 살펴보자.", "All except B are given orally.", "B를 제외한 나머지 중에서 고른다."],
)  # fmt: skip
def test_no_one_is_judged_otherwise_than_all_others(text):
    assert extract_robust(text) == ""


@pytest.mark.parametrize(
    "text",
    ["Option C would be the best choice if the patient were pregnant; since she is not, option A.", "If she were pregnant, C would be the answer; as she is not, A.", "임신부라면 C가 답이겠지만, 임신부가 아니므로 A이다.",
     "A is the answer. C would be the best choice if she were pregnant.", "정답은 A. 임신부라면 C가 답이겠지만 이 환자는 아니다."],
)  # fmt: skip
def test_what_would_hold_contrary_to_fact_is_no_answer(text):
    assert extract_robust(text) == "A"


@given(LETTER, LETTER, st.sampled_from(HEDGES))
def test_a_hedge_between_two_is_no_answer(one, other, template):
    assume(one != other)
    assert extract_robust(template.format(one, other)) == ""


@given(LETTER, LETTER, st.sampled_from(["정답은 {}입니다. 아니, 정답은 {}입니다.", "정답: {}\n정정합니다. 정답: {}", "The answer is {}. Wait, the answer is {}.", "정답은 {}가 아니라 {}이다.", "정답은 {}입니다. 다시 보니 {}가 맞습니다.", "정답은 {}이다. 그러나 {}가 더 적절하다.", "Answer: {}. Upon review, {} is the better choice.", "Answer: {}. Sorry, I meant {}."]))  # fmt: skip
def test_the_last_stated_answer_counts(first, last, template):
    assume(first != last)
    assert extract_robust(template.format(first, last)) == last


@given(LETTER, st.sampled_from(DENIED))
def test_a_denied_letter_is_no_answer(letter, template):
    assert extract_robust(template.format(letter, "ABCDE".index(letter) + 1)) == ""


@given(LETTER, LETTER, st.sampled_from(["정답은 {}이다. ", "정답: {}\n", "The answer is {}. "]), st.sampled_from(REMARKS))  # fmt: skip
def test_a_remark_on_another_letter_changes_nothing(letter, other, answer, remark):
    assume(letter != other)
    assert extract_robust(answer.format(letter) + remark.format(other)) == letter


@given(st.integers(3, 5), st.sampled_from([("{0}. {1}", " "), ("({0}) {1}", " "), ("{0}: {1}", "; "), ("{2}번 {1}", ", "), ("{2}. {1}", "\n"), ("({2}){1}", "")]))  # fmt: skip
def test_a_list_of_the_options_is_no_answer(n, form):
    options = ["위염", "담낭염", "충수염", "췌장염", "장염"]
    text = form[1].join(form[0].format("ABCDE"[i], options[i], i + 1) for i in range(n))
    assert extract_robust(text) == extract_robust(text, options) == ""


@given(
    LETTER,
    st.sampled_from(["{}: 천식", "{}. 천식입니다.", "({}) 천식", "{}) asthma"]),
    st.sampled_from(["문제에 대한 답입니다.", "제 답입니다.", "답은 다음과 같습니다.", "The answer is as follows.", "Here is my answer:", "My answer to your question:"]),
)  # fmt: skip
def test_an_announced_option_is_the_answer_whatever_follows(letter, option, announced):
    for rest in ("", "\n\n쌕쌕거림이 있다.", "\n이"):
        assert extract_robust(f"{announced}\n\n{option.format(letter)}{rest}") == letter


def test_two_options_are_no_answer():
    """Cut off, too; with one of them named behind it, that is the answer."""
    for text in (
        "A: 위염, B: 장염",
        "A: 위염, B",
        "질문 2의 정답입니다.\n\nA: 위염, B:",
        "제 답입니다.\n\nA: 위염\nB:",
        "위염이 아닌 것은?\n\nA: 위염, B",
        "다음 중 옳은 것은? A. 위염 B. 장염 C.",
    ):
        assert extract_robust(text) == ""
    assert extract_robust("A: 위염, B: 장염\n\n열이 있으므로 장염(B)이다") == "B"


@given(LETTER)
def test_circled_digits_and_full_width_letters(letter):
    place = "ABCDE".index(letter)
    for sign in (chr(0x2460 + place), chr(0x2776 + place), chr(0x24B6 + place), chr(0xFF21 + place)):
        assert extract_robust(f"정답은 {sign}") == extract_robust(sign) == letter


@given(st.text())
def test_any_text_gives_a_letter_or_nothing(text):
    assert extract_robust(text) in {"", "A", "B", "C", "D", "E"}


@given(st.sampled_from(GENERATIONS))
def test_form_does_not_matter(row):
    """Decomposed Hangul, bold type and outer blanks change nothing."""
    options = row.get("options", ())
    letter = extract_robust(row["text"], options)
    assert extract_robust(unicodedata.normalize("NFD", row["text"]), options) == letter
    if row["kind"] != "thought":  # a title in bold type to its end is another
        assert extract_robust(f"**{row['text']}**", options) == letter
    assert extract_robust(f"\n \u3000{row['text']} \n", options) == letter


@given(
    st.text(alphabet=st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3) | st.sampled_from(" .,\n?"))
)
def test_hangul_alone_never_gives_a_letter(text):
    assert extract_robust(text) == ""


@given(st.lists(LETTER, min_size=5, max_size=5, unique=True), st.sampled_from(STATED[:23]))
def test_letters_are_treated_alike(permutation, template):
    """Renaming the letters renames the answer."""
    swap = dict(zip("ABCDE", permutation, strict=True))
    for letter in "ABCDE":
        number = "ABCDE".index(swap[letter]) + 1
        assert extract_robust(template.format(swap[letter], number)) == swap[letter]


@given(st.permutations(["헤파린", "인슐린", "와파린", "아스피린", "디곡신"]), LETTER)
def test_an_option_text_is_read_when_options_are_given(options, letter):
    text = options["ABCDE".index(letter)]
    for reply in (text, f"정답은 {text}입니다.", f"**{text}**", f"환자에게는 {text}을 투여한다."):
        assert extract_robust(reply, options) == letter
        assert extract_robust(reply) == ""


WRAPS = ["{}", "**{}**", "({})", "[{}]", '"{}"', "{}번", "『{}』", "<b>{}</b>", "`{}`"]
FRAMES = ["정답은 {}입니다.", "정답: {}", "정답： {}", "따라서 정답은 {}이다.", "최종 답은 {}입니다", "The answer is {}.", "Final answer: {}", "근거: 열이 난다.\n\n정답: {}\n"]  # fmt: skip


@given(
    LETTER,
    st.sampled_from(WRAPS),
    st.sampled_from(FRAMES),
    st.sampled_from(["upper", "digit", "circled", "wide"]),
)
def test_a_wrapped_letter_in_a_frame_is_read(letter, wrap, frame, form):
    place = "ABCDE".index(letter)
    sign = {
        "upper": letter,
        "digit": str(place + 1),
        "circled": chr(0x2460 + place),
        "wide": chr(0xFF21 + place),
    }
    assert extract_robust(frame.format(wrap.format(sign[form]))) == letter


@given(LETTER, LETTER, st.sampled_from(WRAPS[:5]), st.sampled_from(["정답은 {} 또는 {}입니다.", "정답: {} 혹은 {}", "The answer is {} or {}."]))  # fmt: skip
def test_a_wrapped_hedge_is_no_answer(one, other, wrap, frame):
    assume(one != other)
    assert extract_robust(frame.format(wrap.format(one), wrap.format(other))) == ""


@given(st.lists(st.sampled_from([row["text"] for row in GENERATIONS]), min_size=1, max_size=4).map("\n".join), st.integers(0, 5))  # fmt: skip
def test_joined_generations_never_give_a_letter_beyond_the_options(text, n):
    options = ["헤파린", "인슐린", "와파린", "아스피린", "디곡신"][:n]
    assert extract_robust(text, options) in {"", *"ABCDE"[: n or 5]}


@pytest.mark.parametrize(
    ("text", "letter"),
    [("yes", "A"), ("Answer: no", "B"), ("Maybe.", "C"), ("The answer is D.", ""), ("There is no sign of it.", ""), ("C", "C")],
)  # fmt: skip
def test_yes_no_maybe(text, letter):
    assert extract_robust(text, ["yes", "no", "maybe"]) == letter


def test_thoughts_state_no_letter():
    assert extract_robust("<think>정답은 A로 보인다.</think>\n\n정답: B") == "B"
    assert extract_robust("<think>정답은 A로 보인다. 다시 보면 C가 맞다.") == ""


@needs_data("gemini_replies")
def test_the_answer_that_opens_a_real_reply_is_read():
    """Whole replies, which then go through the options; a third of them."""
    stated = re.compile(r"\s*\**정답\**\s*:\s*\**\s*([A-E])\b")
    found = [
        (stated.match(row["answer"]), row["answer"])
        for w in ("nurse", "dentist")
        for row in rows(f"gemini_replies/distillation_{w}.jsonl")[::3]
    ]
    right = [extract_robust(text) == opening[1] for opening, text in found if opening]
    assert len(right) > 250 and sum(right) >= 0.995 * len(right)


@needs_data("korean_mcq_replies")
def test_the_letter_that_ends_a_real_reply_is_read():
    texts = [row["response"].strip() for row in rows("korean_mcq_replies/replies.jsonl")[::4]]
    right = [extract_robust(text) == text[-1] for text in texts if re.search(r"\n[A-E]$", text)]
    assert len(right) > 250 and sum(right) >= 0.995 * len(right)
