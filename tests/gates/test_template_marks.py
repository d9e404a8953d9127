"""Thoughts, special tokens and role headings in texts from elsewhere. All texts were written for this project."""

import polars as pl
import pytest

from komep_dataset.gates.template_marks import GATE, find_template_marks
from komep_dataset.gates.trial.gate import TEXTS
from komep_dataset.gates.trial.run import scan
from komep_dataset.replies.thoughts import answer_of
from tests.real_data import answers, needs_data
from tests.replies.test_thoughts import ALL, CUT

MARKED = {
    "special token": [
        "Gout.<|im_end|>",
        "Gout.<|eot_id|>",
        "Gout.</s>",
        "<start_of_turn>model\nGout.",
        "Gout.<｜end▁of▁sentence｜>",
        "[INST] What is gout? [/INST] Gout.",
        "통풍이다.[|endofturn|]",
        "Gout.<eos>",
        "<unused7>Gout.",
        "<<SYS>>Be kind.<</SYS>>",
        "Gout.[PAD]",
        "[SYSTEM_PROMPT]Be kind.[/SYSTEM_PROMPT]",
        "<extra_id_1>User\nWhat is gout?",
        "<reserved_106>What is gout?",
        "[gMASK]<sop>Gout.",
        "<seed:bos>Gout.",
        "Gout.<end_of_utterance>",
        "Gout.[unused10]",
        "<|start_header_id|>assistant<|end_header_id|>\n\nGout.",
    ],
    "role heading": [
        "### Response: Gout.",
        "Gout.\nHuman: What is it?",
        "ASSISTANT: Gout.",
        "통풍.\n### 사용자: 무엇입니까?",
        "### 질문: 통풍이란?\n### 답변: 병이다.",
        "Gout.\n### Question:\nWhat is flu?",
    ],
    "thoughts": [
        "<think>Is it gout?</think>Gout.",
        "Is it gout?</think>\n\nGout.",
        "<thinking>Is it",
        "[THINK]Is it gout?[/THINK]Gout.",
        "◁think▷Is it gout?◁/think▷Gout.",
        "analysisIs it gout?assistantfinalGout.",
        "<|channel|>analysis<|message|>Is it gout?",
        "<unused94>thought\nIs it gout?<unused95>Gout.",
        "[unused16]Is it gout?[unused17]Gout.",
        "<reasoning>Is it</reasoning>Gout.",
    ],
    "broken character": ["Gout.\0", "caf\ufffd", "\x08eta blockers", "a\x1b[2Jb", "x\x7f", "\uffff"],
    "wrong decoding": [
        "통풍은 요산 때문이다.".encode().decode("latin-1"),
        r"\ud1b5\ud48d is gout",
        "&#53685;&#54413;",
        "%ED%86%B5%ED%92%8D",
        "ì\xa0ì¤í¼ë¦°ì ì¬ì´",
    ],
}
UNMARKED = [
    "p < 0.05 and <b>bold</b>, <i>E. coli</i>; <br/>",
    "The <s>old</s> new rule [1], [sic], [PAF].",
    "Users and assistants: see above.",
    "Response: gout. System: urate.",
    "|x| < 5 | y | z |",
    "a\tb\r\nc\u200b \u00e9 \U0001f912",
    "1. 통풍\n2. 가성통풍 <표 1>",
    "Ménière's, Sjögren–Larsson, «très gênant», È così»… 5 µm ± 2 °C",
    r"100%EB%, \u0041, \nu, C:\users &amp; &#39;",
]


def found_in(text):
    frame = pl.DataFrame([dict.fromkeys(TEXTS) | {"chosen": text}], schema=dict.fromkeys(TEXTS, pl.String))
    return [found.kind for some in scan(frame, [GATE])[GATE.name].values() for found in some]


@pytest.mark.parametrize("kind", MARKED)
def test_what_a_template_left_is_found_through_the_hint(kind):
    for text in MARKED[kind]:
        assert kind in found_in(text), text


def test_no_thoughts_that_the_rules_know_pass_the_hint():
    for text in (*ALL.values(), *CUT):
        assert ("thoughts" in found_in(text)) == answer_of(text).thoughts, text


@pytest.mark.parametrize("text", UNMARKED)
def test_what_authors_write_is_left_alone(text):
    assert found_in(text) == [] and list(find_template_marks(text)) == []


@needs_data("kqa", "expertqa", "pubmedqa", "korfactscore", "gemini_replies")
def test_real_answers_of_people_and_models_hold_none():
    texts = [text for some in answers().values() for text in some if isinstance(text, str)]
    marks = [mark for text in texts for mark in find_template_marks(text)]
    # Two replies have bytes that a tokenizer could not put together, and so are rightly named.
    assert len(texts) > 3000 and [m for m in marks if not m.evidence.startswith(("<0x", "U+FFFD"))] == []
