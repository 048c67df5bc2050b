-- What chats keep for themselves: letters that they have taken and not dealt with, and notes.

CREATE TABLE letters (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    chat TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT, -- none: it is dealt with, and only known to have come
    at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    UNIQUE (chat, id)
);
CREATE INDEX letters_by_age ON letters (at);

CREATE TABLE notes (
    chat TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (chat, name)
) WITHOUT ROWID;

-- Servers send again what was sent within hours; after some days nobody does.
CREATE TRIGGER old_letters_are_forgotten AFTER INSERT ON letters
WHEN NEW.seq % 100 = 0
BEGIN
    DELETE FROM letters
    WHERE body IS NULL AND at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-7 days');
END;
