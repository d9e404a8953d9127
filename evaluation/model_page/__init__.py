"""Results on a model's page on the Hub: its card and its evaluation files."""
