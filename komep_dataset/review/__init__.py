"""`komep review`: a release goes to physicians as sheets, their judgements come back as figures and corrected texts.

`drawing.py` picks the pairs, `blinding.py` hides which answer was chosen, `sheet.py` writes the sheets, `reading.py` reads them by `words.py` and `better.py`,
`agreement.py` and `reliability.py` say what the judgements say, `calibration.py` what marks say of the judge,
`report.py` writes that down, `corrections.py` puts corrected texts into a table that `komep build` reads.
"""
