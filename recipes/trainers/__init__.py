"""What a step does differently from TRL's trainers, and the figures pair by pair.

`safeguards.py` is under all three: SIGTERM, a loss that is no number, checkpoints. `dpo.py`, `orpo.py` and `sft.py` are the
trainers; `shared_prompt.py` runs both answers of a pair in one row, `reference_cache.py` finds what the reference gave in
an earlier run, `losses.py` knows TRL's losses by name, `label_noise.py` takes label smoothing from a release, and
`pair_metrics.py` makes figures of held-out pairs that mean the same for every method. `log_lines.py` says a line a step.
"""
