"""Responses in, verdicts and DAHL scores out."""
