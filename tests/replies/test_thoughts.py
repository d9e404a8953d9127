"""Where thoughts end and an answer begins. All texts were written for this project, in the forms of model families."""

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
from tests.growth import grows_with_its_size

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
    "openPangu": "[unused16]true[unused17]False[unused10]",
    "openPangu, opened in the prompt": "true[unused17] False",
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
# Turns, boxes and sections of their own, and thoughts as markup.
MARKUP = {
    "Apertus": "<|inner_prefix|>true?<|inner_suffix|>False",
    "Apertus in prompt": "true?<|inner_suffix|>False",
    "s1": "<|im_start|>think\ntrue\n<|im_start|>answer\nFalse<|im_end|>",
    "s1 in prompt": "true\n<|im_start|>answer\nFalse",
    "m1": "<|im_start|>think\ntrue<|im_end|>\n<|im_start|>answer\nFalse<|im_end|>",
    "turn": "<|start_header_id|>thinking<|end_header_id|>\n\ntrue<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nFalse<|eot_id|>",
    "Gemini": "<ctrl94>thought\ntrue\n<ctrl95>False",
    "Gemini prompt": "thought\ntrue\n<ctrl95>False",
    "box": "<think>true</think>\n<|begin_of_box|>False<|end_of_box|>",
    "box in answer": "<think>true</think><answer><|begin_of_box|>False<|end_of_box|></answer>",
    "llava": "<SUMMARY>I look. true</SUMMARY>\n\n<CAPTION>true</CAPTION>\n\n<REASONING>true</REASONING>\n\n<CONCLUSION>False</CONCLUSION>",
    "llava lower": "<summary>true</summary><caption>true</caption><reasoning>true</reasoning><conclusion>False</conclusion>",
    "plan": "<plan>true</plan>\n<answer>False</answer>",
    "details": "<details><summary>Thinking…</summary>true\n\ntrue</details>\n\nFalse",
    "details2": "<details>\n<summary>💭 Thought for 12 seconds</summary>\n\n> true\n\n</details>\nFalse",
    "details3": "<details open><summary><b>Show reasoning</b></summary>true</details>False",
    "details ko": "<details><summary>생각 과정</summary>true</details>\n\nFalse",
    "em": "*Thinking...*\n> true\n> true?\n\nFalse",
    "strong": "**Thinking…**\n\n> true\n\nFalse",
    "strong2": "**Thinking:**\ntrue\n\n**Answer:** False",
    "strong3": "**Thinking**\n\ntrue\n\n---\n\nFalse",
    "fence": "```thinking\ntrue\n```\n\nFalse",
    "fence2": "~~~~reasoning\ntrue\n~~~\n~~~~\nFalse",
    "balloon": "💭 Is it true?\n\nFalse",
    "balloon2": "💭 **Thinking**\ntrue\nstill\n\nFalse",
    "balloon quote": "> 💭 true\n> true\n\nFalse",
    "ollama quote": "Thinking...\n> true\n> true\n\nFalse",
    "ollama": "Thinking...\ntrue\nAnswer: true\n...done thinking.\n\nFalse",
    "ollama2": "Thinking...\n\nOkay, is it true?\n\n...done thinking.\nFalse",
    "quote thinking": "> **Thinking:** true\n> true\n\nFalse",
    "quote reasoning": "> Reasoning\n> true\n\nFalse",
    "div": "<div class=\"thinking\">true</div>\nFalse",
    "comment": "<!-- thinking: true -->\nFalse",
    "latex": "\\begin{thinking}true\\end{thinking}\nFalse",
    "braces": "{think}true{/think}False",
    "braces2": "{{thinking}}true{{/thinking}}\nFalse",
    "start end": "<|think_start|>true<|think_end|>False",
    "begin": "[BEGIN THINKING]\ntrue\n[END THINKING]\nFalse",
    "brackets": "【Thinking】true\n【Answer】False",
    "heading": "# Thinking\n\ntrue\n\n# Answer\n\nFalse",
    "equals": "=== Thinking ===\ntrue\n=== Answer ===\nFalse",
    "thought process": "**Thought Process:**\n\n1. true\n\n**Final Answer:** False",
    "ReAct": "Thought: is it true?\nAction: search[gout]\nObservation: true\nThought: so it is.\nFinal Answer: False",
    "korean tags": "<생각>\n참일까? true\n</생각>\n<답변>\nFalse\n</답변>",
    "korean tag at the end": "참일까? true</추론>False",
    "korean process": "<사고 과정>true</사고 과정>False",
    "korean json": '{"생각": "true", "답변": "False"}',
}  # fmt: skip
# Written after those were settled: 22 of 30 held when they were first tried, 7 before.
HELD_BACK_MARKUP = {
    "reasoning_start": "<|reasoning_start|>true<|reasoning_end|>\nFalse",
    "deep": "<deep_thinking>true</deep_thinking>False",
    "balloon title quote": "**💭 Thought process**\n\n> true\n> true\n\nFalse",
    "summary secs": "<details>\n<summary>🤔 Model's thinking (3.2s)</summary>\n\ntrue\n\n</details>\n\nFalse",
    "summary cot": "<details><summary>View chain of thought</summary>\ntrue\n</details>\nFalse",
    "fence think": "```think\ntrue\n```\nFalse",
    "underscores": "_Thinking…_\n\n> true\n\nFalse",
    "heading": "## Thought Process\ntrue\n\n## Response\nFalse",
    "plain colon": "Thinking Process:\n\n1. true\n\nFinal Answer: False",
    "analysis final": "<analysis>true</analysis><final>False</final>",
    "Reflection": "<thinking>true</thinking><reflection>true</reflection><output>False</output>",
    "pipe thought": "<|thought|>true<|/thought|>False",
    "parenthesis": "(Thinking: true)\n\nFalse",
    "inner_thoughts": "<inner_thoughts>true</inner_thoughts>False",
    "callout": "> [!NOTE] Thinking\n> true\n\nFalse",
    "callout2": "> [!thinking]\n> true\n\nFalse",
    "container": ":::thinking\ntrue\n:::\n\nFalse",
    "begin_of_thinking": "<|begin_of_thinking|>true<|end_of_thinking|>False",
    "korean label": "사고 과정:\n> true\n\nFalse",
    "korean strong": "**생각 중...**\n\n> true\n\nFalse",
    "thought for": "Thought for 5 seconds\n\n> true\n\nFalse",
    "brain": "🧠 Thinking...\n> true\n\nFalse",
    "observation": "<observation>true</observation><thought>true</thought><answer>False</answer>",
    "caption": "<CAPTION>true</CAPTION><REASONING>true</REASONING><CONCLUSION> False </CONCLUSION>",
    "chatml reasoning": "<|im_start|>reasoning\ntrue<|im_end|>\n<|im_start|>assistant\nFalse<|im_end|>",
    "reason": "<reason>true</reason>\nFalse",
    "json": "{\"thinking\": \"true\", \"answer\": \"False\"}",
    "span": "<span style='color:gray' data-type='thinking'>true</span>\n\nFalse",
    "starred rule": "**Thinking...**\ntrue\n\n***\n\nFalse",
    "double": "*Thinking...*\n> true\n\n*Thought for 3s*\n\nFalse",
}  # fmt: skip
# Written after those were mended, too: 21 of 24 held when they were first tried.
HELD_BACK_MARKUP |= {
    "plain": "Thoughts:\nIt may be true.\n\nAnswer: False",
    "reasoning fence": "````reasoning\n```py\ntrue\n```\n````\nFalse",
    "tag with end_": "<|start_thinking|>true<|end_thinking|>False",
    "llama header": "<|start_header_id|>thought<|end_header_id|>\n\ntrue<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nFalse",
    "gemma turn": "<start_of_turn>thought\ntrue<end_of_turn>\n<start_of_turn>model\nFalse<end_of_turn>",
    "exaone": "[|thought|]true[|endofturn|]\n[|assistant|]False[|endofturn|]",
    "ctrl": "<ctrl94>thought\nThe user asks. true<ctrl95>\n\nFalse",
    "cot caption": "<CAPTION>true</CAPTION>\n<REASONING>true</REASONING>\n<CONCLUSION>False</CONCLUSION>",
    "summary reasoning": "<details>\n<summary><strong>🧠 Reasoning (click to expand)</strong></summary>\n\ntrue\n</details>\n\nFalse",
    "summary ko": "<details><summary>사고 과정 보기</summary>\ntrue</details>\nFalse",
    "strong bar": "**Thinking**\n___\ntrue\n___\n\nFalse",
    "quote lead": "> *Thinking…*\n>\n> true\n> true\n\nFalse",
    "quote after": "**Thought for 12s**\n> true\n\nFalse",
    "html class": "<div class=\"reasoning-content\"><p>true</p></div>\n\nFalse",
    "blockquote": "<blockquote class=\"thoughts\">true</blockquote>False",
    "zh": "思考过程：\n> true\n\nFalse",
    "internal": "<internal_monologue>true</internal_monologue>\nFalse",
    "chain": "**Chain of Thought:**\n1. true\n2. true\n\n**Final Answer:** False",
    "bubble": "💭 *True, or is it?*\n\nFalse",
    "answer turn": "<|im_start|>thinking\ntrue<|im_end|><|im_start|>assistant\nFalse<|im_end|>",
    "ollama dots": "Thinking...\n\ntrue.\n\nAnswer: true\n\n...done thinking.\n\nFalse",
    "colon tag": "<model:thinking>true</model:thinking>False",
    "json fence": "```json\n{\"thought_process\": \"true\", \"verdict\": \"False\"}\n```",
}  # fmt: skip
ALL = ANSWERS | HELD_BACK | MARKUP | HELD_BACK_MARKUP


