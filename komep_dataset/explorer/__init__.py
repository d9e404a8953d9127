"""`komep report`: a release, or two to compare, goes in; one HTML page comes out, without network or library.

`rows.py` reads the pairs that the page holds, `figures.py` and `answers.py` say what is shown and in which words, `notes.py` what gates found, `plots.py` is the
geometry, `comparison.py` sets two releases side by side, `page.py` makes the HTML and its data block, `report.py` writes.
"""
