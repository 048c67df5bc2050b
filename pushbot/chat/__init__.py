"""The chats pushbot speaks on, one package each; every one fulfils `pushbot.ports.Chat`."""