@pytest.mark.parametrize("family", ALL)
def test_the_answer_is_what_is_left(family):
    answer = answer_of(ALL[family])
    assert (answer.text.strip(), answer.unfinished) == ("False", False)


CUT = [
    "<think>it is true",
    "[THINK]it is true",
    '"<think>it is true',
    "◁think▷true",
    "<|channel|>analysis<|message|>We need true",
    "analysisWe need to say true",
    "<unused94>thought\ntrue",
    "[unused16]true",
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
    "<|inner_prefix|>it is true",
    "<|im_start|>think\ntrue",
    "<ctrl94>thought\ntrue",
    "<details><summary>Thinking…</summary>true",
    "```thinking\ntrue",
    "*Thinking...*\ntrue",
    "**Thinking:**\ntrue that",
    "<!-- thinking: true",
    "<SUMMARY>a</SUMMARY><CAPTION>b</CAPTION><REASONING>true",
    "Answer the question: <think> it is true",
    "Thought: is it true?\nAction: search[gout]",
]  # fmt: skip


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
    "## My thoughts\n\nGout hurts.",
    "The tag <thinking> is Anthropic's.",
    "Loosened <thought> associations are seen in mania.",
    "Use <reasoning>, <answer> and nothing else.",
    "It thinks (between <think> and </think>) and answers.",
    "사고 과정의 장애는 <thought> 라고 쓴다.",
    "> 통풍은 병이다.\n\n아프다.",
    "**Thinking errors**\n\nThey are common.",
    "```\nthinking\n```\nDone.",
    "Thinking is hard.\n\nAnswer: B",
    "<details><summary>Reasons</summary>a</details>",
    "💊 Take it daily.\n\nWith food.",
    "Reasoning:\nGout hurts.\n\nAnswer: B",
    "**Thoughts:**\nGout hurts.",
    '{"analysis": "Gout.", "advice": "Rest."}',
    '{"question": "What is gout?"}',
    # Words of a sentence, and headings that name no thought of the model's; of the last eight, 6 held when first tried.
    "A patient with <thought> disorder speaks oddly, and is treated.",
    "Formal <thought> disorder is a sign. Treat it.",
    "Wrap it in <think> tags, and close with </think> before answering. Gout.",
    "Text between <thinking> and </thinking> tags is hidden.",
    "모델은 <think> 태그로 시작한다. 통풍이다.",
    "답은 <think> 와 </think> 사이에 없다.",
    "It ends with the </think> token in most models.",
    "Thoughts\n\nGout is a disease.",
    "Thought disorder: a sign.\nIt is seen.",
    "> Gout is a disease.\n\nIt hurts.",
    "**Reasoning:** Gout hurts.\n\n**Answer:** B",
    "```python\nthinking = 1\n```\nDone",
    "<details><summary>Doses</summary>3 mg</details>\nDone",
    "**Thinking about gout**\n\nIt hurts.",
    "Think about it: gout.",
    "<p>Gout</p>",
    "<summary>Gout is a disease.</summary>",
    "## Thoughts of suicide\n\nAsk for help.",
    "**Thought disorder** is common.\n\nAnswer: B",
    "생각: 통풍\n정답: B",
    "[Thinking about it] gout",
    "The patient is thinking...\nthen sleeps.",
    "The <reasoning> element holds the reasons.",
    "Disorders of <thought> and mood are common.",
    "Close with </thinking>, then answer.",
    "환자는 <thought> 장애가 있다.",
    "A model writes </think> tokens and stops.",
    "Flight of ideas (a <thought> disturbance) is seen.",
    "Signs: <thought> disorder, mood changes.",
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


