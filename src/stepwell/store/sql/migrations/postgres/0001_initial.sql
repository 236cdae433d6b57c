-- Schema 1, in the PostgreSQL schema that the URL names. The integer `ns` (a namespace) leads every key.
-- Times are epoch seconds; statuses are the numbers of stepwell.model.status. Text is compared by code point
-- (COLLATE "C"), as Python does. JSON is kept as text, not jsonb: what is read is, byte for byte, what was written.
-- min_reader: 1

CREATE TABLE {schema}.meta (
    name  text COLLATE "C" PRIMARY KEY,      -- schema, min_reader, created_at
    value text NOT NULL
);

CREATE TABLE {schema}.namespaces (
    ns   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE
);

-- Numbers messages and waits, so that a mailbox has an order without a clock. A number is taken while the mailbox is
-- locked: within one mailbox they grow in the order in which its changes are committed.
CREATE SEQUENCE {schema}.mail AS bigint;

-- The hot row. `key` is a UUIDv7, so new rows go to the end of its index and old ones leave as a range. `id` is the
-- user's own id; a run that is named by its key alone has none. A quarter of each page is left free: an update that
-- touches no indexed column (a message for a running run, a note) then stays on its page and writes no index (HOT).
CREATE TABLE {schema}.runs (
    ns          integer  NOT NULL,
    key         bytea    NOT NULL,
    id          text COLLATE "C",
    workflow    text COLLATE "C" NOT NULL,
    queue       text COLLATE "C" NOT NULL,
    status      smallint NOT NULL,
    priority    integer  NOT NULL,
    epoch       integer  NOT NULL,
    generation  integer  NOT NULL,
    inbox       integer  NOT NULL,           -- how many items were ever posted: the mark
    worker      text COLLATE "C",
    claimed_seq integer  NOT NULL,
    deaths      integer  NOT NULL,
    due         float8,
    rank        float8   NOT NULL,
    created_at  float8   NOT NULL,
    started_at  float8,
    finished_at float8,
    expires_at  float8,
    parent      bytea,
    parent_call text COLLATE "C",
    origin      bytea,
    digest      text COLLATE "C" NOT NULL,
    progress    float8,
    note        text COLLATE "C",
    reason      text COLLATE "C",
    cancelling  boolean  NOT NULL,
    tagged      boolean  NOT NULL,           -- whether tags has rows: most runs spare the look
    options     text COLLATE "C",
    pin         text COLLATE "C",
    PRIMARY KEY (ns, key),
    -- No infinite times, and no NaN, which PostgreSQL sorts above infinity.
    CHECK (abs(rank) + abs(coalesce(due, 0)) + abs(coalesce(expires_at, 0)) + abs(coalesce(progress, 0)) < 'infinity')
) WITH (
    fillfactor = 75,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1
);

-- Every index is partial where it can be, since every one costs a write whenever a run's status changes; each has to
-- be argued (docs/adr/0009-postgresql-indexes.md).

-- P7: one run per id.
CREATE UNIQUE INDEX runs_id ON {schema}.runs (ns, id) WHERE id IS NOT NULL;

-- The queue: a claim reads the head of each of its workflows, and never a run that may not start yet.
CREATE INDEX runs_ready ON {schema}.runs (ns, workflow, rank, key) WHERE status = 0 AND due IS NULL AND deaths < 2;

-- What wakes by time, waiting or delayed: "is anything due?" is one look at the first entry.
CREATE INDEX runs_due ON {schema}.runs (ns, due, key) WHERE due IS NOT NULL AND status IN (0, 2);

-- What is not a success: runs held by a worker (its heartbeat, its death), and pages of one status, newest first.
-- Successes are left out because they are nearly everything; a page of them is found along the primary key.
CREATE INDEX runs_live ON {schema}.runs (ns, status, worker, key) WHERE status <> 10;

-- Retention, by workflow, status and age; counts; and what ended when (figures).
CREATE INDEX runs_closed ON {schema}.runs (ns, workflow, status, finished_at) WHERE status >= 10;

-- What was started when (figures). Not by the key: its time is another host's clock.
-- Its condition is always true, and said by those queries alone: none that looks for a key can take this index instead,
-- as a planner may who believes that a namespace has one row.
CREATE INDEX runs_created ON {schema}.runs (ns, created_at) WHERE created_at > '-infinity';

-- Ended runs with a date of their own at which they go.
CREATE INDEX runs_expiring ON {schema}.runs (ns, expires_at, key) WHERE expires_at IS NOT NULL;

-- Pinned runs by status: those that may wait for code that nobody has. Almost always few.
CREATE INDEX runs_pinned ON {schema}.runs (ns, status, key) WHERE pin IS NOT NULL;

-- The children of a run.
CREATE INDEX runs_child ON {schema}.runs (ns, parent, key) WHERE parent IS NOT NULL;

-- Queued runs that killed two workers: each is to be executed alone (P11). Almost always empty.
CREATE INDEX runs_lonely ON {schema}.runs (ns, workflow, key) WHERE status = 0 AND deaths >= 2;

