-- A database of version 1, as pushbot wrote it before it kept incidents and people; see test_old_databases.py.

PRAGMA application_id = 1886745448;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    record TEXT NOT NULL,
    at TEXT NOT NULL AS (json_extract(record, '$.at')),
    who TEXT NOT NULL AS (json_extract(record, '$.who')),
    what TEXT NOT NULL AS (json_extract(record, '$.what')),
    outcome TEXT NOT NULL AS (json_extract(record, '$.outcome'))
);
INSERT INTO "journal" VALUES(1,'web','{"at":"2026-01-05T09:00:00.000250+00:00","who":"irc/alice","what":".join \"with; DROP TABLE lanes\"","outcome":"joined train 12"}');
INSERT INTO "journal" VALUES(2,'web','{"at":"2026-01-05T09:00:00.000250+00:00","who":"control/uid:0","what":".go","outcome":"not_head"}');
INSERT INTO "journal" VALUES(3,'api','{"at":"2026-01-05T09:00:00.000250+00:00","who":"irc/alice","what":".join \"with; DROP TABLE lanes\"","outcome":"joined train 12"}');
CREATE TABLE lanes (
    name TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
INSERT INTO "lanes" VALUES('web','{"items":[{"reason":"fire \"drill\"","by":{"chat":"irc","key":"account:alice","name":"alice"}},{"riders":[{"person":{"chat":"irc","key":"account:alice","name":"alice"},"ticket":"c","mark":"*"},{"person":{"chat":"irc","key":"nick:b|ob","name":"B|ob"},"ticket":"","mark":"!"}],"stage":"princess","phase":"...","message":"zażółć 🚂","number":12,"run":34,"run_kind":"rollback","deployed":true,"ref":"main","revision":"6957bb87","aside":false},{"riders":[{"person":{"chat":"irc","key":"nick:b|ob","name":"B|ob"},"ticket":"","mark":""}],"stage":null,"phase":"","message":null,"number":13,"run":null,"run_kind":"deploy","deployed":false,"ref":null,"revision":null,"aside":false},{"reason":null,"by":null}],"message":"note","next_train":15,"next_run":36,"aside":[{"riders":[{"person":{"chat":"irc","key":"account:alice","name":"alice"},"ticket":"","mark":""}],"stage":"prod","phase":"...","message":null,"number":14,"run":35,"run_kind":"deploy","deployed":false,"ref":null,"revision":null,"aside":true}]}','2026-11-21T09:02:11.510Z');
INSERT INTO "lanes" VALUES('api','{"items":[],"message":null,"next_train":1,"next_run":1,"aside":[]}','2026-11-21T09:02:11.510Z');
CREATE TABLE lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record TEXT NOT NULL
);
INSERT INTO "lines" VALUES(7,'{"id":7,"chat":"irc","to":"#push","kind":"reply","text":"carol, dave: You''re up"}');
CREATE TABLE pushes (
    seq INTEGER PRIMARY KEY,  -- the order in which they began
    record TEXT NOT NULL,
    lane TEXT NOT NULL AS (json_extract(record, '$.lane')),
    number INTEGER NOT NULL AS (json_extract(record, '$.number')),
    state TEXT NOT NULL AS (json_extract(record, '$.state')),
    UNIQUE (lane, number)
);
INSERT INTO "pushes" VALUES(1,'{"lane":"web","number":12,"state":"underway","driver":"alice","riders":["alice","B|ob"],"began_at":"2026-01-05T09:00:00.000250+00:00","ended_at":null,"revision":null,"stages":[],"aside":false}');
INSERT INTO "pushes" VALUES(2,'{"lane":"web","number":11,"state":"given up","driver":"alice","riders":["alice","B|ob"],"began_at":"2026-01-05T09:00:00.000250+00:00","ended_at":"2026-01-05T10:00:00.000250+00:00","revision":"6957bb87","stages":["princess","prod"],"aside":false}');
CREATE TABLE runs (
    seq INTEGER PRIMARY KEY,  -- the order in which they were requested
    record TEXT NOT NULL,
    id TEXT NOT NULL AS (json_extract(record, '$.id')) UNIQUE,
    lane TEXT NOT NULL AS (json_extract(record, '$.lane')),
    stage TEXT NOT NULL AS (json_extract(record, '$.stage')),
    state TEXT NOT NULL AS (json_extract(record, '$.state')),
    lock TEXT NOT NULL AS (json_extract(record, '$.lock'))
);
INSERT INTO "runs" VALUES(1,'{"id":"web-33","lane":"web","train":12,"stage":"princess","kind":"rollback","state":"failed","lock":"princess","driver":"alice","riders":["alice","B|ob"],"requested_at":"2026-01-05T09:00:00.000250+00:00","ref":"main","revision":"6957bb87","previous":"11111111","token":"4711","starting":true,"started_at":"2026-01-05T09:00:01.000250+00:00","ended_at":"2026-01-05T09:00:02.000250+00:00","step":"migrate","reason":"exit code 1","continues":"web-33","hosts":120}');
INSERT INTO "runs" VALUES(2,'{"id":"web-34","lane":"web","train":12,"stage":"princess","kind":"deploy","state":"requested","lock":"princess","driver":"alice","riders":["alice","B|ob"],"requested_at":"2026-01-05T09:00:00.000250+00:00","ref":null,"revision":null,"previous":null,"token":null,"starting":false,"started_at":null,"ended_at":null,"step":null,"reason":null,"continues":null,"hosts":0}');
CREATE INDEX runs_of_lane ON runs (lane);
CREATE UNIQUE INDEX runs_unfinished ON runs (lock) WHERE state IN ('requested', 'running');
CREATE INDEX pushes_of_lane ON pushes (lane);
CREATE INDEX journal_of_lane ON journal (lane);
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
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('lines',9);
COMMIT;
