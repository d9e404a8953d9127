"""The table of benchmarks: one small file each; a further one is one file and one entry here."""

from evaluation.benchmarks import kormedmcqa, kormedmcqa_sample
from evaluation.benchmarks.benchmark import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark for benchmark in (kormedmcqa.BENCHMARK, kormedmcqa_sample.BENCHMARK)
}
