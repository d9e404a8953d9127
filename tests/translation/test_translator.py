"""Texts to a loopback translator and back: in pieces and whole, what is copied, what is refused by its length."""

import json
import re
import unicodedata
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from komep_dataset.config.config import load_config
from komep_dataset.inference.reply_log import Reply
from komep_dataset.translation.checks.registry import check_translation
from komep_dataset.translation.checks.repetition import sentences_of
from komep_dataset.translation.glossary import Glossary, read_glossary
from komep_dataset.translation.segments import Piece
from komep_dataset.translation.translator import Session, Text, _failures, _Plan, cleaned, translate_texts
from tests.loopback import Fault, Loopback, loopback
from tests.translation.loopback_translator import UNITS, WORD, korean, source_in, write_config


def session_of(folder: Path, url: str, **keys) -> Session:
    config = load_config(write_config(folder, url, keys))
    return Session(config.judge("translator"), folder / "log", Glossary.of({}))


LONG = "# Sepsis\n\n" + "\n".join(
    f"{i}. **Step {chr(65 + i)}:** give the patient {i + 3} mg of drug{chr(97 + i)} and `keep = {i}` in mind.\n\n| a{i} | b |\n|---|---|"
    for i in range(1, 15)
)


def test_a_long_text_goes_in_pieces_and_comes_back_whole(tmp_path):
    with loopback(Loopback(korean)) as (state, url):
        done = translate_texts([Text(LONG)], session_of(tmp_path, url, segment_characters=300))
        one = done.translations[Text(LONG)]
        assert one.reason == "" and one.pieces == len(state.calls) > 4
        assert all(len(source_in(body)) <= 300 for body in state.calls)
        # Whole, to a model that drops blank lines: they come back.
        state.reply = lambda body: "\n".join(line for line in korean(body).splitlines() if line)
        whole = translate_texts([Text(LONG)], session_of(tmp_path, url)).translations[Text(LONG)]
    assert (whole.pieces, whole.target) == (1, one.target)
    kept = WORD.sub(lambda word: word[0] if word[0] in UNITS or word[0][0] == "`" else "", LONG)
    assert re.sub("[가-힣]+", "", one.target) == kept


def test_a_truncated_reply_is_never_taken_and_the_piece_alone_is_asked_again_with_more_room(tmp_path):
    state = Loopback(korean)
    state.finish_reason = "length"
    with loopback(state) as (_, url):
        one = translate_texts([Text(LONG)], session_of(tmp_path, url, segment_characters=300)).translations[
            Text(LONG)
        ]
    assert (one.target, one.reason) == (None, "truncated") and len(state.calls) == 2 * one.pieces
    limits = Counter(body["max_tokens"] for body in state.calls)
    assert max(limits) == 2 * sorted(limits)[-2] or len(limits) > 1


def test_thoughts_that_the_limit_cut_off_are_asked_again_with_more_room_and_then_named(tmp_path):
    text, limit = Text("The kidneys suffer first."), 256

    def cut(body, _):
        short = body["max_tokens"] <= limit
        text = "<think>The user wants" if short else f"<think>Well</think>{korean(body)}"
        choice = {"message": {"content": text}, "finish_reason": "length" if short else "stop"}
        return Fault(200, json.dumps({"choices": [choice]}))

    with loopback(Loopback(faults=cut)) as (state, url):
        one = translate_texts([text], session_of(tmp_path, url)).translations[text]
        assert one.target and [refusal.reason for refusal in one.refusals] == ["truncated"]
        assert one.refusals[0].reply == "<think>The user wants" and len(state.calls) == 2
        limit, folder = 512, tmp_path / "b"
        folder.mkdir()
        one = translate_texts([text], session_of(folder, url)).translations[text]
    assert (one.target, one.reason) == (None, "request_failed") and "limit of 512 tokens" in one.detail


def test_texts_that_need_no_translator_are_copied_and_strange_ones_break_nothing(tmp_path):
    nfd = unicodedata.normalize("NFD", "폐렴의 흔한 원인균은 폐렴구균이다.")
    copied = ["120/80", "🩺 42 %", "폐렴은 흔하다.", "COPD 환자에서 FEV1이 감소한다.", nfd, "\n\n"]
    huge = [
        ("word " * 20_000)[:100_000],
        "x" * 9_000,
        "<div>" * 2000 + "Sepsis is bad." + "</div>" * 2000,
        "😀 a \x00\ufeff",
    ]
    with loopback(Loopback(lambda body: source_in(body))) as (state, url):
        done = translate_texts([*map(Text, copied), *map(Text, huge)], session_of(tmp_path, url))
    assert [done.translations[Text(text)].target for text in copied] == copied
    assert all(done.translations[Text(text)].target is None for text in huge)  # an echo is never accepted
    assert {source_in(body) for body in state.calls}.isdisjoint(copied)


@pytest.mark.parametrize(
    "reply",
    [
        "<text>" + "\n" * 300_000 + "b",
        "<text> a" + " " * 300_000 + "b",
        "가" + " " * 300_000 + "나",
        "|" + " " * 300_000 + "가",
        "가나다. " * 100_000,
    ],
    ids=["tag and lines", "tag and blanks", "blanks", "bar and blanks", "a loop"],
)
def test_a_reply_that_is_no_translation_by_its_length_is_refused_at_once(reply):
    """Patterns that look for tags, lists and loops took minutes for some of these, and hours at the longest reply."""
    cleaned(reply)
    sentences_of(reply)
    plan = _Plan(Text("Fever is common in flu."), (Piece("Fever is common in flu.", True),))
    check = partial(check_translation, glossary=read_glossary(None))
    [failure] = _failures(plan, {0: Reply(reply, "stop")}, check)[0][0]
    assert failure.reason == "repetition" and "characters for a text of 23" in failure.detail


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("<text>\n열이 난다.\n</text>", "열이 난다."),
        ("<text2> 가 </text2>", "가"),
        ("<text>가</text2>", "<text>가</text2>"),
        ("<text></text>", ""),
        ("<text>가", "<text>가"),
        ("<translation>가</translation>", "가"),
        ('{"translation": "열이 난다."}', "열이 난다."),
        ("“열이 난다.”", "열이 난다."),
        ("“열”과 “땀”", "“열”과 “땀”"),
        ('{"a": "가", "b": "나"}', '{"a": "가", "b": "나"}'),
        ("[]}", "[]}"),
    ],
)
def test_what_is_around_a_reply_is_taken_off(reply, text):
    assert cleaned(reply, "Fever.") == text


def test_what_is_around_the_source_too_stays():
    assert (
        cleaned("“열.”", "“Fever.”") == "“열.”" and cleaned('{"a": "열"}', '{"a": "fever"}') == '{"a": "열"}'
    )
