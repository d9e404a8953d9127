"""What the judge is worth: calibration against labels, obedience to injected text."""
