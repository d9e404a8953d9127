"""Passages for a unit: from the texts that a user has for each question, or found in a corpus."""
