-- The mail table of smtpd, version 4, in PostgreSQL: the tables, columns, views and
-- constraints of schema.sql, where they are explained.  smtpd-db(5) says what
-- differs.  This file is embedded in smtpd-postgresql, which makes the tables when
-- there are none, and makes partitioned ones of them by schema-partitions.sql.
--
-- The tables stand where the connection makes tables (the first schema of its
-- search_path), but for those that only smtpd looks at: these are in `main`.

CREATE SCHEMA main;

CREATE TABLE main.version (number integer NOT NULL);
INSERT INTO main.version VALUES (4);

--
-- Mails
--

-- The mails, to be read by the view `message`.
CREATE TABLE main.message (
  id             bigint PRIMARY KEY,
  received_at    bigint NOT NULL,
  client_address text NOT NULL,
  client_port    integer,
  helo           text NOT NULL,
  protocol       text NOT NULL,
  verb           text NOT NULL,
  reverse_path   text NOT NULL,
  body_type      text NOT NULL,
  smtputf8       integer NOT NULL,
  envelope_id    text,
  dsn_return     text,
  size           bigint NOT NULL,
  trace          text NOT NULL,
  header_size    bigint NOT NULL,
  header_from       text,
  header_to         text,
  header_subject    text,
  header_date       text,
  header_message_id text,
  data           bytea NOT NULL,
  bare_line_ends integer NOT NULL DEFAULT 0 CHECK (bare_line_ends IN (0, 1)),
  quarantine     text,
  authenticated_as text,
  claimed_as       text,
  tls            text,
  client_subject text,
  requiretls     integer NOT NULL DEFAULT 0 CHECK (requiretls IN (0, 1)),
  -- The transaction that stored it.
  xact           xid8 NOT NULL DEFAULT pg_current_xact_id()
);
-- Not compressed: mails would hardly get smaller, and a part of a mail can be read
-- by itself only if the mail is not compressed.
ALTER TABLE main.message ALTER data SET STORAGE EXTERNAL;

CREATE SEQUENCE main.message_id;

-- Writers, each with the last of its transactions that stored mails.  A writer whose
-- COMMIT had no answer finds out here what became of the transaction.
CREATE TABLE main.writer (
  token text PRIMARY KEY,
  batch bigint NOT NULL,
  at    timestamptz NOT NULL DEFAULT now()
);

