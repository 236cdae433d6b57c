-- Schema 2. A claim visited every pinned run that stood in its queue before those it could get. Now what any code may go
-- on with has an index, and what is pinned another one: of both, a claim reads the head.
-- A binary of schema 1 goes on working; it finds what is queued by its status, and sorts it.
-- min_reader: 1

-- First, and so with the strongest lock from the beginning: no one who reads can stand in the way half-way.
DROP INDEX {schema}.runs_ready;

-- The queue: a claim reads the head of each of its workflows, and never a run that may not start yet.
CREATE INDEX runs_ready ON {schema}.runs (ns, workflow, rank, key)
    WHERE status = 0 AND due IS NULL AND deaths < 2 AND pin IS NULL;

-- The same of pinned runs, for each code by itself. Empty where nothing is pinned.
CREATE INDEX runs_fitting ON {schema}.runs (ns, workflow, pin, rank, key)
    WHERE status = 0 AND due IS NULL AND deaths < 2 AND pin IS NOT NULL;
