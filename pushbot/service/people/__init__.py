"""People: who they are, which roles they hold, what they may do, and what is remembered of them."""