-- Gives out ids for so many mails, and returns the first.  The ids and the number of
-- the transaction are taken under one lock, so that both have the same order.  The
-- lock is released at once, not by the COMMIT, which waits for the standbys.
CREATE FUNCTION main.begin_batch(writer text, batch bigint, mails bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  first bigint;
BEGIN
  PERFORM pg_advisory_lock(x'736d7464'::int, 2);
  PERFORM pg_current_xact_id();
  first := nextval('main.message_id');
  IF mails > 1 THEN
    PERFORM setval('main.message_id', first + mails - 1);
  END IF;
  PERFORM pg_advisory_unlock(x'736d7464'::int, 2);
  INSERT INTO main.writer AS w (token, batch) VALUES (writer, begin_batch.batch)
    ON CONFLICT (token) DO UPDATE SET batch = excluded.batch, at = now();
  RETURN first;
END $$;

-- The view has a mail when all transactions that began to store before its own have
-- ended, so ids appear in their order: who asks for id > ? never misses a mail.  (A
-- transaction number that is yet to come is that of a mail from another server.)
CREATE VIEW message AS
SELECT id, received_at, client_address, client_port, helo, protocol, verb,
  reverse_path, body_type, smtputf8, envelope_id, dsn_return, size, trace,
  header_size, header_from, header_to, header_subject, header_date,
  header_message_id, data, bare_line_ends, quarantine, authenticated_as, claimed_as,
  tls, client_subject, requiretls
FROM main.message
WHERE xact < (SELECT pg_snapshot_xmin(pg_current_snapshot()))
  OR xact >= (SELECT pg_snapshot_xmax(pg_current_snapshot()));

CREATE TABLE recipient (
  message_id         bigint NOT NULL REFERENCES main.message(id) ON DELETE CASCADE,
  position           integer NOT NULL,
  forward_path       text NOT NULL,
  notify             text,
  original_recipient text,
  mailbox            text NOT NULL,
  added integer NOT NULL DEFAULT 0 CHECK (added IN (0, 1)),
  PRIMARY KEY (message_id, position)
);

CREATE TABLE filter_change (
  message_id bigint NOT NULL,
  position   integer NOT NULL,
  filter     text NOT NULL,
  action     text NOT NULL CHECK (action IN (
    'add-header', 'insert-header', 'change-header', 'delete-header',
    'replace-body', 'change-sender')),
  place integer,
  name  text,
  value bytea,
  PRIMARY KEY (message_id, position)
);

CREATE VIEW inbox AS
SELECT id,
  to_char(to_timestamp(received_at / 1000000) AT TIME ZONE 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS received,
  coalesce(header_from, reverse_path) AS "from",
  (SELECT string_agg(forward_path, ', ' ORDER BY first) FROM (
    SELECT forward_path, min(position) AS first FROM recipient
    WHERE message_id = message.id GROUP BY forward_path) AS r) AS "to",
  header_subject AS subject,
  size
FROM message WHERE quarantine IS NULL;

CREATE TABLE delivery (
  message_id bigint NOT NULL,
  consumer   text NOT NULL CHECK (consumer <> ''),
  done       integer NOT NULL CHECK (done IN (0, 1)),
  at         bigint NOT NULL,
  PRIMARY KEY (message_id, consumer)
);

--
-- What is accepted.  The case of ASCII letters does not count (collation "C").
--

CREATE TABLE domain (
  name text NOT NULL
    CHECK (name <> '' AND length(name) <= 255 AND position('@' IN name) = 0),
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);
CREATE UNIQUE INDEX domain_name ON domain (lower(name COLLATE "C"));

CREATE TABLE mailbox (
  address text NOT NULL CHECK (address LIKE '_%@_%' AND length(address) <= 320),
  state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'disabled', 'busy', 'not-allowed', 'moved')),
  moved_to text CHECK (moved_to LIKE '_%@_%' AND length(moved_to) <= 254),
  quota_messages  bigint CHECK (quota_messages BETWEEN 0 AND 9000000000000000000),
  quota_octets    bigint CHECK (quota_octets BETWEEN 0 AND 9000000000000000000),
  quota_permanent integer NOT NULL DEFAULT 0 CHECK (quota_permanent IN (0, 1)),
  messages     bigint NOT NULL DEFAULT 0,
  octets       bigint NOT NULL DEFAULT 0,
  counted_from bigint,
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  authenticated integer NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1)),
  CHECK (state <> 'moved' OR moved_to IS NOT NULL)
);
CREATE UNIQUE INDEX mailbox_address ON mailbox (lower(address COLLATE "C"));

CREATE TABLE alias (
  address text NOT NULL CHECK (address LIKE '_%@_%' AND length(address) <= 320),
  target  text NOT NULL CHECK (target LIKE '_%@_%' AND length(target) <= 254),
  forward integer NOT NULL DEFAULT 0 CHECK (forward IN (0, 1)),
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);
CREATE UNIQUE INDEX alias_address_target
  ON alias (lower(address COLLATE "C"), lower(target COLLATE "C"));

CREATE INDEX mailbox_domain ON mailbox (lower(
  substr(address, length(rtrim(address, replace(address, '@', ''))) + 1)
  COLLATE "C"));
CREATE INDEX alias_domain ON alias (lower(
  substr(address, length(rtrim(address, replace(address, '@', ''))) + 1)
  COLLATE "C"));

CREATE TABLE quota (
  max_messages bigint CHECK (max_messages BETWEEN 0 AND 9000000000000000000),
  max_octets   bigint CHECK (max_octets BETWEEN 0 AND 9000000000000000000),
  messages bigint,
  octets   bigint,
  id bigint NOT NULL DEFAULT 1 PRIMARY KEY CHECK (id = 1)
);

CREATE TABLE sender_rule (
  pattern text NOT NULL,
  allow integer NOT NULL DEFAULT 0 CHECK (allow IN (0, 1)),
  code integer NOT NULL DEFAULT 550,
  enhanced text NOT NULL DEFAULT '5.7.1',
  text text NOT NULL DEFAULT 'Sender refused',
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  authenticated integer NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1)),
  CHECK (code <> 421 AND CAST(code AS text) ~ '^[45][0-5][0-9]$'
    AND left(CAST(code AS text), 1) = left(enhanced, 1)
    AND enhanced ~ '^[45][.](0|[1-9][0-9]{0,2})[.](0|[1-9][0-9]{0,2})$'
    AND length(text) <= 400 AND text ~ '^[ -~]+$')
);
CREATE UNIQUE INDEX sender_rule_pattern ON sender_rule (lower(pattern COLLATE "C"));

