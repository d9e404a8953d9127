"""Tables in and out: JSONL, CSV and Parquet with typed columns; bad rows named by file and line."""
