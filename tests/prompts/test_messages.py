"""What is sent in which language, and what stays in the English that it is published in."""

import json

from komep_dataset.dahl import parse_batch, parse_verdict
from komep_dataset.languages import language_of
from komep_dataset.prompts import english
from komep_dataset.prompts import korean as korean_prompts
from komep_dataset.prompts import messages as prompts
from tests.loopback import last_text


def test_the_text_decides_the_language_of_a_prompt():
    korean = prompts.responder_prompt("통풍이란?", "chat")["messages"][0]["content"]
    assert korean == f"{korean_prompts.INSTRUCTION}\n\n통풍이란?"
    assert korean_prompts.INSTRUCTION in prompts.responder_prompt("통풍이란?", "chat", "dolly")["prompt"]
    for text in ("통풍은 관절염이다.", "Gout is arthritis."):
        conversations = [
            prompts.split_messages(text),
            prompts.check_messages(text, "strict"),
            prompts.check_messages(text, "strict", "통풍이란?"),
            prompts.check_messages(text, "strict", delimited=False),
            prompts.batch_messages([text, text], "통풍이란?"),
        ]
        for messages in conversations:
            assert language_of(messages[0]["content"]) == language_of(text)
            for message in messages[1:-1]:  # worked examples
                assert language_of(message["content"]) == language_of(text)


def test_the_published_words_stay_english():
    user = prompts.check_messages("통풍은 관절염이다.", "paper")[1]
    assert user["content"] == "Is this true or false? Answer in one word.\n통풍은 관절염이다."
    for protocol in ("dahl-gpt", "dahl-hf"):
        prompt = prompts.responder_prompt("통풍이란?", protocol)
        assert english.INSTRUCTION in json.dumps(prompt) and "통풍이란?" in last_text(prompt)


def test_korean_verdicts_can_be_asked_for_and_read():
    schema = prompts.verdict_format("통풍은 관절염이다.")["json_schema"]["schema"]
    words = schema["properties"]["verdict"]["enum"]
    assert [parse_verdict(json.dumps({"verdict": w}, ensure_ascii=False)).value for w in words] == [
        "true", "false", "unknown",
    ]  # fmt: skip
    assert parse_batch("1: 참\n2: 거짓입니다.\n3: 모름\n4: 참이 아닙니다", 4) == [
        "true", "false", "unknown", "unknown",
    ]  # fmt: skip
