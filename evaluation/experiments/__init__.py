"""Experiments as data: a YAML file names the matrix, `python -m evaluation.experiment FILE` runs it and reports.

In goes the file; out come a folder a cell (definition, state, trained model, evaluations), scripts, and one report.
`matrix.py` reads the file, `cells.py` says what each cell is and shares, `estimates.py` what training and evaluating
take, `plan.py` what all of it takes and whether a folder holds it, `commands.py` which commands a cell is (and its job
for Slurm), `running.py` runs them, `state.py` knows what is done. `results.py` compares, `verdicts.py` holds the rules
that decide statements, `report.py` writes tables and plots.
"""