-- One row per commit: `data` is a JSON array of `count` entries, the first of them number `seq`. Only ever added to,
-- and deleted: vacuumed for what is inserted, so that it is frozen and its index answers alone.
CREATE TABLE {schema}.journal (
    ns         integer NOT NULL,
    key        bytea   NOT NULL,
    generation integer NOT NULL,
    seq        integer NOT NULL,
    epoch      integer NOT NULL,
    count      integer NOT NULL,
    data       text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, key, generation, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);

CREATE TABLE {schema}.inbox (
    ns         integer NOT NULL,
    key        bytea   NOT NULL,
    n          integer NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    at         float8  NOT NULL,
    event      text COLLATE "C",
    mailbox    text COLLATE "C",              -- the key that the message was sent to
    call       text COLLATE "C",
    mail_seq   bigint  NOT NULL,
    message_id text COLLATE "C",
    data       text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, key, n)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE {schema}.blobs (
    ns     integer NOT NULL,
    key    bytea   NOT NULL,
    digest text COLLATE "C" NOT NULL,
    data   bytea   NOT NULL,
    PRIMARY KEY (ns, key, digest)
);

-- kind: 0 number, 1 truth value, 2 text. True is not 1, but 1.0 is: `value` is the same for equal ones, and `real`
-- remembers that a whole number was written as 1.0.
CREATE TABLE {schema}.tags (
    ns    integer  NOT NULL,
    key   bytea    NOT NULL,
    name  text COLLATE "C" NOT NULL,
    kind  smallint NOT NULL,
    value text COLLATE "C" NOT NULL,
    real  boolean  NOT NULL,
    PRIMARY KEY (ns, key, name)
);

-- Runs by tag, newest last.
CREATE INDEX tags_value ON {schema}.tags (ns, name, kind, value, key);

-- Mailboxes (P4): sending and waiting by key meet under the lock of this row, made by whoever comes first. Rows of
-- mailboxes that have neither messages nor waits are removed by retention: whoever has found a row and then cannot
-- lock it, because it is gone, makes it again.
CREATE TABLE {schema}.mailboxes (
    ns      integer NOT NULL,
    event   text COLLATE "C" NOT NULL,
    mailbox text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, event, mailbox)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE {schema}.messages (
    ns         integer NOT NULL,
    event      text COLLATE "C" NOT NULL,
    mailbox    text COLLATE "C" NOT NULL,
    seq        bigint  NOT NULL,
    at         float8  NOT NULL,
    message_id text COLLATE "C",
    data       text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, event, mailbox, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE {schema}.waits (
    ns      integer NOT NULL,
    event   text COLLATE "C" NOT NULL,
    mailbox text COLLATE "C" NOT NULL,
    n       bigint  NOT NULL,
    run     bytea   NOT NULL,
    call    text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, event, mailbox, n)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- A run's own waits: to disarm them, and so that none is placed twice.
CREATE UNIQUE INDEX waits_run ON {schema}.waits (run, call, ns);

-- Ids of messages taken before. `target` is empty for messages sent to a key, `mailbox` for those sent to a run.
CREATE TABLE {schema}.sent (
    ns         integer NOT NULL,
    event      text COLLATE "C" NOT NULL,
    mailbox    text COLLATE "C" NOT NULL,
    target     bytea   NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    at         float8  NOT NULL,
    PRIMARY KEY (ns, event, mailbox, target, message_id)
);

-- For forgetting them by age.
CREATE INDEX sent_at ON {schema}.sent (ns, at) WHERE at > '-infinity';

-- `queues` and `offers` are JSON. Few rows, renewed all the time: no indexed column changes with a heartbeat.
CREATE TABLE {schema}.workers (
    ns          integer NOT NULL,
    id          text COLLATE "C" NOT NULL,
    host        text COLLATE "C" NOT NULL,
    pid         integer NOT NULL,
    version     text COLLATE "C" NOT NULL,
    concurrency integer NOT NULL,
    started_at  float8  NOT NULL,
    beat_at     float8  NOT NULL,
    expires_at  float8  NOT NULL,
    held        integer NOT NULL,
    queues      text COLLATE "C" NOT NULL,
    offers      text COLLATE "C" NOT NULL,
    lag         float8  NOT NULL,
    draining    boolean NOT NULL,
    dead        boolean NOT NULL DEFAULT false,
    bereft      boolean NOT NULL DEFAULT false,  -- dead, and some of its runs were locked, so still are to be queued
    PRIMARY KEY (ns, id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

CREATE TABLE {schema}.subscriptions (
    ns       integer NOT NULL,
    event    text COLLATE "C" NOT NULL,
    workflow text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, event, workflow)
);

-- Small documents of the edges. `owner` is the run that one belongs to and goes with, or empty.
CREATE TABLE {schema}.records (
    ns    integer NOT NULL,
    kind  text COLLATE "C" NOT NULL,
    owner bytea   NOT NULL,
    id    text COLLATE "C" NOT NULL,
    at    float8  NOT NULL,
    data  text COLLATE "C" NOT NULL,
    PRIMARY KEY (ns, kind, owner, id)
);

-- They go with their runs, or else by age.
CREATE INDEX records_owner ON {schema}.records (ns, owner) WHERE owner <> '';
CREATE INDEX records_age ON {schema}.records (ns, kind, at) WHERE owner = '';
