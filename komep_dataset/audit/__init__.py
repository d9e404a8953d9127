"""What a release teaches besides medicine: trivial baselines, noise in its labels."""
