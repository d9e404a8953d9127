"""What a step does differently from TRL's trainers, and the figures pair by pair."""
