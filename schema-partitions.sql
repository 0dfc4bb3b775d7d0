-- Partitions of the tables of mails in PostgreSQL, so that what is old can be dropped,
-- not deleted: by ranges of ids, which grow as time does.  smtpd-postgresql runs this
-- once, on tables that it has just made, or on those of a version before it had
-- partitions (then what is there becomes the first one).
--
-- There is always one partition more than is used.  When a month begins, or the
-- present one is half full, ids leap to the first of the next one, and another is
-- made behind it.  Ids outside of all partitions, which a copy can bring, are in the
-- default partition; so no mail is ever refused for want of one.

-- A partition is four tables that have its number: main.message_1, ...
CREATE TABLE main.partition (
  number   bigint PRIMARY KEY,
  first_id bigint NOT NULL,
  end_id   bigint NOT NULL, -- the first one behind it
  begun_at timestamptz      -- NULL: not yet
);

-- Makes the four tables of a partition, for ids FROM (...) TO (...), or DEFAULT.
CREATE FUNCTION main.add_partition(name text, ids text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['message', 'recipient', 'filter_change', 'delivery'] LOOP
    EXECUTE format('CREATE TABLE main.%s_%s (LIKE %s INCLUDING ALL)', t, name,
      CASE t WHEN 'message' THEN 'main.message' ELSE t END);
  END LOOP;
  -- Of this part alone, which is a look into one index.
  EXECUTE format('ALTER TABLE main.recipient_%s ADD FOREIGN KEY (message_id)'
    ' REFERENCES main.message_%s (id) ON DELETE CASCADE', name, name);
  FOREACH t IN ARRAY ARRAY['message', 'recipient', 'filter_change', 'delivery'] LOOP
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION main.%s_%s %s',
      CASE t WHEN 'message' THEN 'main.message' ELSE t END, t, name, ids);
  END LOOP;
END $$;

-- Goes on to the next partition when it is time, and makes the one behind it.
-- Writers call it every few minutes.
CREATE FUNCTION main.keep_partitions(at timestamptz DEFAULT now())
RETURNS void LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  this main.partition;
  coming main.partition;
  last bigint;
  wide bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(x'736d7464'::int, 4) THEN
    RETURN;
  END IF;
  SELECT * INTO STRICT this FROM main.partition WHERE begun_at IS NOT NULL
    ORDER BY number DESC LIMIT 1;
  SELECT * INTO coming FROM main.partition WHERE begun_at IS NULL;
  SELECT last_value - CAST(NOT is_called AS integer) INTO last FROM main.message_id;
  wide := this.end_id - this.first_id;
  IF last > this.first_id + wide / 2 THEN
    wide := 4 * wide;
  ELSIF date_trunc('month', at AT TIME ZONE 'UTC')
      = date_trunc('month', this.begun_at AT TIME ZONE 'UTC') THEN
    at := NULL;
  ELSIF last < this.first_id THEN
    -- No mail has come since.
    UPDATE main.partition SET begun_at = at WHERE number = this.number;
    at := NULL;
  END IF;
  IF at IS NOT NULL AND coming.number IS NOT NULL THEN
    UPDATE main.partition SET begun_at = at WHERE number = coming.number;
    -- As in begin_batch(); others may be here already.
    PERFORM pg_advisory_lock(x'736d7464'::int, 2);
    SELECT last_value - CAST(NOT is_called AS integer) INTO last FROM main.message_id;
    IF last < coming.first_id THEN
      PERFORM setval('main.message_id', coming.first_id, false);
    END IF;
    PERFORM pg_advisory_unlock(x'736d7464'::int, 2);
    this := coming;
    coming := NULL;
  END IF;
  IF coming.number IS NULL THEN
    PERFORM main.add_partition(CAST(this.number + 1 AS text),
      format('FOR VALUES FROM (%s) TO (%s)', this.end_id, this.end_id + wide));
    INSERT INTO main.partition
      VALUES (this.number + 1, this.end_id, this.end_id + wide, NULL);
  END IF;
END $$;

-- Drops partitions in which all mails have ids up to `up_to_id`, or were received
-- before `before` (microseconds), as if each mail had been deleted.
CREATE FUNCTION main.drop_partitions(
  up_to_id bigint, before bigint, OUT mails bigint, OUT octets bigint)
LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
  p record;
  beyond boolean;
  n bigint;
  o bigint;
