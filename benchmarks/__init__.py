"""What is measured where. Each is `python -m benchmarks.NAME`, and prints ratios against a named peer or a known truth.

Speed: `build` (komep build against a bare polars grouping), `explorer` (komep report by size), `inference` and
`score_at_scale` (asking a judge, against a bare client; with faults and kills), `evaluation_speed` (our runner against
lm-evaluation-harness), `train` (our DPO against `trl dpo`), `topologies` (one launch against another). Truth: `leaks`
(contamination found; on real texts by `real_leaks`), `label_noise` (flipped pairs expected), `verdict_rules`
(experiments judged rightly), `budgets` (what is spent), `two_at_once` (what two runs write in one place), `cited_run` and
`batch_run` (verdicts that cite, and the batch API, under faults and kills: the bytes of an undisturbed run),
`architectures` (of which replies are the harness's own, with a shared prefix and without). `gpu/` makes every figure
of docs/gpu.md.

`loopback_judge` is the server that asks are answered by, `disturbed` what kills a command and compares what it leaves, `random_model` a model of a known shape, and `trainings` how a
training is started and read; the GPU check and the scripts for a CPU share them.
"""
