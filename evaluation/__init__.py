"""Evaluation of KoMeP models: benchmarks, metrics and paired comparison; run from a clone.

`run.py`, `compare.py`, `publish.py`, `experiment.py` and `quickstart.py` are commands and import what is heavy late;
`runner.py` is one evaluation from options to files. A further benchmark is a file in `benchmarks/`, a further backend
one in `backends/`. `kormedmcqa/` and `dahl/` are metrics as they lie on the Hub.
"""
