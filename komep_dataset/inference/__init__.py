"""Asking endpoints: bodies of requests go in under keys, replies come out under the same keys, each asked once.

`ask` looks up what was answered before (`reply_log`) and has the rest asked by `client`, or by several `workers`
(with the files of their `jobs`). `answers` says what one HTTP answer is worth, `costs` what it costs and when the
budget is spent (`ledgers`), `servers` starts a model of our own. A failure is never kept, a secret never written.
"""
