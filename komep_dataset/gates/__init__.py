"""What a pair is looked at for before it is released: every module here is one gate, found by being there.

Pairs as `pairs.rules.select_pairs` gives them enter, which of them go and why leaves. A module declares its
gate as `GATE` (a kind of `trial.gate.Gate`): its name, the reason of its rejects, its options, what it
looks at, its line on the card. `trial` tries pairs by them, in a build and again in `komep verify`.
"""
