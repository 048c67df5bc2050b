"""The bot's door on the network: HTTP, off unless configured. Webhooks now, pages and an API beside them later."""
