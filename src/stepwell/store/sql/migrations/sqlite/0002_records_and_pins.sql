-- Schema 2. Adds only, so a binary of schema 1 goes on working. It knows no pins: it would go on with a pinned run by
-- whatever code it has, as it does with every run.
-- min_reader: 1

-- The fingerprint of the only code that may go on with a run.
ALTER TABLE stepwell_runs ADD COLUMN pin TEXT;

-- Pinned runs by status: those that may wait for code that nobody has. Almost always few.
CREATE INDEX stepwell_runs_pinned ON stepwell_runs (ns, status, key) WHERE pin IS NOT NULL;

-- What a worker serves (JSON), how long its loop was blocked, whether it is going.
ALTER TABLE stepwell_workers ADD COLUMN queues TEXT NOT NULL DEFAULT '[]';
ALTER TABLE stepwell_workers ADD COLUMN offers TEXT NOT NULL DEFAULT '{}';
ALTER TABLE stepwell_workers ADD COLUMN lag REAL NOT NULL DEFAULT 0;
ALTER TABLE stepwell_workers ADD COLUMN draining INTEGER NOT NULL DEFAULT 0;

-- Small documents of the edges: API keys, audit rows, versions of code, log lines. `owner`: the run it goes with, or x''.
CREATE TABLE stepwell_records (
    ns    INTEGER NOT NULL,
    kind  TEXT    NOT NULL,
    owner BLOB    NOT NULL,
    id    TEXT    NOT NULL,
    at    REAL    NOT NULL,
    data  TEXT    NOT NULL,
    PRIMARY KEY (ns, kind, owner, id)
) STRICT, WITHOUT ROWID;

-- What goes when its run goes.
CREATE INDEX stepwell_records_owner ON stepwell_records (ns, owner) WHERE owner <> x'';

-- For forgetting by age.
CREATE INDEX stepwell_records_at ON stepwell_records (ns, kind, at) WHERE owner = x'';

-- What was created in a span of time: throughput, histograms, filters by date. Times grow, so it is written at its end.
CREATE INDEX stepwell_runs_created ON stepwell_runs (ns, created_at);
