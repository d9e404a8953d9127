"""What a checker's verdicts are worth: statements whose truth is known go in, a record of shares comes out.

`calibration` has the statements judged and counted, `ranking` says what such errors do to the pairs that there are,
`record` is the file of both, read and checked. `injections` tries statements that tell the checker what to say.
"""
