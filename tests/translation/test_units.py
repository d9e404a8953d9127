"""Units of measurement and of time, in both languages by one name."""

import pytest

from komep_dataset.translation.units import read_unit, units_agree


@pytest.mark.parametrize(
    ("text", "unit", "per"),
    [
        (" mg/dL", "mg", "/dl"),
        ("밀리그램", "mg", ""),
        (" beats/분", "bpm", "/minute"),
        ("µg", "mcg", ""),
        (" degrees Celsius", "c", ""),
        ("주 동안", "week", ""),
        (" 주요 증상", "", ""),  # no two weeks
        ("-s", "", ""),
        ("s", "", ""),  # 1980s
        (" people", "person", ""),
        ("%포인트", "percentage point", ""),
        ("분자", "", ""),  # molecules, not minutes
    ],
)
def test_read_unit(text, unit, per):
    found, below, end = read_unit(f"2{text}", 1)
    assert (found, below) == (unit, per) and (end > 1) == bool(unit)


def test_counters_agree_and_measures_do_not():
    assert units_agree("person", "thing") and units_agree("percent", "percentage point")
    assert not units_agree("year", "thing") and not units_agree("month", "calendar month")


def test_degrees_without_a_scale_agree_with_both():
    assert units_agree("degree", "c") and units_agree("f", "degree") and units_agree("mg", "mg")
    assert not units_agree("c", "f") and not units_agree("mg", "g")
