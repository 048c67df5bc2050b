-- The whole schema as of the newest migration, for tests: change it together with adding one.

PRAGMA application_id = 1886745448;  -- "push": tells this file from other programs' databases

CREATE TABLE lanes (
    name TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,  -- the order in which they were requested
    record TEXT NOT NULL,
    id TEXT NOT NULL AS (json_extract(record, '$.id')) UNIQUE,
    lane TEXT NOT NULL AS (json_extract(record, '$.lane')),
    stage TEXT NOT NULL AS (json_extract(record, '$.stage')),
    state TEXT NOT NULL AS (json_extract(record, '$.state')),
    lock TEXT NOT NULL AS (json_extract(record, '$.lock'))
);
CREATE INDEX runs_of_lane ON runs (lane);
-- No two unfinished runs may ever hold the same lock.
CREATE UNIQUE INDEX runs_unfinished ON runs (lock) WHERE state IN ('requested', 'running');

CREATE TABLE pushes (
    seq INTEGER PRIMARY KEY,  -- the order in which they began
    record TEXT NOT NULL,
    lane TEXT NOT NULL AS (json_extract(record, '$.lane')),
    number INTEGER NOT NULL AS (json_extract(record, '$.number')),
    state TEXT NOT NULL AS (json_extract(record, '$.state')),
    UNIQUE (lane, number)
);
CREATE INDEX pushes_of_lane ON pushes (lane);

-- The outbox: a line leaves it once confirmed. AUTOINCREMENT remembers the highest id ever given.
CREATE TABLE lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record TEXT NOT NULL
);

CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    record TEXT NOT NULL,
    at TEXT NOT NULL AS (json_extract(record, '$.at')),
    who TEXT NOT NULL AS (json_extract(record, '$.who')),
    what TEXT NOT NULL AS (json_extract(record, '$.what')),
    outcome TEXT NOT NULL AS (json_extract(record, '$.outcome'))
);
CREATE INDEX journal_of_lane ON journal (lane);

CREATE TABLE incidents (
    number INTEGER PRIMARY KEY,
    record TEXT NOT NULL,
    title TEXT NOT NULL AS (json_extract(record, '$.title')),
    opened_at TEXT NOT NULL AS (json_extract(record, '$.opened_at')),
    resolved_at TEXT AS (json_extract(record, '$.resolved_at'))
);

CREATE TABLE people (
    key TEXT PRIMARY KEY,
    record TEXT NOT NULL
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL
);
CREATE INDEX deliveries_by_age ON deliveries (at);

CREATE TRIGGER journal_is_not_changed BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal only grows: nothing in it is changed');
END;
CREATE TRIGGER journal_is_not_shortened BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal only grows: nothing in it is deleted');
END;

-- `INSERT INTO work VALUES (json)` is how a `Work` is committed: one statement, so all of it or nothing,
-- and one trip to the thread that SQLite runs on (docs/adr/0004-sqlite-with-plain-sql.md).
CREATE VIEW work AS SELECT NULL AS document;
CREATE TRIGGER work_is_spread INSTEAD OF INSERT ON work
BEGIN
    INSERT INTO lanes (name, queue, updated_at)
    SELECT
        json_extract(NEW.document, '$.lane'),
        json_extract(NEW.document, '$.queue'),
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    WHERE json_extract(NEW.document, '$.queue') IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET queue = excluded.queue, updated_at = excluded.updated_at;

    INSERT INTO journal (lane, record)
    SELECT json_extract(NEW.document, '$.lane'), value
    FROM json_each(NEW.document, '$.entries')
    ORDER BY key;

    -- Those that end come first, so that one can give its lock to another in the same work.
    INSERT INTO runs (record)
    SELECT value
    FROM json_each(NEW.document, '$.runs')
    WHERE true
    ORDER BY json_extract(value, '$.state') IN ('requested', 'running'), key
    ON CONFLICT (id) DO UPDATE SET record = excluded.record;

    INSERT INTO pushes (record)
    SELECT value
    FROM json_each(NEW.document, '$.pushes')
    WHERE true
    ORDER BY key
    ON CONFLICT (lane, number) DO UPDATE SET record = excluded.record;

    INSERT INTO lines (id, record)
    SELECT json_extract(value, '$.id'), value
    FROM json_each(NEW.document, '$.lines');

    DELETE FROM lines WHERE id IN (SELECT value FROM json_each(NEW.document, '$.spoken'));

    INSERT INTO incidents (number, record)
    SELECT json_extract(value, '$.number'), value
    FROM json_each(NEW.document, '$.incidents')
    WHERE true
    ORDER BY key
    ON CONFLICT (number) DO UPDATE SET record = excluded.record;

    INSERT INTO people (key, record)
    SELECT json_extract(value, '$.key'), value
    FROM json_each(NEW.document, '$.people')
    WHERE true
    ORDER BY key
    ON CONFLICT (key) DO UPDATE SET record = excluded.record;

    -- One message may concern several lanes, which each record it; and is forgotten in the end.
    INSERT INTO deliveries (id, at)
    SELECT json_extract(value, '$.id'), json_extract(value, '$.at')
    FROM json_each(NEW.document, '$.deliveries')
    WHERE true
    ON CONFLICT (id) DO NOTHING;

    DELETE FROM deliveries
    WHERE at < (
        SELECT strftime('%Y-%m-%dT%H:%M:%S', max(json_extract(value, '$.at')), '-90 days')
        FROM json_each(NEW.document, '$.deliveries')
    );
END;

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
