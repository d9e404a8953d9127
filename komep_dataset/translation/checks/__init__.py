"""What a Korean translation must keep of its English text; every module but `registry` and `comparisons` is one check.

Two texts enter, what is wrong with the second leaves. A check knows the source and its translation and nothing
else: never which answer was chosen or rejected, so that none can favour one. A module here declares its check
with the name that a reject gives as its reason and the words in which a translator is told (`registry.Check`).
What they catch and miss is measured on a labelled set: tests/translation/checks/confusion.py.
"""
