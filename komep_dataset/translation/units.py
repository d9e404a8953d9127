"""Units of measurement and of time as English and Korean texts write them, each with one canonical name."""

import re

# canonical name -> spellings. What is longer is tried first, so that "mg" is not read as metres.
_UNITS = {
    "mg": "mg milligrams milligram 밀리그람 밀리그램",
    "mcg": "mcg ug μg µg micrograms microgram 마이크로그램 마이크로그람",
    "ng": "ng nanograms nanogram 나노그램",
    "pg": "pg picograms picogram 피코그램",
    "g": "g grams gram gm 그램 그람",
    "kg": "kg kilograms kilogram 킬로그램 킬로",
    "ml": "ml mL milliliters milliliter millilitres millilitre cc 밀리리터 시시",
    "ul": "ul uL μL µL μl microliters microliter 마이크로리터",
    "dl": "dl dL deciliters deciliter 데시리터",
    "fl": "fL femtoliters femtoliter 펨토리터",
    "l": "L l liters liter litres litre 리터",
    "mm": "mm millimeters millimeter millimetres millimetre 밀리미터",
    "um": "um μm µm micrometers micrometer microns micron 마이크로미터 미크론",
    "nm": "nm nanometers nanometer 나노미터",
    "cm": "cm centimeters centimeter centimetres centimetre 센티미터 센티",
    "m": "m meters meter metres metre 미터",
    "km": "km kilometers kilometer 킬로미터",
    "inch": "inches inch 인치",
    "mmol": "mmol millimoles millimole 밀리몰",
    "umol": "umol μmol µmol micromoles micromole 마이크로몰",
    "nmol": "nmol nanomoles 나노몰",
    "mol": "mol moles mole 몰",
    "mosm": "mOsm milliosmoles 밀리오스몰",
    "meq": "mEq milliequivalents 밀리당량 밀리그램당량",
    "miu": "mIU",
    "uiu": "uIU μIU µIU",
    "iu": "IU units unit U 국제단위 단위 유닛",
    "mmhg": "mmHg mm-Hg 수은주밀리미터",
    "cmh2o": "cmH2O",
    "kpa": "kPa 킬로파스칼",
    "percent": "% percent per-cent 퍼센트 프로",
    "percentage point": "percentage-points percentage-point %포인트 %p 퍼센트포인트 퍼센트-포인트 포인트",
    "c": "°C degrees-Celsius degrees-C degrees-centigrade",
    "f": "°F degrees-Fahrenheit degrees-F",
    "degree": "° degrees degree 도",
    "kcal": "kcal kilocalories kilocalorie calories calorie 킬로칼로리 칼로리",
    "hz": "Hz hertz 헤르츠",
    "khz": "kHz 킬로헤르츠",
    "db": "dB decibels decibel 데시벨",
    "gy": "Gy grays 그레이",
    "mgy": "mGy",
    "msv": "mSv 밀리시버트",
    "mv": "mV millivolts 밀리볼트",
    "kda": "kDa kilodaltons 킬로달톤",
    "msec": "ms msec milliseconds millisecond 밀리초",
    "second": "seconds second secs sec s 초",
    "minute": "minutes minute mins min 분",
    "clock": "시",
    "hour": "hours hour hrs hr hourly h 시간",
    "day": "days day nights night 일",
    "week": "weeks week wks wk 주일 주",
    "month": "months month 개월 달",
    "calendar month": "월",
    "year": "years year yrs yr anniversary 주년 년생 개년 년 세 살 연 해",
    "century": "centuries century 세기",
    "times": "times time 회 번 배 fold",
    "tablet": "tablets tablet pills pill capsules capsule 정 알 캡슐",
    "bpm": "bpm beats",
    "points": "points point 점",
    "mile": "miles mile mph 마일",
    "foot": "feet foot 피트",
    "yard": "yards yard 야드",
    "pound": "pounds pound lbs 파운드",
    "dollar": "dollars dollar bucks 달러 불",
    "euro": "euros euro 유로",
    "won": "won 원",
    "yen": "yen 엔",
    "person": "people persons person men man women woman patients patient children students adults officers soldiers "
    "residents workers players voters 명 인 사람",
    "thing": "개 건 곳 가지 종 골 경기 차례 홀 석 채 표 마리 그루 위 호",
}
CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen", "₩": "won"}
TIMES = {"second", "minute", "hour", "day", "week", "month", "year", "times", "tablet", "bpm", "points"}
# Other words may stand for these, or nothing.
LOOSE_UNITS = TIMES | {
    "clock",
    "century",
    "calendar month",
    "percentage point",
    "person",
    "thing",
    "mile",
    "foot",
    "yard",
}
LOOSE_UNITS |= {"pound", *CURRENCIES.values()}
# What is counted one by one.
COUNTERS = frozenset(("person", "times", "tablet", "bpm", "points", "thing", "degree"))
# "5 C" may be a letter; "5 도" may be any degree. These agree with each other.
DEGREES = frozenset(("c", "f", "degree"))
_PERCENT = frozenset(("percent", "percentage point", "points"))

