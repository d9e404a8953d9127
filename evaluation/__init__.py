"""Evaluation of KoMeP models: benchmarks, metrics and paired comparison; run from a clone."""
