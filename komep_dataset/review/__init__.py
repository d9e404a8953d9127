"""`komep review`: a release goes to physicians as sheets, their judgements come back as figures and corrected texts.

`drawing.py` picks the pairs, `sheet.py` writes and reads the sheets, `agreement.py` says what the judgements say,
`report.py` writes that down, `corrections.py` puts corrected texts into a table that `komep build` reads.
"""