_CANONICAL = {
    spelling.replace("-", " "): unit for unit, spellings in _UNITS.items() for spelling in spellings.split()
}
_LONGEST_FIRST = sorted(_CANONICAL, key=len, reverse=True)
_LATIN = "|".join(re.escape(s).replace(r"\ ", " ?") for s in _LONGEST_FIRST if not "가" <= s[0] <= "힣")
_HANGUL = [s for s in _LONGEST_FIRST if "가" <= s[0] <= "힣"]
_ONE_LETTER = {"m", "s", "h", "U", "l", "g", "L"}


# Syllables with which one of these is another word: 3분기, 6주기, 2분자, 5시즌.
_OTHER_WORD = r"(?![산식기자절획류대트즌리험양회준적막상속패승]|부(?!터))"
# A Korean unit of one syllable that stands apart from its number is a unit only where no other word goes on
# from it: "2 주요 증상" is no two weeks.
_KOREAN_TAIL = r"(?=[^가-힣]|[간동마후전내이에의은는을를당째까로]|차례|부터|$)"
_LONG_HANGUL = "|".join(s for s in _HANGUL if len(s) > 1)
_SHORT_HANGUL = "|".join(s for s in _HANGUL if len(s) == 1)
_UNIT = re.compile(
    rf"(?P<latin>[ -]?(?:{_LATIN})(?![A-Za-z])"
    rf"(?P<per>(?:/(?:[A-Za-zμµ]+\d?|1\.73 ?m\^?2|분|시간|일|주|초|회|리터|데시리터|밀리리터))*))"
    rf"|(?P<hangul> ?(?:{_LONG_HANGUL})|(?:{_SHORT_HANGUL}){_OTHER_WORD}| (?:{_SHORT_HANGUL}){_KOREAN_TAIL})"
)
_LOWER = {spelling.casefold(): unit for spelling, unit in _CANONICAL.items()}


def read_unit(text: str, at: int) -> tuple[str, str, int]:
    """The unit that stands at a place of a normalised text.

    Returns:
        (canonical unit or "", what it is per, such as "/dl", or "", end of the unit)
    """
    match = _UNIT.match(text, at)
    if not match:
        return "", "", at
    if match["hangul"]:
        return _CANONICAL[match["hangul"].strip()], "", match.end()
    written = match["latin"].removesuffix(match["per"]).strip(" -")
    if written in _ONE_LETTER and (match["latin"].startswith("-") or match["latin"] == "s"):
        return "", "", at  # "5-s" names something, "1980s" is a decade
    unit = _CANONICAL.get(written) or _LOWER.get(" ".join(written.casefold().split()), "")
    # "/min" and "/분" are one; names that are no units stay as they are.
    parts = [part.strip() for part in match["per"].split("/")[1:]]
    per = (_CANONICAL.get(part) or _LOWER.get(part.casefold(), part.casefold()) for part in parts)
    return unit, "".join(f"/{name}" for name in per), match.end()


def units_agree(one: str, other: str) -> bool:
    """Whether two canonical units may be the same: degrees without a scale agree with both scales, counters with each other."""
    both = {one, other}
    return one == other or any(both <= kin for kin in (COUNTERS, _PERCENT, DEGREES) if both != {"c", "f"})
