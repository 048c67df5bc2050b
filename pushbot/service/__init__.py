"""The life of the bot between its ports: what is heard becomes commands, what was committed becomes words and runs."""
