"""Responses in, verdicts and DAHL scores out: a splitter breaks a response up, a checker judges each unit.

`scoring` is the way of a response from its text to its row, `checking` asks the checker, with every option that it
has, `sentences` says where a sentence ends and what is dropped of one that was cut off. `models` counts how each
responder did. What a verdict and a score are, `dahl` says.
"""