@pytest.mark.parametrize(
    "text", ["Thinking...\n> true\n> true", "💭 Is it true", "*Thinking...*\n> true\n", "> 💭 true\n> tr"]
)
def test_a_quote_that_nothing_follows_is_thoughts_and_no_answer(text):
    assert answer_of(text).thoughts and "16 tokens" in without_thoughts(Reply(text, "length"), 16).failure


def test_a_title_that_nothing_closes_is_a_notice_before_one_paragraph_that_does_not_think():
    for text, answer in (
        ("Thinking...\n\nGout is caused by urate.", "Gout is caused by urate."),
        ("**생각:**\n통풍은 요산 때문이다.\n콜히친을 쓴다.", "통풍은 요산 때문이다.\n콜히친을 쓴다."),
    ):
        assert without_thoughts(Reply(text, "stop"), 16).text == answer
        assert without_thoughts(Reply(text, "length"), 16).failure
    for text in (
        "Thinking...\n\nOkay, the user asks of gout.",
        "Thinking...\n\nIs it urate? Yes, it is true.",
        "Thinking...\n\nThe statement says that gout hurts, which is true.",
        "Thinking...\n\nGout is urate.\n\nGout hurts.",  # nothing tells where the answer begins
        "**생각:**\n사용자가 통풍을 묻고 있다.",
        "<think>Gout is caused by urate.",
    ):
        assert without_thoughts(Reply(text, "stop"), 16).failure


