"""Benchmarks, a file each, named as `--benchmark` has it; `evaluation.harness.registry` finds them.

A file declares `BENCHMARK`, a `harness.benchmark.Benchmark`: where its questions come from, how they are asked, and
where that differs from KorMedMCQA's, how replies are read and scored. Nothing else knows of it.
"""
