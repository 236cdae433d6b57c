-- Schema 1. The integer `ns` (a namespace) leads every key. Times are epoch seconds; statuses are the numbers of
-- stepwell.model.status. Tables are named so that they can live beside a user's own in one file.
-- min_reader: 1

CREATE TABLE stepwell_meta (
    name  TEXT PRIMARY KEY,      -- schema, min_reader, created_at
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stepwell_namespaces (
    ns   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    mail INTEGER NOT NULL DEFAULT 0  -- numbers messages and waits, so that a mailbox has an order without a clock
) STRICT;

-- The hot row. `key` is a UUIDv7, so new rows go to the end and old ones leave as a range. `id` is the user's own id;
-- a run that is named by its key alone has none.
CREATE TABLE stepwell_runs (
    ns          INTEGER NOT NULL,
    key         BLOB    NOT NULL,
    id          TEXT,
    workflow    TEXT    NOT NULL,
    queue       TEXT    NOT NULL,
    status      INTEGER NOT NULL,
    priority    INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    inbox       INTEGER NOT NULL,    -- how many items were ever posted: the mark
    worker      TEXT,
    claimed_seq INTEGER NOT NULL,
    deaths      INTEGER NOT NULL,
    due         REAL,
    rank        REAL    NOT NULL,
    created_at  REAL    NOT NULL,
    started_at  REAL,
    finished_at REAL,
    expires_at  REAL,
    parent      BLOB,
    parent_call TEXT,
    origin      BLOB,
    digest      TEXT    NOT NULL,
    progress    REAL,
    note        TEXT,
    reason      TEXT,
    cancelling  INTEGER NOT NULL,
    tagged      INTEGER NOT NULL,    -- whether stepwell_tags has rows: most runs spare the look
    options     TEXT,
    PRIMARY KEY (ns, key),
    -- No infinite times: rows are read as JSON, which has none, and one such row would spoil a whole page.
    CHECK (abs(rank) + abs(ifnull(due, 0)) + abs(ifnull(expires_at, 0)) + abs(ifnull(progress, 0)) < 9e999)
) STRICT, WITHOUT ROWID;

-- Every index is partial, and every one costs a write whenever a run enters or leaves it; each has to be argued.

-- P7: one run per id.
CREATE UNIQUE INDEX stepwell_runs_id ON stepwell_runs (ns, id) WHERE id IS NOT NULL;

-- The queue: a claim reads the head of each of its workflows, and never a run that may not start yet.
CREATE INDEX stepwell_runs_ready ON stepwell_runs (ns, workflow, rank, key)
    WHERE status = 0 AND due IS NULL AND deaths < 2;

-- What wakes by time, waiting or delayed: "is anything due?" is one look at the first entry.
CREATE INDEX stepwell_runs_due ON stepwell_runs (ns, due, key) WHERE due IS NOT NULL AND status IN (0, 2);

-- What is not a success: runs held by a worker (its heartbeat, its death), and pages of one status, newest first.
-- Successes are left out because they are nearly everything; a page of them is found along the primary key.
CREATE INDEX stepwell_runs_live ON stepwell_runs (ns, status, worker, key) WHERE status <> 10;

-- Retention, by workflow, status and age, without a look at the rows; also counts.
CREATE INDEX stepwell_runs_closed ON stepwell_runs (ns, workflow, status, finished_at, key, expires_at)
    WHERE status >= 10;

-- Ended runs with a date of their own at which they go.
CREATE INDEX stepwell_runs_expiring ON stepwell_runs (ns, expires_at, key) WHERE expires_at IS NOT NULL;

-- The children of a run.
CREATE INDEX stepwell_runs_child ON stepwell_runs (ns, parent, key) WHERE parent IS NOT NULL;

-- Queued runs that killed two workers: each is to be executed alone (P11). Almost always empty.
CREATE INDEX stepwell_runs_lonely ON stepwell_runs (ns, workflow, key) WHERE status = 0 AND deaths >= 2;

-- One row per commit: `data` is a JSON array of `count` entries, the first of them number `seq`.
CREATE TABLE stepwell_journal (
    ns         INTEGER NOT NULL,
    key        BLOB    NOT NULL,
    generation INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    data       TEXT    NOT NULL,
    PRIMARY KEY (ns, key, generation, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE stepwell_inbox (
    ns         INTEGER NOT NULL,
    key        BLOB    NOT NULL,
    n          INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    at         REAL    NOT NULL,
    event      TEXT,
    mailbox    TEXT,                 -- the key that the message was sent to
    call       TEXT,
    mail_seq   INTEGER NOT NULL,
    message_id TEXT,
    data       TEXT    NOT NULL,
    PRIMARY KEY (ns, key, n)
) STRICT, WITHOUT ROWID;

-- Large values; in a table with row ids, since rows of a megabyte do not belong inside an index tree.
CREATE TABLE stepwell_blobs (
    ns     INTEGER NOT NULL,
    key    BLOB    NOT NULL,
    digest TEXT    NOT NULL,
    data   BLOB    NOT NULL,
    UNIQUE (ns, key, digest)
) STRICT;

-- kind: 0 number, 1 truth value, 2 text. True is not 1.
CREATE TABLE stepwell_tags (
    ns    INTEGER NOT NULL,
    key   BLOB    NOT NULL,
    name  TEXT    NOT NULL,
    kind  INTEGER NOT NULL,
    value ANY     NOT NULL,
    PRIMARY KEY (ns, key, name)
) STRICT, WITHOUT ROWID;

-- Runs by tag, newest last.
CREATE INDEX stepwell_tags_value ON stepwell_tags (ns, name, kind, value, key);

-- Mailboxes (P4). Here no row stands for a mailbox: whoever writes has the whole database to himself.
CREATE TABLE stepwell_messages (
    ns         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    mailbox    TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    at         REAL    NOT NULL,
    message_id TEXT,
    data       TEXT    NOT NULL,
    PRIMARY KEY (ns, event, mailbox, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE stepwell_waits (
    ns      INTEGER NOT NULL,
    event   TEXT    NOT NULL,
    mailbox TEXT    NOT NULL,
    n       INTEGER NOT NULL,
    run     BLOB    NOT NULL,
    call    TEXT    NOT NULL,
    PRIMARY KEY (ns, event, mailbox, n)
) STRICT, WITHOUT ROWID;

-- A run's own waits: to disarm them, and so that none is placed twice.
CREATE UNIQUE INDEX stepwell_waits_run ON stepwell_waits (ns, run, call);

-- Ids of messages taken before. `target` is empty for messages sent to a key, `mailbox` for those sent to a run.
CREATE TABLE stepwell_sent (
    ns         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    mailbox    TEXT    NOT NULL,
    target     BLOB    NOT NULL,
    message_id TEXT    NOT NULL,
    at         REAL    NOT NULL,
    PRIMARY KEY (ns, event, mailbox, target, message_id)
) STRICT, WITHOUT ROWID;

-- For forgetting them by age.
CREATE INDEX stepwell_sent_at ON stepwell_sent (ns, at);

CREATE TABLE stepwell_workers (
    ns          INTEGER NOT NULL,
    id          TEXT    NOT NULL,
    host        TEXT    NOT NULL,
    pid         INTEGER NOT NULL,
    version     TEXT    NOT NULL,
    concurrency INTEGER NOT NULL,
    started_at  REAL    NOT NULL,
    beat_at     REAL    NOT NULL,
    expires_at  REAL    NOT NULL,
    held        INTEGER NOT NULL,
    dead        INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ns, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stepwell_subscriptions (
    ns       INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    workflow TEXT    NOT NULL,
    PRIMARY KEY (ns, event, workflow)
) STRICT, WITHOUT ROWID;
