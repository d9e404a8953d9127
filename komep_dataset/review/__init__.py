"""`komep review`: a sample for people to judge, what they said of it, and their corrections."""
