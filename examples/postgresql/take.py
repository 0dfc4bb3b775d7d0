#!/usr/bin/python3
"""Takes each mail once, beside others that do the same: a transaction for each,
which locks its row and passes over those that others have.  With psycopg 2
(python3-psycopg2 in Debian)."""

import psycopg2

TAKE = """
SELECT id, data FROM message WHERE NOT EXISTS (SELECT 1 FROM delivery
  WHERE message_id = id AND consumer = 'example')
ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
DONE = """
INSERT INTO delivery (message_id, consumer, done, at)
VALUES (%s, 'example', 1, extract(epoch FROM now())) ON CONFLICT DO NOTHING
"""

db = psycopg2.connect("")  # PGHOST, PGDATABASE and so on
while True:
    with db, db.cursor() as c:  # COMMIT, or ROLLBACK after an exception
        c.execute(TAKE)
        row = c.fetchone()
        if row is None:
            break
        c.execute(DONE, (row[0],))
        # Who had it between our look and our lock was faster.
        if c.rowcount:
            print(row[0], flush=True)  # what is to be done with the mail
