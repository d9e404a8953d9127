"""The layouts of models without a chat template: where the instruction stands, and where an answer ends."""

import pytest

from komep_dataset.prompts.formats import FORMATS, cut_at_end


@pytest.mark.parametrize("format", FORMATS)
def test_a_layout_holds_the_instruction_once_and_names_its_end(format):
    assert FORMATS[format].template.count("{instruction}") == 1 and FORMATS[format].ends


@pytest.mark.parametrize(
    ("text", "format", "kept"),
    [
        ("any ### End", None, "any ### End"),
        ("Gout.### End\n\nand on", "dolly", "Gout."),
        ("Gout.<|endoftext|>### End", "dolly", "Gout."),
        ("Gout.### End", "mpt", "Gout.### End"),
        ("No marker", "dolly", "No marker"),
    ],
)
def test_an_answer_ends_before_the_first_marker_of_its_format(text, format, kept):
    assert cut_at_end(text, format) == kept
