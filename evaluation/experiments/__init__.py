"""Experiments as data: a YAML file names the matrix, `python -m evaluation.experiment FILE` runs it and reports."""