def test_a_box_is_taken_off_and_its_answer_stays():
    assert answer_of("<|begin_of_box|>False<|end_of_box|>").text == "False"
    assert answer_of("It is <|begin_of_box|>B<|end_of_box|>.").text == "It is B."


def test_sections_that_a_limit_cut_off_before_the_thoughts_are_no_answer():
    for text in ("<SUMMARY>I will", "<SUMMARY>a</SUMMARY><CAPTION>b"):
        assert without_thoughts(Reply(text, "length"), 16).failure


def test_thoughts_in_a_field_of_their_own_make_an_empty_answer_a_failure():
    assert "16 tokens" in without_thoughts(Reply("", "length", thought="it is true"), 16).failure
    assert "finish_reason stop" in without_thoughts(Reply("", "stop", thought="it is true"), None).failure
    assert without_thoughts(Reply("False", "stop", thought="true"), 16).text == "False"
    assert not without_thoughts(Reply("", "stop"), 16).failure  # an empty answer is an answer


@pytest.mark.parametrize(
    "piece",
    [
        "<think>",
        "<think></thinking>",
        "</think>",
        "<",
        "<eos>",
        "[",
        " \n",
        "> ",
        "💭\n",
        "```think\n",
        "**Thinking**\n",
        "<details>",
        "<plan></plan>",
        "{",
    ],
)
def test_no_reply_takes_longer_than_its_length(piece):
    assert grows_with_its_size(lambda size: answer_of(piece * (size // len(piece))), 12_500)


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


def test_a_turn_of_thoughts_ends_where_special_tokens_are_left_out():
    assert answer_of("/think\nIs it bad air?\nassistant\nNo.") == ("No.", True, False, False)
    assert answer_of("/think\nIs it bad air?").unfinished
