"""What libraries say, in one line."""

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")

from training.errors import explained, said_by

from komep_dataset.errors import KomepError


def test_an_error_is_one_line_with_its_kind_where_that_says_something():
    assert said_by(ValueError("two\n  lines")) == "two lines"
    assert said_by(KeyError("beta")) == "KeyError: 'beta'" and said_by(ValueError()) == "ValueError: "
    assert len(said_by(OSError("x" * 1000))) == 400


def test_what_a_library_raises_begins_with_what_was_wanted():
    with (
        pytest.raises(KomepError, match=r"^the model cannot be read: no such file$"),
        explained("the model cannot be read"),
    ):
        raise OSError("no such file")
    with pytest.raises(KomepError, match=r"^mine$"), explained("not said"):
        raise KomepError("mine")
    with pytest.raises(KeyError), explained("not said", (ValueError,)):
        raise KeyError("another kind")
