"""Prompts as token ids: format, exactly one BOS or none, and dropped examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.benchmarks import kormedmcqa
from evaluation.harness.prompts import PromptEncoder, common_prefix, prompt_text, subject_prompts
from evaluation.harness.questions import Subject, from_folders
from komep_dataset.errors import KomepError

STYLE = kormedmcqa.BENCHMARK.styles["direct"]
TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"


@pytest.fixture()
def subject(question_folder) -> Subject:
    return from_folders(question_folder)[0]


def test_prompt_format(subject):
    text = prompt_text(STYLE, subject.fewshot[:2], subject.test[0])
    example, question = subject.fewshot[0], subject.test[0]
    first = "\n".join(
        [example.question, *(f"{k}. {v}" for k, v in zip("ABCDE", example.options, strict=True))]
    )
    assert text.startswith(f"{first}\n정답： {example.answer}\n\n{subject.fewshot[1].question}\n")
    assert text.endswith(f"\n\n{question.question}\nA. {question.options[0]}\nB. {question.options[1]}\n"
                         f"C. {question.options[2]}\nD. {question.options[3]}\nE. {question.options[4]}\n정답：")  # fmt: skip
    assert text.count("정답：") == 3 and "정답:" not in text


def test_a_tokenizer_that_puts_a_bos_gives_exactly_one(make_tokenizer):
    ids = PromptEncoder(make_tokenizer(bos=True))("약물은?\n정답：")
    assert ids[0] == 1 and ids.count(1) == 1


def test_a_tokenizer_without_bos_gives_none(make_tokenizer):
    encode = PromptEncoder(make_tokenizer(bos=False))
    assert not encode.wants_bos
    assert 1 not in encode("약물은?")


def test_a_bos_token_that_the_tokenizer_does_not_use_is_left_out_but_for_gemma(make_tokenizer):
    """SmolLM2 and Qwen-like tokenizers; Gemma collapses without a BOS, so it gets one."""
    tokenizer = make_tokenizer(bos=False)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    assert 1 not in PromptEncoder(tokenizer, "llama")("약물은?")
    for model_type in ("gemma", "gemma2", "gemma3_text"):
        ids = PromptEncoder(tokenizer, model_type)("약물은?")
        assert ids[0] == 1 and ids.count(1) == 1


@pytest.mark.parametrize("template", ["<s>" + TURNS, TURNS])
def test_chat_template_gives_one_bos_whether_it_writes_it_or_not(make_tokenizer, template):
    tokenizer = make_tokenizer(bos=True)
    tokenizer.chat_template = template
    ids = PromptEncoder(tokenizer, chat_template=True)("약물은?")
    assert ids[0] == 1 and ids.count(1) == 1
    assert tokenizer.decode(ids[1:]) == "<|user|>약물은?<|assistant|>"


def test_chat_template_that_doubles_the_bos_is_refused(make_tokenizer):
    tokenizer = make_tokenizer(bos=True)
    tokenizer.chat_template = "<s><s>" + TURNS
    with pytest.raises(KomepError, match=r"begins with 2 .* of the BOS token '<s>', but 1 belongs there"):
        PromptEncoder(tokenizer, chat_template=True)("약물은?")


def test_bos_within_the_text_is_refused(make_tokenizer):
    with pytest.raises(KomepError, match="holds 2 of the BOS token"):
        PromptEncoder(make_tokenizer(bos=True))("약물은 <s> 무엇?")


@pytest.mark.parametrize(
    "template", ["{{ messages[0] ", "{{ raise_exception('no such role') }}", "{{ messages.x.y }}"]
)
def test_a_chat_template_that_cannot_be_used_is_named(make_tokenizer, template):
    tokenizer = make_tokenizer(bos=True)
    tokenizer.chat_template = template
    with pytest.raises(KomepError, match=r"--chat-template: the template of .* cannot be used"):
        PromptEncoder(tokenizer, chat_template=True)


def test_chat_template_is_needed_for_the_flag(make_tokenizer):
    with pytest.raises(KomepError, match="has no chat template"):
        PromptEncoder(make_tokenizer(bos=True), chat_template=True)


def test_a_tokenizer_that_puts_an_eos_does_not_end_the_prompt_with_it(make_tokenizer):
    from tokenizers import processors

    tokenizer = make_tokenizer(bos=True)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    assert tokenizer("가")["input_ids"][-1] == 2
    ids = PromptEncoder(tokenizer)("약물은?")
    assert ids[0] == 1 and 2 not in ids


def test_too_long_prompts_lose_examples_from_the_front(make_tokenizer, subject):
    encode = PromptEncoder(make_tokenizer(bos=True))
    lengths = [
        [len(encode(prompt_text(STYLE, subject.fewshot[5 - k :], q))) for k in range(6)] for q in subject.test
    ]
    longest = lengths[0][3]  # three examples fit before the first question
    prompts = subject_prompts(STYLE, subject, encode, 5, longest)
    for prompt, question, by_shots in zip(prompts, subject.test, lengths, strict=True):
        assert prompt.shots == max(k for k in range(6) if by_shots[k] <= longest)
        assert prompt.token_ids == encode(prompt_text(STYLE, subject.fewshot[5 - prompt.shots :], question))
    assert {p.shots for p in prompts} == {2, 3} or prompts[0].shots == 3
    assert [p.shots for p in subject_prompts(STYLE, subject, encode, 5, None)] == [5] * 6
    with pytest.raises(KomepError, match=r"doctor, row 0 of `test`: the question alone has .* tokens"):
        subject_prompts(STYLE, subject, encode, 5, lengths[0][0] - 1)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), max_size=6))
def test_common_prefix_leaves_every_prompt_a_token(prompts):
    shared = 0
    while prompts and all(
        p[: shared + 1] == prompts[0][: shared + 1] and len(p) > shared + 1 for p in prompts
    ):
        shared += 1
    assert common_prefix(prompts) == shared


# Template of TRL -> the mark with which it opens thoughts, whether it can be told not to, whether a first token is a letter.
TEMPLATES = {
    "qwen3": ("", True, False),
    "qwen3_training": ("", True, False),
    "qwen3_5_think": ("<think>\n", True, False),
    "qwen3_5_nothink": ("", True, True),
    "qwen3_6": ("<think>\n", True, False),
    "qwen3_instruct_2507": ("", False, True),
    "deepseek_r1_distill": ("<think>\n", False, False),
    "glm4moe": ("", True, False),
    "nemotron_3_nano": ("<think>\n", True, False),
    "gptoss": ("", False, False),
    "gemma4": ("", True, True),
    "llama3": ("", False, True),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_a_chat_template_does_about_thinking(name, make_tokenizer):
    from tests.evaluation.scripted import template

    tokenizer = make_tokenizer(bos=False)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    tokenizer.chat_template = template(name)
    opening, can_switch, letter_first = TEMPLATES[name]
    encode = PromptEncoder(tokenizer, chat_template=True)
    assert (encode.opening, encode.can_switch) == (opening, can_switch)
    if letter_first:
        encode.check_logits()
    else:
        with pytest.raises(
            KomepError, match="pass --no-thinking" if can_switch else "use --scoring generate"
        ):
            encode.check_logits()
    for on in (True, False):
        if can_switch:
            switched = PromptEncoder(tokenizer, chat_template=True, enable_thinking=on)
            assert tokenizer.decode(switched("?")) == tokenizer.apply_chat_template(
                [{"role": "user", "content": "?"}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=on,
            )
            if not on:
                switched.check_logits()
        else:
            with pytest.raises(KomepError, match="has no switch"):
                PromptEncoder(tokenizer, chat_template=True, enable_thinking=on)


def test_a_question_about_marks_opens_no_thought(make_tokenizer):
    from tests.evaluation.scripted import template

    tokenizer = make_tokenizer(bos=False)
    tokenizer.chat_template = template("qwen3")
    assert PromptEncoder(tokenizer, chat_template=True).opening == ""
    PromptEncoder(tokenizer).check_logits()  # plain text has no template
