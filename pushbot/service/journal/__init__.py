"""What is written down of all that is asked."""
