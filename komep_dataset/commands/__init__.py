"""The commands of `komep`: their options, and what the user is told."""
