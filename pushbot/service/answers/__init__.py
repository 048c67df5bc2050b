"""Answers to questions, gathered from the record, git and the disk."""
