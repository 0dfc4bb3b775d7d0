-- The mail table of smtpd, version 1.  It is an interface: smtpd-db(5) says
-- what may be relied on.  This file is embedded in the program, which makes
-- the tables when the database is new.

CREATE TABLE message (
  id             INTEGER PRIMARY KEY AUTOINCREMENT, -- only grows, in commit order; never used again
  received_at    INTEGER NOT NULL, -- final dot: microseconds since 1970-01-01 00:00 UTC
  client_address TEXT NOT NULL,    -- IPv4 or IPv6 address, or 'local'
  client_port    INTEGER,          -- NULL when local or not known
  helo           TEXT NOT NULL,    -- what the client called itself; '' if it did not
  protocol       TEXT NOT NULL,    -- 'SMTP', 'ESMTP' or 'UTF8SMTP' (RFC 3848, 6531)
  verb           TEXT NOT NULL,    -- 'MAIL', or with --rfc821 'SEND', 'SOML', 'SAML'
  reverse_path   TEXT NOT NULL,    -- MAIL FROM, without brackets; '' for <>
  body_type      TEXT NOT NULL,    -- '7BIT', '8BITMIME' or 'BINARYMIME' (RFC 6152, 3030)
  smtputf8       INTEGER NOT NULL, -- 1: MAIL carried SMTPUTF8 (RFC 6531)
  envelope_id    TEXT,             -- ENVID as sent, xtext (RFC 3461); NULL: none
  dsn_return     TEXT,             -- RET: 'FULL' or 'HDRS' (RFC 3461); NULL: none
  size           INTEGER NOT NULL, -- octets of data
  trace          TEXT NOT NULL,    -- Return-Path, Received: what the server adds; CRLF lines
  data           BLOB NOT NULL     -- the mail, octet for octet as sent; last, so that
                                   -- the columns before it are read without it
);

-- One row for each RCPT that was accepted, in the order given.
CREATE TABLE recipient (
  message_id         INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
  position           INTEGER NOT NULL, -- from 1
  forward_path       TEXT NOT NULL,    -- RCPT TO, without brackets and source route
  notify             TEXT,             -- NOTIFY as sent (RFC 3461); NULL: none
  original_recipient TEXT,             -- ORCPT as sent, xtext (RFC 3461); NULL: none
  PRIMARY KEY (message_id, position)
) WITHOUT ROWID;

-- SQLite obeys ON DELETE CASCADE only where a connection asks for it (PRAGMA
-- foreign_keys); this holds for all of them.
CREATE TRIGGER message_deleted AFTER DELETE ON message
BEGIN
  DELETE FROM recipient WHERE message_id = old.id;
END;
