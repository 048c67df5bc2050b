"""Setting Slack up: the manifest of the app, and a look whether all is in place."""
