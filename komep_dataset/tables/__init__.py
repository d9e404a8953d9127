"""Tables in and out.

What enters: files that people bring (`formats`: which are tables, unpacked and decoded), row by row with any columns
(`rows`), or as typed polars frames of a row type of `schema` (`reading`; Parquet by `frames`). What leaves: tables sorted by their key and
`rejects.jsonl` (`writing`), lines for people (`text`). `values` says whether a value fits a type, of a row as of a YAML
file; `problems` where something is wrong and what: a message lists the first twenty and counts all.
"""
