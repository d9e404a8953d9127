"""What a model says besides an answer: thoughts and tokens of its chat template, and refusals.

Pure functions over one text, for every stage that reads replies, the gates and evaluation.
"""
