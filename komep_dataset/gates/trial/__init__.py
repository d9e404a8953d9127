"""How pairs are tried by the gates.

Pairs and the options of a build enter, the decision on each pair and what was found leave. `gate` says what
a gate is, `registry` which there are and in which order; `run` tries the pairs of a build and tells what was
found, `recorded` tries those of a finished release. `ngrams` and `benchmark_files` are what pairs are compared by.
"""
