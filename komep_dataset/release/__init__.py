"""Scored generations go in, a release comes out: built, grown, put in place, verified, compared.

`build.py` does it and `growth.py` adds to one; rows wait in `buckets.py` and are written by `shards.py`. What lies beside
them: `facts.py` (build.json and the like), `sums.py` (SHA256SUMS, names of files), `card/`. `contents.py` tells whose a
file in a folder is, `replacement.py` swaps folders. `rows.py` reads; `verify.py`, `row_checks.py`, `diff.py` look at it.
"""
