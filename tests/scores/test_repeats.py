"""One text for many different questions is found; one that may be the answer to all of them is not."""

from komep_dataset.scores.repeats import is_beside, repeated

MOCK = "This is a mock  request."


def test_a_text_for_a_fifth_of_the_questions_is_found():
    answers = [(f"What is disease {i}?", MOCK if i < 3 else f"A disease of kind {i}.") for i in range(15)]
    assert repeated(answers) == {"This is a mock request.": "the same text for 3 of 15 questions"}
    assert repeated([*answers, ("What is one more?", "Another one, at last.")]) == {}  # less than a fifth
    assert repeated(answers, fewest=4) == {}


def test_what_may_be_the_answer_to_many_is_not():
    assert repeated((f"Is {i} prime?", "Yes.") for i in range(9)) == {}
    assert repeated(("What is gout?", MOCK) for _ in range(9)) == {}  # one question


def test_a_text_that_shares_a_word_with_its_question_may_answer_it():
    assert is_beside("What is gout?", MOCK) and not is_beside("What is gout?", "Gout is a disease.")
    assert is_beside("통풍이란 무엇인가?", MOCK) and not is_beside("통풍이란 무엇인가?", "통풍은 관절병이다.")
