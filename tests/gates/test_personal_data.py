"""Personal data and secrets: what is found and masked, what medical text is left alone, check digits."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from komep_dataset.gates.personal_data import GATE, find_personal_data, is_resident_number, luhn
from komep_dataset.gates.trial.gate import TEXTS
from komep_dataset.gates.trial.run import scan

PERSONAL = {  # invented
    "e-mail address": ["write to kim.minsu@hospital-mail.kr today", "메일(minsu_kim@naver-mail.com)로"],
    "resident registration number": ["주민번호 900101-1234568", "no. 210305-3999999 of a child"],
    "phone number": [
        "call 010-2345-6789",
        "전화는 02-345-6789번",
        "+82 10-2345-6789",
        "+44 20 7946 0958",
        "(415) 555-2671",
    ],
    "IP address": ["from 203.117.24.9 at noon", "2a00:1450:4001:0830:0000:0000:0000:200e"],
    "payment card number": ["card 4539 1488 0343 6467", "378282246310005"],
    "field of a patient's record": ["MRN: 00482913", "환자명: 김철수", "Patient name: Anna Kowalski"],
    "Hugging Face token": ["hf_" + "a1B2" * 9],
    "private key": ["-----BEGIN RSA PRIVATE KEY-----"],
}
INNOCENT = [
    "Blood pressure was 120/80, pulse 72, SpO2 98%, 36.5 °C; 2.5-5.0 mg every 6-8 h for 10-14 days.",
    "Trial NCT04368728 ran from 2015-2020 (doi 10.1056/NEJMoa2034577, PMID 33301246, ISBN 978-0-323-39277-2).",
    "Thrombin is EC 3.4.21.5, chymotrypsin 3.4.21.1; see section 10.2.3.4 of version 8.1.2.10.",
    "The range 1,000,000-10,000,000 CFU/mL; coordinates 37.5665, 126.9780; gene at chr7:117120017-117308718.",
    "2024년 3월 15일 08:30:00에 0.9% 식염수 1000 mL를 투여하였다. 정상 범위는 135-145 mmol/L이다.",
    "Call 119, 911 or 1-800-222-1222; 자살예방상담전화 1588-9191, 109번.",
    "Write to someone@example.com; HLA-B*57:01; a ratio of 1:2:3; c.1521_1523delCTT; rs113993960.",
    "등록번호가 필요하다. 환자 이름을 확인한다. The patient's name is checked twice.",
    "127.0.0.1 and 192.168.100.200 are private; 4539 1488 0343 6468 fails its check digit.",
    "The catalogue number 1234567890123 and 0123456789 mean nothing. 12345-67890.",
]


def kinds(text):
    return [found.kind for found in find_personal_data(text)]


@pytest.mark.parametrize("kind", PERSONAL)
def test_personal_data_are_found_and_masked(kind):
    for text in PERSONAL[kind]:
        frame = pl.DataFrame(
            [dict.fromkeys(TEXTS) | {"chosen": text}], schema=dict.fromkeys(TEXTS, pl.String)
        )
        [found] = scan(frame, [GATE])[GATE.name].values()
        assert [(column, one.kind) for one, column in found.items()] == [("chosen", kind)], text
        [shown] = (one.evidence for one in found)
        assert not any(word in shown for word in text.split() if len(word) > 5)


@pytest.mark.parametrize("text", INNOCENT)
def test_medical_numbers_are_no_personal_data(text):
    assert kinds(text) == []


@settings(max_examples=100, deadline=None)
@given(st.dates(min_value=date(1920, 1, 1)), st.integers(0, 99_999), st.booleans())
def test_check_digits_of_resident_numbers(born, serial, later):
    """The digit by the published formula, written out by hand; exactly one of ten is right."""
    if born.year > 2019:
        return
    century = "3" if born.year >= 2000 else "1"
    first = f"{born:%y%m%d}{century}{serial:05d}"
    total = sum(int(d) * (2 + place % 8) for place, d in enumerate(first))
    right = (11 - total % 11) % 10
    assert [d for d in range(10) if is_resident_number(f"{first}{d}")] == [right]
    assert kinds(f"no. {first[:6]}-{first[6:]}{right}.") == ["resident registration number"]


@settings(max_examples=100, deadline=None)
@given(st.integers(10**14, 10**15 - 1), st.integers(0, 14))
def test_luhn_knows_one_last_digit_and_every_single_error(body, place):
    [last] = [d for d in range(10) if luhn(f"{body}{d}")]
    number = f"{body}{last}"
    changed = f"{number[:place]}{(int(number[place]) + 1) % 10}{number[place + 1 :]}"
    assert not luhn(changed)
