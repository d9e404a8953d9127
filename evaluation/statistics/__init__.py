"""Two or more evaluations go in, paired differences come out: as numbers, as tables, as a forest plot.

`comparable.py` refuses runs of other questions or another protocol and names what else differs, `comparison.py` pairs
answers and splits a change into readability and knowledge, `significance.py` has the tests and intervals with their
sources. `tables.py` and `forest.py` show them.
"""
