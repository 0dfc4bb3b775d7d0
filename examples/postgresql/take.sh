#!/bin/sh
# Takes each mail once, beside others that do the same, and prints its id: one
# statement locks the row, marks it done and returns it.
set -eu
while id=$(psql -qAtX -v ON_ERROR_STOP=1 <<'SQL'
WITH mail AS (
  SELECT id FROM message WHERE NOT EXISTS (SELECT 1 FROM delivery
    WHERE message_id = id AND consumer = 'example')
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
INSERT INTO delivery (message_id, consumer, done, at)
SELECT id, 'example', 1, extract(epoch FROM now()) FROM mail
ON CONFLICT DO NOTHING RETURNING message_id
SQL
) && [ -n "$id" ]; do
	echo "$id"
done
