"""A lane: its mailbox, what a batch of work makes of its queue, and what it keeps and knows."""
