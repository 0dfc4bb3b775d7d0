-- Takes all constraints but keys from the tables of smtpd, for tests of values that
-- they keep out.
SET client_min_messages = warning;
DO $$
DECLARE
  c record;
BEGIN
  FOR c IN SELECT attrelid::regclass AS of, attname FROM pg_attribute
      JOIN pg_class t ON t.oid = attrelid
      WHERE attnotnull AND attnum > 0 AND relkind IN ('r', 'p') AND NOT relispartition
      AND relnamespace IN ('main'::regnamespace, 'public'::regnamespace)
      AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary
        AND attnum = ANY (indkey)) LOOP
    EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', c.of, c.attname);
  END LOOP;
  -- The tables first, as partitions have theirs from them.
  FOR c IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
      JOIN pg_class t ON t.oid = conrelid WHERE contype = 'c'
      AND relnamespace IN ('main'::regnamespace, 'public'::regnamespace)
      ORDER BY relispartition LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', c.of, c.conname);
  END LOOP;
END $$;
