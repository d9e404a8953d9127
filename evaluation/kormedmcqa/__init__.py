"""The metric of KorMedMCQA: its scorer is plain Python, the `evaluate` module a thin wrapper around it."""