CREATE TABLE client_rule (
  network text NOT NULL
    CHECK (network = 'local' OR network ~ '^[0-9a-fA-F:].*[0-9a-fA-F:]$'),
  allow integer NOT NULL DEFAULT 0 CHECK (allow IN (0, 1)),
  code integer NOT NULL DEFAULT 554,
  enhanced text NOT NULL DEFAULT '5.7.1',
  text text NOT NULL DEFAULT 'Client refused',
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  CHECK (code <> 421 AND CAST(code AS text) ~ '^[45][0-5][0-9]$'
    AND left(CAST(code AS text), 1) = left(enhanced, 1)
    AND enhanced ~ '^[45][.](0|[1-9][0-9]{0,2})[.](0|[1-9][0-9]{0,2})$'
    AND length(text) <= 400 AND text ~ '^[ -~]+$')
);
CREATE UNIQUE INDEX client_rule_network ON client_rule (lower(network COLLATE "C"));

CREATE TABLE rate_limit (
  scope text NOT NULL UNIQUE CHECK (scope IN ('client', 'sender', 'total', 'auth')),
  window_sec integer NOT NULL DEFAULT 3600 CHECK (window_sec BETWEEN 1 AND 604800),
  max_messages   bigint CHECK (max_messages BETWEEN 0 AND 9000000000000000000),
  max_recipients bigint CHECK (max_recipients BETWEEN 0 AND 9000000000000000000),
  max_octets     bigint CHECK (max_octets BETWEEN 0 AND 9000000000000000000),
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);

CREATE TABLE rate_count (
  scope text NOT NULL,
  key   text NOT NULL,
  ends_at    bigint NOT NULL,
  messages   bigint NOT NULL,
  recipients bigint NOT NULL,
  octets     bigint NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE UNIQUE INDEX rate_count_key ON rate_count (scope, lower(key COLLATE "C"));

CREATE TABLE account (
  name text NOT NULL UNIQUE CHECK (name <> '' AND length(name) <= 255),
  verifier text CHECK (verifier ~ '^SCRAM-SHA-256[$][1-9].*:.*[$].*:'),
  subject  text UNIQUE CHECK (subject <> ''),
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);

CREATE TABLE account_address (
  name    text NOT NULL,
  pattern text NOT NULL,
  id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY
);
CREATE UNIQUE INDEX account_address_name_pattern
  ON account_address (name, lower(pattern COLLATE "C"));

CREATE FUNCTION main.account_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM account_address WHERE name = old.name;
  RETURN NULL;
END $$;
CREATE TRIGGER account_deleted AFTER DELETE ON account
  FOR EACH ROW EXECUTE FUNCTION main.account_deleted();

CREATE TABLE account_secret (
  id bigint PRIMARY KEY CHECK (id = 1),
  secret bytea NOT NULL
);

--
-- What is deleted and counted together with a mail that is deleted
--

CREATE FUNCTION main.message_deleting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM recipient WHERE message_id = old.id;
  DELETE FROM delivery WHERE message_id = old.id;
  DELETE FROM filter_change WHERE message_id = old.id;
  UPDATE quota SET messages = messages - 1, octets = octets - old.size;
  RETURN old;
END $$;
CREATE TRIGGER message_deleting BEFORE DELETE ON main.message
  FOR EACH ROW EXECUTE FUNCTION main.message_deleting();

CREATE FUNCTION main.recipient_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE mailbox SET messages = messages - 1, octets = octets
    - coalesce((SELECT size FROM main.message WHERE id = old.message_id), 0)
  WHERE lower(address COLLATE "C") = lower(old.mailbox COLLATE "C")
    AND counted_from <= old.message_id
    AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = old.message_id
      AND lower(recipient.mailbox COLLATE "C") = lower(old.mailbox COLLATE "C"));
  RETURN NULL;
END $$;
CREATE TRIGGER recipient_deleted AFTER DELETE ON recipient
  FOR EACH ROW EXECUTE FUNCTION main.recipient_deleted();
