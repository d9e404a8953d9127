"""`pipeline.yaml`: what it may say, with checks that name the nearest key."""
