-- Version 3. Everything is added to, nothing is taken away or overwritten but high-water marks.
-- A file of an earlier version becomes this one: sqlite_migrations.py, which a change here needs.

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (3);

CREATE TABLE agents (
  key INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL UNIQUE,
  host TEXT NOT NULL UNIQUE,
  facts TEXT NOT NULL                       -- JSON, as the agent last said it
);

-- The highest sequence of each session whose quantities are in this file. The last four columns
-- are control totals: what must come out when the rows are added up again (`ledger check`).
CREATE TABLE sessions (
  agent INTEGER NOT NULL REFERENCES agents,
  session TEXT NOT NULL,
  applied INTEGER NOT NULL,
  last_seen_unix_nanoseconds INTEGER NOT NULL DEFAULT 0,
  newest_sample_unix_nanoseconds INTEGER NOT NULL DEFAULT 0,
  base INTEGER NOT NULL DEFAULT 0,             -- applied when the session began
  batches INTEGER NOT NULL DEFAULT 0,          -- added since; applied = base + batches + missing
  usage_control INTEGER NOT NULL DEFAULT 0,    -- all that went to usage, modulo 2^62
  postings_control INTEGER NOT NULL DEFAULT 0, -- all that went to postings, modulo 2^62
  PRIMARY KEY (agent, session)
) WITHOUT ROWID;

CREATE TABLE series (
  key INTEGER PRIMARY KEY,
  agent INTEGER NOT NULL REFERENCES agents,
  kind TEXT NOT NULL,                       -- names the unit of usage.quantity
  source TEXT NOT NULL,
  domain TEXT NOT NULL,
  instance TEXT NOT NULL,
  quality TEXT NOT NULL,
  counted INTEGER NOT NULL,
  component TEXT NOT NULL,
  UNIQUE (agent, kind, source, domain, instance, quality, counted, component)
);

-- What each series used in each accounting slot (five minutes of UTC, numbered from the epoch).
CREATE TABLE usage (
  series INTEGER NOT NULL REFERENCES series,
  slot INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (series, slot)
) WITHOUT ROWID;

-- Every intensity that ever priced anything, as it was.
CREATE TABLE factors (
  key INTEGER PRIMARY KEY,
  zone TEXT NOT NULL,
  grams_per_kilowatt_hour TEXT NOT NULL,    -- decimal text as published
  tier TEXT NOT NULL,
  provider TEXT NOT NULL,
  version TEXT NOT NULL,
  valid_from_unix_seconds INTEGER NOT NULL,
  valid_until_unix_seconds INTEGER NOT NULL,
  signal TEXT NOT NULL,
  scope TEXT NOT NULL,
  boundary TEXT NOT NULL,
  losses TEXT NOT NULL,
  accounting TEXT NOT NULL,
  status TEXT NOT NULL,
  UNIQUE (zone, grams_per_kilowatt_hour, tier, provider, version, valid_from_unix_seconds,
          valid_until_unix_seconds, signal, scope, boundary, losses, accounting, status)
);

-- What beside the factor turned quantities into grams: the text is JSON, see accounting/terms.py.
CREATE TABLE terms (
  key INTEGER PRIMARY KEY,
  zone TEXT NOT NULL,                       -- both as in the text, to look for them
  network_zone TEXT NOT NULL,
  text TEXT NOT NULL UNIQUE
);

-- Counted quantities by the factor that priced them when they came; factor 0 is none: unpriced.
CREATE TABLE postings (
  agent INTEGER NOT NULL REFERENCES agents,
  account TEXT NOT NULL,                    -- names the unit of quantity
  slot INTEGER NOT NULL,
  terms INTEGER NOT NULL REFERENCES terms,
  factor INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  PRIMARY KEY (agent, slot, account, terms, factor)
) WITHOUT ROWID;

-- Every version of every value that a provider said, priced with or not.
CREATE TABLE intensities (
  zone TEXT NOT NULL,
  provider TEXT NOT NULL,
  signal TEXT NOT NULL,
  scope TEXT NOT NULL,
  boundary TEXT NOT NULL,
  losses TEXT NOT NULL,
  accounting TEXT NOT NULL,
  valid_from_unix_seconds INTEGER NOT NULL,
  valid_until_unix_seconds INTEGER NOT NULL,
  fetched_unix_seconds INTEGER NOT NULL,
  status TEXT NOT NULL,
  grams_per_kilowatt_hour TEXT NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (zone, valid_from_unix_seconds, provider, signal, scope, fetched_unix_seconds,
               boundary, losses, accounting, valid_until_unix_seconds)
) WITHOUT ROWID;

-- Restatements: from this pass on the energy of a grid in a slot has another factor, whichever
-- priced it when it came. The newest pass holds. One of a period that was frozen is only noted.
CREATE TABLE passes (
  pass INTEGER PRIMARY KEY,
  begun_unix_seconds INTEGER NOT NULL,
  reason TEXT NOT NULL
);
CREATE TABLE repricings (
  signal TEXT NOT NULL,                     -- average or marginal
  zone TEXT NOT NULL,
  slot INTEGER NOT NULL,
  pass INTEGER NOT NULL REFERENCES passes,
  factor INTEGER NOT NULL REFERENCES factors,
  is_prior_period INTEGER NOT NULL,
  PRIMARY KEY (signal, zone, slot, pass)
) WITHOUT ROWID;

-- What restatements changed, by day of UTC: only sums of the above, made again with every pass.
CREATE TABLE adjustments (
  zone TEXT NOT NULL,
  day INTEGER NOT NULL,
  agent INTEGER NOT NULL REFERENCES agents,
  microjoules_times_intensity TEXT NOT NULL, -- of the host's energy; exact, integer or fraction
  PRIMARY KEY (zone, day, agent)
) WITHOUT ROWID;

CREATE TABLE tallies (
  agent INTEGER NOT NULL REFERENCES agents,
  name TEXT NOT NULL,
  label TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (agent, name, label)
) WITHOUT ROWID;

-- When this file came back from a backup: what agents delivered in between is in no ledger.
CREATE TABLE restores (
  restored_unix_nanoseconds INTEGER NOT NULL,
  newest_sample_unix_nanoseconds INTEGER NOT NULL  -- of the data that came back
);
