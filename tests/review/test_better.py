"""Which answer is better, as people write it who type into a cell, and what they write that says nothing of it."""

import pytest

from komep_dataset.review.better import better

READ = {
    "A": """A | a |  Ａ  | A. | Ⓐ | (A) | a better | A is better | Answer A | A가 나음 | 답변 A가 더 좋음 | A쪽이 더 낫다 | A 우세 | prefer A
        A>B | A >> B | b<a | A is more accurate | A가 맞음 | A안 | A쪽 | A요 | A인듯 | A인 것 같아요 | A가 나은 것 같습니다 | ㅁ | 에이
        왼쪽 | 왼쪽이 더 나은듯 | left | left one | on the left | 첫째 | 첫번째 답 | 1번 | the first one | former | B보다 A가 낫죠
        A가 B보다 나아보여요 | B is worse | worse: B | B가 더 나쁨 | B가 덜 정확 | A가 덜 틀림 | B is less accurate | A over B | prefer A to B
        당연히 A | A 압승 | i think A | A 답이 더 정확해 보임 | A (약간) | A가 조금 더 자세하고 정확 | A, more accurate | A B보다 나음""",
    "B": """B | b better | B가 낫다 | 답 B | B wins | A < B | B가 조금 더 나음 | B가 더 사실에 가까움 | B가 사실에 더 가깝습니다 | A보다는 B | A 보다 B | A보다 B가
        ㅠ | 비 | 오른쪽 | on the right | right side | 두번째가 맞음 | 첫번째보다 두번째 | second is better | 2번 | B에 한표 | B로 하겠습니다
        B가 그나마 나음 | A가 더 나쁨 | A worse than B | A가 B보다 못함 | b better than a | A is less accurate | A가 더 위험함 | A is the worse one
        B 맞는 듯 | i'd pick b | definitely B!! | B번 | B is a bit better | B라고 봅니다""",
    "same": """same | Tie | equal | = | A=B | 같음 | 둘 다 비슷함 | 차이 없음 | 동점 | A와 B 같음 | A B 같음 | neither | neither is better | 비슷비슷
        똑같음 | 둘다 별로 | both ok | both wrong | A, B 둘 다 틀림 | no difference | equal, both wrong""",
    "unsure": """unsure | ? | 모름 | 모름? | 잘 모르겠음 | 판단 불가 | cannot say | can’t say | 판단 어려움 | not certain | 차이 모르겠음 | 글쎄요
        no idea | can't decide | A인지 B인지 모르겠음 | 어느 쪽이 나은지 모르겠음""",
}  # fmt: skip
NOT_READ = """C | AB | A B | A-B | A/B | A -> B | A=better | A>=B | 1 | O | yes | ok | right | the right one | 안 A | A 안 | A안 좋음 | not A | never A | Not A but B
    A? | A or B | A vs B | A 아님 | A는 아닌듯 | A가 틀렸음 | A is wrong | A가 나쁨 | A 낫지 않음 | A가 더 낫지는 않음 | A is not better | A is no better
    A isn't better | A, 근데 B도 괜찮음 | A but B is safer | A is right, B is fine | A is fine | B 같음 | same, A | 같지 않음 | same? | both A | A has an error | A가 길다
    not really better, A | 둘 중 하나 | better than A | A is better than A | A보다 못함 | A 못함 | A 빼고 B | A 말고 B | a good answer | a better answer
    의도 | A의 의도 | 모르핀 용량이 다름 | 왜? | A is better, less wrong than before | A is more or less right | ㅠㅠ"""  # fmt: skip


def cells(text):
    return [cell.strip("\n") for line in text.splitlines() for cell in line.split(" | ")]


@pytest.mark.parametrize("said", READ)
def test_what_says_which_is_better(said):
    found = {cell: better(cell) for cell in cells(READ[said])}
    assert found == dict.fromkeys(found, said)


def test_an_empty_cell_says_nothing():
    assert better("") is better("  ") is None


@pytest.mark.parametrize("cell", cells(NOT_READ))
def test_what_does_not_say_which_is_better_is_no_answer(cell):
    with pytest.raises(ValueError, match="none of A, B, same, unsure"):
        better(cell)


@pytest.mark.parametrize(
    "denial",
    [
        "not",
        "no",
        "never",
        "isn't",
        "안",
        "아닌",
        "아님",
        "않음",
        "못",
        "말고",
        "빼고",
        "제외",
        "but",
        "지만",
        "?",
    ],
)
def test_a_denial_is_never_a_side(denial):
    """Wherever it stands among words that are known."""
    for whole in ("A", "A가 나음", "A is better", "A가 더 좋음", "answer A is more accurate"):
        words = whole.split()
        for place in range(len(words) + 1):
            for blank in (" ", ""):
                said = " ".join(words[:place]) + blank + denial + blank + " ".join(words[place:])
                if said.strip() != "A안":  # the plan A
                    with pytest.raises(ValueError, match="none of"):
                        better(said), said
