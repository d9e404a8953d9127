"""What a second model says No to (`translation/second_look.py`): no rule finds it, so that nothing is tried here."""

from komep_dataset.translation.checks.registry import Check

_TOLD = "a second reader does not take it for the whole text in Korean and nothing else"
SECOND_LOOK = Check("second_look", lambda source, target: "", _TOLD, order=100, rank=100)
CHECKS = (SECOND_LOOK,)
