"""What Slack shows, as Block Kit: made from values alone, and what a press on it says."""
