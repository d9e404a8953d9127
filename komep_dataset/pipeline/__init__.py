"""A configuration in, a release out: `komep run`, and each of its stages as a command of its own.

`run` says what a stage reads, writes and depends on, when it is done, and runs it; `estimates` says beforehand what
would be asked and what it may cost.
"""
