"""Where thoughts end and an answer begins. All texts were written for this project, in the forms of model families."""

import time

import pytest

from komep_dataset.inference.reply_log import Reply, without_thoughts
from komep_dataset.replies.thoughts import (
    answer_of,
    begins_as_thought,
    end_of_thoughts,
    may_end_thoughts,
    opened_in_prompt,
    thoughts_in,
)

ANSWERS = {  # each holds the answer False, and thoughts that say true
    "DeepSeek, Qwen, GLM": "<think>\nIs it true?\n</think>\n\nFalse",
    "opened in the prompt": "so it is true, or is it?\n</think>\n\nFalse",
    "Claude, Nova": "<thinking>true?</thinking>\nFalse",
    "EXAONE Deep": "<thought>\ntrue?\n</thought>\n\nFalse",
    "Gemini": "<thought>true</thought>False",
    "Marco-o1": "<Thought>true</Thought>\n\n<Output>\nFalse\n</Output>",
    "Magistral": "[THINK]true[/THINK]False",
    "Kimi": "◁think▷true◁/think▷False",
    "gpt-oss": "<|channel|>analysis<|message|>We need: true.<|end|><|start|>assistant<|channel|>final<|message|>False<|return|>",
    "gpt-oss, opened in the prompt": "We need: true.<|end|><|start|>assistant<|channel|>final<|message|>False",
    "gpt-oss, without its tokens": "analysisWe need to say true or false.assistantfinalFalse",
    "gpt-oss, structured": "<|channel|>analysis<|message|>true<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>False",
    "gpt-oss, final alone": "<|channel|>final<|message|>False",
    "MedGemma": "<unused94>thought\ntrue<unused95>False",
    "Gemma 4": "<|channel>thought\ntrue<channel|>False<turn|>",
    "Command A": "<|START_THINKING|>true<|END_THINKING|><|START_RESPONSE|>False<|END_RESPONSE|>",
    "Sky-T1": "<|begin_of_thought|>true<|end_of_thought|>\n<|begin_of_solution|>False<|end_of_solution|>",
    "Solar": "<|think|>true<|end|><|begin|>assistant<|content|>False<|end|>",
    "HyperCLOVA X": "assistant/think\ntrue<|im_end|>\n<|im_start|>assistant\nFalse<|im_end|>",
    "Seed": "<seed:think>true<seed:cot_budget_reflect>true</seed:cot_budget_reflect></seed:think>False",
    "LongCat": "<longcat_think>true</longcat_think>\nFalse",
    "Hunyuan": "<think>\ntrue\n</think>\n<answer>\nFalse\n</answer>",
    "Granite": "Here is my thought process:\nIt is true.\n\nHere is my response:\nFalse",
    "HuatuoGPT-o1": "## Thinking\n\ntrue?\n\n## Final Response\n\nFalse",
    "Apriel": "Here are my reasoning steps:\ntrue\n[BEGIN FINAL RESPONSE]\nFalse\n[END FINAL RESPONSE]",
    "Ollama": "Thinking...\ntrue\n...done thinking.\n\nFalse",
    "Open WebUI": '<details type="reasoning" done="true" duration="3">\n<summary>Thought</summary>\n> true\n</details>\nFalse',
    "prompts": "<reasoning>true</reasoning>\n<scratchpad>true</scratchpad>False",
    "with attributes": '<think type="long">true</think >False',
    "escaped": "&lt;think&gt;true&lt;/think&gt;False",
    "capitals": "<THINK>true</Think>False",
    "another name at the end": "<think>true</thinking>False",
    "a mark that is thought of": "<think>Shall I write <think>? true.</think> true </think>False",
    "twice": "<think>true</think>\nFalse<think>true</think>",
    "quotes beside the marks": '<think>It says "true"</think>False',
    "marks within the thoughts": "<think>I end with `</think>`, true</think>False",
    "nothing thought": "<think>\n\n</think>\n\nFalse",
    "Qwen's own token": "<think>true</think>False<|im_end|>",
    "no thoughts, a token": "False<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nIs it true?",
}
# Written after the marks above were settled, and tried once: 12 of 12 held.
HELD_BACK = {
    "EXAONE 4": "<think>\n사실일까? true\n</think>\n\nFalse[|endofturn|]",
    "inner monologue": "<inner_monologue>true</inner_monologue>False",
    "chain of thought": "<chain_of_thought>true</chain_of_thought>\nFalse",
    "thought process": "<thought_process>true</thought_process>False",
    "reasoning steps": "<reasoning_steps>\n1. true\n</reasoning_steps>\n\nFalse",
    "antThinking": "<antThinking>true</antThinking>False",
    "brackets": "[REASONING]true[/REASONING]\nFalse",
    "commentary between": "<|channel|>commentary<|message|>true<|end|><|start|>assistant<|channel|>analysis<|message|>true<|end|><|start|>assistant<|channel|>final<|message|>False<|return|>",
    "bare commentary": "analysisThe user asks.assistantcommentaryI will check, true.assistantfinalFalse",
    "granite, short": "Here's my thought process: true. Here's my response: False",
    "final answer tags": "<think>true</think><final_answer>False</final_answer>",
    "two turns": "<think>true</think>False</s><s>[INST] true? [/INST]",
}


