"""Whether a release is worth training on: `komep bias`. A release goes in, plain figures come out.

`bias.py` measures lengths, winners, categories, margins and units; `baselines.py` what trivial rules know of the label,
each registered once; `label_noise.py` how many pairs are the wrong way round, by the model of `flip_model.py`;
`verdicts.py` judges each subject in a line, `tables.py` shows all of it in a terminal.
"""
