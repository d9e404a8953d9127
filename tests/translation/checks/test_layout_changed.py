"""What is said of a translation with other lines, markers, cells or code than its source."""

from komep_dataset.translation.checks.layout_changed import layout_changes
from komep_dataset.translation.segments import relaid


def test_a_changed_layout_is_named():
    source = "Signs:\n\n- fever\n- E. coli\n| a | b |\nuse `x = 1`."
    assert layout_changes(source, "징후:\n- 열\n- 대장균\n| 가 | 나 |\n`x = 1` 사용.") == ""
    assert relaid(source, "징후:\n-  열\n- 대장균\n | 가 | 나 |\n`x = 1` 사용.\n").startswith(
        "징후:\n\n- 열\n- 대장균\n| 가"
    )
    assert layout_changes(source, "징후: 열, 대장균") == "lines with text: 1 instead of 5"
    assert "line 3 begins with * instead of -" in layout_changes(
        source, "징후:\n- 열\n* 대장균\n| 가 | 나 |\n`x = 1`"
    )
    assert layout_changes(source, source.replace("`x = 1`", "x")) == "`x = 1` is gone"
    address = "See https://a.example/b/. It is open."
    assert layout_changes(address, "https://a.example/b/를 보라. 열려 있다.") == ""
    quoted = "`diff' shows what differs, `cmp' where."
    assert layout_changes(quoted, "`diff'는 다른 것을, `cmp'는 그 자리를 보인다.") == ""