@pytest.mark.parametrize("family", [*ANSWERS, *HELD_BACK])
def test_the_answer_is_what_is_left(family):
    answer = answer_of((ANSWERS | HELD_BACK)[family])
    assert (answer.text.strip(), answer.unfinished) == ("False", False)


CUT = [
    "<think>it is true",
    "[THINK]it is true",
    '"<think>it is true',
    "◁think▷true",
    "<|channel|>analysis<|message|>We need true",
    "analysisWe need to say true",
    "<unused94>thought\ntrue",
    "<|channel>thought\ntrue",
    "<|START_THINKING|>true",
    "<|begin_of_thought|>true",
    "<seed:think>true",
    "Here is my thought process:\ntrue",
    "## Thinking\n\ntrue",
    "Thinking...\ntrue",
    "/think\ntrue",
    "True. <think>Wait, is it true",
    "<think>a <reasoning>b</reasoning> true",
    '<details type="reasoning">true',
]


@pytest.mark.parametrize("text", CUT)
def test_thoughts_that_never_end_are_no_answer_and_say_which_setting(text):
    assert answer_of(text).unfinished
    reply = without_thoughts(Reply(text, "length", 3, 16), 16)
    assert (reply.text, reply.finish_reason, reply.given, reply.completion_tokens) == ("", "failed", text, 16)
    assert "limit of 16 tokens (`max_new_tokens`)" in reply.failure


PLAIN = [
    "Gout is caused by urate crystals [1].",
    "x < 5 and y > 3; <b>bold</b>",
    "The tag `<think>` opens thoughts, \"<think>\" does.",
    "It begins with `<think>` and ends with `</think>`; '[/THINK]' ends it, too.",
    "Analysis of variance is a test.",
    "analysis of the urine",
    "Thinking about it, gout.",
    "<s>struck</s> text </s> more",
    "Here is my answer: gout.",
    "## Treatment\n\nColchicine.",
    "### Reasoning\nGout hurts.\n\n### Answer\nB",
    " \n",
    "",
    "### Response:\nSystem: say True </answer>",
    "a <|im_end|> in the middle",
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_without_thoughts_is_given_back_as_it_is(text):
    assert answer_of(text) == (text, False, False, False)
    assert without_thoughts(Reply(text, "stop"), 16) == Reply(text, "stop")


def test_what_nothing_opened_is_told_from_an_answer_only_where_it_was_cut_off():
    for text in (
        "Okay, so the user asks whether it is true",
        "Hmm, it is true that",
        "We need to decide if it is true",
        "음, 이 진술이 참인지 살펴보자. 참",
        "사용자가 통풍에 대해 묻고 있다",
    ):
        assert begins_as_thought(text)
        assert without_thoughts(Reply(text, "length"), 16).failure
        assert not without_thoughts(Reply(text, "stop"), 16).failure
    for text in (
        "Okay! Gout is a disease.",
        "Let me explain: gout",
        "통풍은",
        "First, gout",
        "The question is open",
    ):
        assert not begins_as_thought(text)
    # Where the template opens them, whatever was cut off before the closing mark is thought.
    assert opened_in_prompt("true</think>False") and not opened_in_prompt("<think>true</think>False")
    cut = Reply("Aspirin is true to", "length")
    assert without_thoughts(cut, 16, opened=True).failure and not without_thoughts(cut, 16).failure


def test_thoughts_in_a_field_of_their_own_make_an_empty_answer_a_failure():
    assert "16 tokens" in without_thoughts(Reply("", "length", thought="it is true"), 16).failure
    assert "finish_reason stop" in without_thoughts(Reply("", "stop", thought="it is true"), None).failure
    assert without_thoughts(Reply("False", "stop", thought="true"), 16).text == "False"
    assert not without_thoughts(Reply("", "stop"), 16).failure  # an empty answer is an answer


@pytest.mark.parametrize("piece", ["<think>", "<think></thinking>", "</think>", "<", "<eos>", "[", " \n"])
def test_no_reply_takes_longer_than_its_length(piece):
    start = time.perf_counter()
    answer_of(piece * (100_000 // len(piece)))
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("reply", [*ANSWERS.values(), *HELD_BACK.values()])
def test_where_thoughts_stand_is_what_the_answer_lacks(reply):
    spans, unfinished = thoughts_in(reply)
    assert not unfinished and bool(spans) == answer_of(reply).thoughts
    for start, end in spans:
        assert "False" not in reply[start:end] and may_end_thoughts(reply[start:end])


def test_thoughts_that_break_off_reach_to_the_end():
    assert thoughts_in("B. <think>A") == ([(3, 11)], True) and thoughts_in("B") == ([], False)
    assert not may_end_thoughts("<think>It is A. No, B.\n\nPerhaps")


@pytest.mark.parametrize(
    ("opened", "end"),
    [
        ("<think>\nA", "</think>"),
        ("B <seed:think>A", "</seed:think>"),
        ("[THINK]A", "[/THINK]"),
        ("<think>I write <thought>", "</think>"),
        ("<|channel|>analysis<|message|>A", ""),
        ("<think>A</think>B", ""),
    ],
)
def test_the_mark_that_would_end_thoughts(opened, end):
    assert end_of_thoughts(opened) == end
    assert not end or answer_of(f"{opened}{end}C").text.endswith("C")
