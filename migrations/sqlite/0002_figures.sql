-- What happened in each stretch of time, counted as it happened; the owner is an environment, an application or an
-- endpoint, whose ids are numbers that no two of them share.
CREATE TABLE figures (
  owner_id INTEGER NOT NULL,
  resolution INTEGER NOT NULL, -- how long the stretch is, in milliseconds
  bucket INTEGER NOT NULL, -- when it starts
  accepted INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  retried INTEGER NOT NULL,
  within_10 INTEGER NOT NULL, -- attempts that took at most so many milliseconds, and longer than the column before
  within_20 INTEGER NOT NULL,
  within_50 INTEGER NOT NULL,
  within_100 INTEGER NOT NULL,
  within_200 INTEGER NOT NULL,
  within_500 INTEGER NOT NULL,
  within_1000 INTEGER NOT NULL,
  within_2000 INTEGER NOT NULL,
  within_5000 INTEGER NOT NULL,
  within_10000 INTEGER NOT NULL,
  within_30000 INTEGER NOT NULL,
  beyond INTEGER NOT NULL,
  PRIMARY KEY (owner_id, resolution, bucket)
) WITHOUT ROWID;
CREATE INDEX figures_age ON figures (resolution, bucket);

-- What failed, by day, endpoint and cause.
CREATE TABLE failures (
  environment_id INTEGER NOT NULL,
  day INTEGER NOT NULL, -- when it starts
  endpoint_id INTEGER NOT NULL,
  cause TEXT NOT NULL,
  application_id INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  retried INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, day, endpoint_id, cause)
) WITHOUT ROWID;
CREATE INDEX failures_age ON failures (day);

-- Lists of a whole environment.
CREATE INDEX messages_environment ON messages (environment_id);
CREATE INDEX endpoints_environment ON endpoints (environment_id);
