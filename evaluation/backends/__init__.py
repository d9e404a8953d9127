"""What answers the prompts, a file each, named as `--backend` has it; `evaluation.harness.registry` finds them.

A file has `open_backend(options, style, processes)`, which gives a `harness.backend.Backend` or raises `KomepError`
where an extra is missing, the model cannot be loaded, or more is asked than it can do. It is imported when it is
chosen, and may import what is heavy. `local/` holds what `transformers.py` runs a model with.
"""
