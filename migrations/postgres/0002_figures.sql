-- Spread by owner_id. What happened in each stretch of time, counted as it happened; the owner is an environment, an application or an
-- endpoint, whose ids are numbers that no two of them share.
CREATE TABLE figures (
  owner_id BIGINT NOT NULL,
  resolution BIGINT NOT NULL, -- how long the stretch is, in milliseconds
  bucket BIGINT NOT NULL, -- when it starts
  accepted BIGINT NOT NULL,
  delivered BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  retried BIGINT NOT NULL,
  within_10 BIGINT NOT NULL, -- attempts that took at most so many milliseconds, and longer than the column before
  within_20 BIGINT NOT NULL,
  within_50 BIGINT NOT NULL,
  within_100 BIGINT NOT NULL,
  within_200 BIGINT NOT NULL,
  within_500 BIGINT NOT NULL,
  within_1000 BIGINT NOT NULL,
  within_2000 BIGINT NOT NULL,
  within_5000 BIGINT NOT NULL,
  within_10000 BIGINT NOT NULL,
  within_30000 BIGINT NOT NULL,
  beyond BIGINT NOT NULL,
  PRIMARY KEY (owner_id, resolution, bucket)
);
CREATE INDEX figures_age ON figures (resolution, bucket);

-- Spread by environment_id. What failed, by day, endpoint and cause.
CREATE TABLE failures (
  environment_id BIGINT NOT NULL,
  day BIGINT NOT NULL, -- when it starts
  endpoint_id BIGINT NOT NULL,
  cause TEXT COLLATE "C" NOT NULL,
  application_id BIGINT NOT NULL,
  ended BIGINT NOT NULL,
  retried BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY (environment_id, day, endpoint_id, cause)
);
CREATE INDEX failures_age ON failures (day);

-- Lists of a whole environment.
CREATE INDEX messages_environment ON messages (environment_id, id);
CREATE INDEX endpoints_environment ON endpoints (environment_id, id);
