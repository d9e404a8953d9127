"""What every evaluation shares: options and questions go in, prompts go to a backend, predictions and scores come out.

`options.py` states what may be asked for, `registry.py` finds benchmarks and backends by name, `benchmark.py` and
`backend.py` are their contracts. `questions.py` reads and checks rows of every layout, `benchmark.py` chooses those of
a run, `english.py` is what English sets share, `prompts.py` makes token ids with one BOS or none. `processes.py` joins
a launch and holds its folder, `journal.py` keeps replies while they come, `output.py` owns the two files.
"""
