"""The table of benchmarks: one small file each; a further one is one file and one entry here."""

from evaluation.benchmarks import kormedmcqa, kormedmcqa_sample, medmcqa, medqa, pubmedqa
from evaluation.harness.benchmark import Benchmark

MODULES = (kormedmcqa, kormedmcqa_sample, medqa, medmcqa, pubmedqa)
BENCHMARKS: dict[str, Benchmark] = {module.BENCHMARK.name: module.BENCHMARK for module in MODULES}
