"""Tables in and out.

What enters: files of a row type of `schema` (`reading`, as typed polars frames; Parquet by `frames`), and files of any
columns that users bring (`rows`: JSONL, CSV, Parquet, row by row). What leaves: tables sorted by their key and
`rejects.jsonl` (`writing`), lines for people (`text`). `values` says whether a value fits a type, of a row as of a YAML
file; `problems` where something is wrong and what: a message lists the first twenty and counts all.
"""
