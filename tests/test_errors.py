"""The one exception, and the extra that a command needs."""

import pytest

from komep_dataset.errors import KomepError, require


def test_a_missing_extra_says_which_to_install():
    with pytest.raises(KomepError, match=r'extra \[llm\].*no_such_module.*pip install "komep\[llm\]"'):
        require("llm", "json", "no_such_module")
    require("llm", "json")
