"""In which encoding a text file is: UTF-8, UTF-16, UTF-32, or CP949, in which Korean Windows and Excel save.

A file that was cut, or has a wrong byte here and there, stays what it is; what cannot be known is not guessed at, but the
error says what it looks like.
"""

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from komep_dataset.files.outputs import utf16_of
from komep_dataset.progress import tell

_LEFT_OVER = re.compile("[\ud800-\udfff]")
HEAD = 512  # bytes in which a file shows what it is
LOST = "signs that it lacks may be lost; better save it as UTF-8"
# The hundred most frequent syllables of KorMedMCQA: two thirds of its syllables, half of those of news (NTREX).
_COMMON = frozenset(
    "다이의에는한하은가을로사자고치기상수지를시성제과소부정아혈전으인용적도리관서구여증세장간분위경약대해중호보진주있스동신료단원환조방질유회일나체"
    "검생병물어비게음것라후요발트결면할되산개화합포복식심법감절"
)
# Of the letters that are not ASCII; Korean questions have at least 0.33, Chinese at most 0.17.
LEAST_COMMON = 0.25
MOST_WRONG = 0.05  # of the signs of CP949 that are not ASCII: a wrong byte takes the next with it
# Encodings of several bytes a sign that others use, and signs that a text in them has: kana of Japanese.
_OTHERS = {
    "SHIFT_JIS": ("Japanese", "\u3041", "\u30ff"),
    "EUC-JP": ("Japanese", "\u3041", "\u30ff"),
    "GB18030": ("Chinese; else BIG5", "\u4e00", "\u9fff"),
    "BIG5": ("Chinese", "\u4e00", "\u9fff"),
}
_CONVERT = "if all of the file is: iconv -f {0} -t UTF-8 FILE > NEW"


def is_text(text: str) -> bool:
    """Whether no lone surrogate stands in a text: no byte that could not be decoded."""
    return not _LEFT_OVER.search(text)


def encoding_of(data: bytes) -> str:
    """The encoding of a text, as Python names it; "" where it is none that is read here."""
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if order := utf16_of(data[:HEAD]):
        return order
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":  # UTF-8 that was cut
            return "utf-8-sig"
    else:
        return "utf-8-sig"
    signs = [sign for sign in data.decode("utf-8", "surrogateescape") if sign > "\x7f"]
    if len(_LEFT_OVER.findall("".join(signs))) < len(signs) / 2:  # with a wrong byte here and there
        return "utf-8-sig"
    text = data.decode("cp949", "surrogateescape")
    wrong, high = len(_LEFT_OVER.findall(text)), sum(sign > "\x7f" for sign in text)
    return "cp949" if wrong <= MOST_WRONG * high and _is_korean(_LEFT_OVER.sub("", text)) else ""


def is_wide(head: bytes) -> bool:
    """Whether a file that begins so is UTF-16 or UTF-32, whose lines do not end in one byte."""
    return encoding_of(head).startswith(("utf-16", "utf-32"))


def decoded(data: bytes, path: Path) -> tuple[str, str]:
    """(the text of a file, a note where it is no UTF-8, or ""); of an encoding that is not known, and of UTF-8 with faults, each
    wrong byte is a lone surrogate."""
    encoding = encoding_of(data)
    wide = encoding.startswith(("utf-16", "utf-32"))
    text = data.decode(encoding or "utf-8", "replace" if wide else "surrogateescape").removeprefix("\ufeff")
    if encoding == "cp949":
        return text, f"{path}: not UTF-8, read as CP949 ({LOST})"
    return text, f"{path}: read as {encoding[:6].upper()}" if wide else ""


def utf8_lines(file: BinaryIO, path: Path, *, quiet: bool = False) -> Iterator[bytes]:
    """The lines of a file in UTF-8, ended by line feeds alone; from the first that is not ASCII on, CP949 is read as such,
    which is told on stderr unless `quiet`."""
    for line in file:
        if line.isascii():
            yield line
            continue
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            text, note = decoded(line + file.read(), path)
            if note and not quiet:
                tell(f"note: {note}")
            yield from io.BytesIO(text.encode("utf-8", "surrogateescape"))
            return
        yield line
        yield from file


def advice(data: bytes) -> str:
    """What a text that is in none of the encodings that are read looks like, and how it is converted."""
    signs = [sign for sign in data.decode("utf-8", "surrogateescape") if sign > "\x7f"]
    if sum(map(is_text, signs)) > len(signs) / 2:
        return "a byte of it was lost or changed: write it anew"
    with suppress(UnicodeDecodeError):
        if _is_korean(data.decode("johab")):
            return f"it may be JOHAB (Korean, of old); {_CONVERT.format('JOHAB')}"
    with suppress(UnicodeDecodeError):
        if _is_korean(data.decode("cp949")):
            return "this is CP949, and the rest of the file is not: convert what was joined to one encoding"
    name, of = "WINDOWS-1252", "Western; else another of one byte a sign"
    high = re.findall(rb"[\x80-\xff]", data)
    in_pairs = len(re.findall(rb"[\x80-\xff](?=[\x80-\xff])", data)) > len(high) / 3
    for other, (language, first, last) in _OTHERS.items() if in_pairs else ():
        with suppress(UnicodeDecodeError):
            letters = [sign for sign in data.decode(other) if sign > "\x7f"]
            if sum(first <= sign <= last for sign in letters) > 0.3 * len(letters):
                name, of = other, language
                break
    return f"it may be {name} ({of}); {_CONVERT.format(name)}"


def _is_korean(text: str) -> bool:
    """Whether what was decoded as CP949 is Korean.

    Latin text becomes rare syllables, of which EUC-KR has none; Chinese and Japanese ones that EUC-KR has, but seldom
    those that every Korean text is full of, and hanja.
    """
    signs = [sign for sign in text if sign > "\x7f"]
    letters = [sign for sign in signs if sign.isalpha()]
    known = sum(len(sign.encode("euc-kr", "ignore")) == 2 for sign in signs) >= 0.9 * len(signs)
    return known and sum(sign in _COMMON for sign in letters) >= LEAST_COMMON * len(letters)