BEGIN
  mails := 0;
  octets := 0;
  PERFORM pg_advisory_xact_lock(x'736d7464'::int, 4);
  FOR p IN SELECT number, lead(begun_at) OVER (ORDER BY number) AS ended_at
    FROM main.partition ORDER BY number
  LOOP
    EXIT WHEN p.ended_at IS NULL;
    -- The hosts' clocks may differ.
    IF p.ended_at + interval '1 hour' > to_timestamp(before / 1000000.0) THEN
      EXECUTE format('SELECT EXISTS (SELECT FROM main.message_%s WHERE id > $1)',
        p.number) INTO beyond USING up_to_id;
      EXIT WHEN beyond;
    END IF;
    PERFORM pg_advisory_xact_lock(x'736d7464'::int, 3); -- counts
    EXECUTE format('LOCK TABLE main.message_%s IN SHARE ROW EXCLUSIVE MODE', p.number);
    EXECUTE format('SELECT count(*), coalesce(sum(size), 0) FROM main.message_%s',
      p.number) INTO n, o;
    UPDATE quota SET messages = messages - n, octets = quota.octets - o;
    IF EXISTS (SELECT FROM mailbox WHERE counted_from IS NOT NULL) THEN
      EXECUTE format('UPDATE mailbox AS b SET messages = b.messages - c.mails,'
        ' octets = b.octets - c.octets FROM (SELECT b.id, count(*) AS mails,'
        ' sum(m.size) AS octets FROM (SELECT DISTINCT message_id,'
        ' lower(mailbox COLLATE "C") AS address FROM main.recipient_%s) AS r'
        ' JOIN main.message_%s AS m ON m.id = r.message_id'
        ' JOIN mailbox AS b ON lower(b.address COLLATE "C") = r.address'
        ' AND b.counted_from <= m.id GROUP BY b.id) AS c WHERE b.id = c.id',
        p.number, p.number);
    END IF;
    EXECUTE format('DROP TABLE main.delivery_%s, main.filter_change_%s,'
      ' main.recipient_%s, main.message_%s', p.number, p.number, p.number, p.number);
    DELETE FROM main.partition WHERE number = p.number;
    mails := mails + n;
    octets := octets + o;
  END LOOP;
END $$;

-- Makes the tables partitioned; views, triggers and rights of others are kept.
DO $$
DECLARE
  tables oid[] := ARRAY['main.message'::regclass, 'recipient'::regclass,
    'filter_change'::regclass, 'delivery'::regclass]::oid[];
  t oid;
  parent text;
  name text;
  ends bigint;
  later text[] := '{}';
  r record;
BEGIN
  IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = ANY (tables)
      AND conrelid <> ALL (tables)) THEN
    RAISE EXCEPTION 'a table of others refers to mails';
  END IF;
  SELECT greatest(max(id), 0) + 10000000 INTO ends FROM main.message;
  ends := coalesce(ends, 10000000);
  FOR r IN SELECT DISTINCT c.oid::regclass AS view, pg_get_viewdef(c.oid) AS text
    FROM pg_depend AS d JOIN pg_rewrite AS w
      ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    JOIN pg_class AS c ON c.oid = w.ev_class AND c.relkind = 'v'
    WHERE d.refobjid = ANY (tables)
  LOOP
    later := later || format('CREATE OR REPLACE VIEW %s AS %s', r.view, r.text);
  END LOOP;
  FOR r IN SELECT tgname, tgrelid::regclass AS at, pg_get_triggerdef(oid) AS text
    FROM pg_trigger WHERE tgrelid = ANY (tables) AND NOT tgisinternal
  LOOP
    later := later || r.text;
    EXECUTE format('DROP TRIGGER %I ON %s', r.tgname, r.at);
  END LOOP;
  FOR r IN SELECT c.oid::regclass AS at, a.grantee, a.privilege_type AS what
    FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.oid = ANY (tables) AND a.grantee <> c.relowner
  LOOP
    later := later || format('GRANT %s ON %s TO %s', r.what, r.at,
      CASE r.grantee WHEN 0 THEN 'PUBLIC' ELSE r.grantee::regrole::text END);
  END LOOP;
  FOREACH t IN ARRAY tables LOOP
    parent := t::regclass::text;
    SELECT relname INTO name FROM pg_class WHERE oid = t;
    EXECUTE format('ALTER TABLE %s RENAME TO %I', parent, name || '_1');
    IF name <> 'message' THEN
      EXECUTE format('ALTER TABLE %I SET SCHEMA main', name || '_1');
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE main.%I INCLUDING ALL)'
      ' PARTITION BY RANGE (%s)', parent, name || '_1',
      CASE name WHEN 'message' THEN 'id' ELSE 'message_id' END);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION main.%I'
      ' FOR VALUES FROM (MINVALUE) TO (%s)', parent, name || '_1', ends);
  END LOOP;
  FOREACH name IN ARRAY later LOOP
    EXECUTE name;
  END LOOP;
  PERFORM main.add_partition('rest', 'DEFAULT');
  INSERT INTO main.partition VALUES (1, 1, ends, now());
  PERFORM main.keep_partitions();
END $$;
