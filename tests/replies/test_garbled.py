"""Wrong decodings are undone where they give Korean, foreign letters stay, and what says nothing is found."""

import json
import re
from urllib.parse import quote

import pytest

from komep_dataset.replies.garbled import HINT, is_blank, is_garbled, mended
from tests.real_data import answers, needs_data

# Written for this project.
TEXT = "통풍은 요산이 쌓여 생기는 병이다. 콜히친은 “급성 발작”에 쓴다… (0.5 mg)"


def windows(text: str) -> str:
    """UTF-8 as Windows-1252 reads it, its five bytes without a sign as Latin-1 does."""
    return "".join(
        bytes([byte]).decode("latin-1" if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else "cp1252")
        for byte in text.encode()
    )


def latin(text: str) -> str:
    return text.encode().decode("latin-1")


WAYS = {
    "Latin-1": latin,
    "Windows-1252": windows,
    "Latin-1 twice": lambda text: latin(latin(text)),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "bytes": lambda text: "".join(f"\\x{b:02x}" if b > 127 else chr(b) for b in text.encode()),
    "decimal": lambda text: "".join(f"&#{ord(c)};" if ord(c) > 127 else c for c in text),
    "hexadecimal": lambda text: "".join(f"&#x{ord(c):X};" if ord(c) > 127 else c for c in text),
    "address": quote,
    "JSON of Latin-1": lambda text: json.dumps(latin(text))[1:-1],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_wrong_decoding_is_undone(way):
    assert way(TEXT) != TEXT and mended(way(TEXT)) == TEXT
    assert mended(f"병명: {way('통풍 결절')}.") == "병명: 통풍 결절."
    assert re.search(HINT, way(TEXT))


FOREIGN = [
    "Ménière's disease, Sjögren–Larsson, naïve façade – “quoted” – résumé’s",
    "«Très gênant», même à l'effort… È così», disse. Perché?",
    "São João: coração, informação, CORAÇÃO, não é.",
    "Größe 5 µm ± 2 °C, ½ ¼, æøå éâê, £5, §3",
    "bệnh viện đa khoa, sốt xuất huyết, sinh lí học",
    r"C:\users\new \u0041 and \nu is the frequency, \text{x}",
    "100%EB% of 5%25, &amp; and &lt;",
    TEXT,
]


@pytest.mark.parametrize("text", FOREIGN)
def test_a_text_that_was_decoded_well_stays(text):
    assert mended(text) == text and not is_garbled(text)


def test_what_cannot_be_undone_is_known():
    """Half of the bytes are gone: controls that somebody took out, or the end of a text."""
    assert is_garbled(re.sub("[\x80-\x9f]", "", latin(TEXT)))
    assert not is_garbled(mended(latin(TEXT)))


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\u200b\u2060\ufeff", ".", "…", "&nbsp;", "null", "NULL.", "undefined", "```\n```", "---", "<|endoftext|>",
     "\u3164\u2800\u115f", "[object Object]", "**", "&#8203;", "." * 900],
)  # fmt: skip
def test_what_says_nothing(text):
    assert is_blank(text)


@pytest.mark.parametrize("text", ["7", "가", "A", "✓", "①", "×", "None", "null hypothesis", "...x", "±"])
def test_what_says_something(text):
    assert not is_blank(text)


@needs_data("kqa", "pubmedqa", "expertqa", "korfactscore", "gemini_replies")
def test_real_answers_stay_and_come_back():
    """Answers of people and models are what they are, and Korean ones are read through Latin-1 and back."""
    for text in (text for own in answers().values() for text in own[:400]):
        assert mended(text) == text and not is_garbled(text) and not (text.strip() and is_blank(text))
        if re.search("[가-힣]{2}", text) and not re.search(r"[&%\\\\]", text):
            assert mended(latin(text)) == text
