-- Incidents, what is remembered of people, messages of webhooks that were taken; a journal that only grows.

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

DROP TRIGGER work_is_spread;
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
