"""What every evaluation shares: questions, prompts, processes, outputs."""
