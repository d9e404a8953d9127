"""The Korean wording: worked examples, and verdicts that can be read."""

import json

from komep_dataset.dahl import parse_batch, parse_verdict
from komep_dataset.prompts import english as prompts
from komep_dataset.prompts import korean as korean_prompts


def test_korean_worked_examples_repeat_the_subject():
    for _, facts in korean_prompts.SPLIT_EXAMPLES:
        lines = facts.split("\n")
        assert len(lines) >= 2 and all(line.endswith("다.") for line in lines)
        # every fact of an example is about the same thing, and every line names it
        assert any(all(word in line for line in lines) for word in ("이부프로펜", "통풍", "인슐린"))


def test_korean_verdicts_can_be_asked_for_and_read():
    schema = prompts.verdict_format("통풍은 관절염이다.")["json_schema"]["schema"]
    words = schema["properties"]["verdict"]["enum"]
    assert [parse_verdict(json.dumps({"verdict": w}, ensure_ascii=False)).value for w in words] == [
        "true", "false", "unknown",
    ]  # fmt: skip
    assert parse_batch("1: 참\n2: 거짓입니다.\n3: 모름\n4: 참이 아닙니다", 4) == [
        "true", "false", "unknown", "unknown",
    ]  # fmt: skip
