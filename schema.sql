-- The mail table of smtpd, version 4.  It is an interface: smtpd-db(5) says
-- what may be relied on.  This file is embedded in the program, which makes
-- the tables when the database is new.

--
-- Mails
--

CREATE TABLE message (
  id             INTEGER PRIMARY KEY AUTOINCREMENT, -- only grows, in commit order; never used again
  received_at    INTEGER NOT NULL, -- final dot: microseconds since 1970-01-01 00:00 UTC
  client_address TEXT NOT NULL,    -- IPv4 or IPv6 address, 'local' or 'unknown'
  client_port    INTEGER,          -- NULL when local or not known
  helo           TEXT NOT NULL,    -- what the client called itself; '' if it did not
  protocol       TEXT NOT NULL,    -- 'SMTP', 'ESMTP', 'ESMTPS', 'LMTP' ... (RFC 3848, 6531)
  verb           TEXT NOT NULL,    -- 'MAIL', or with --rfc821 'SEND', 'SOML', 'SAML'
  reverse_path   TEXT NOT NULL,    -- MAIL FROM, without brackets; '' for <>
  body_type      TEXT NOT NULL,    -- '7BIT', '8BITMIME' or 'BINARYMIME' (RFC 6152, 3030)
  smtputf8       INTEGER NOT NULL, -- 1: MAIL carried SMTPUTF8 (RFC 6531)
  envelope_id    TEXT,             -- ENVID as sent, xtext (RFC 3461); NULL: none
  dsn_return     TEXT,             -- RET: 'FULL' or 'HDRS' (RFC 3461); NULL: none
  size           INTEGER NOT NULL, -- octets of data
  trace          TEXT NOT NULL,    -- Return-Path, Received: what the server adds; CRLF lines
  header_size    INTEGER NOT NULL, -- octets of the header section with the empty line
  -- The first field of the name, unfolded, up to 998 octets; NULL: there is
  -- none.  Otherwise as sent: RFC 2047's "=?...?=" is not decoded.
  header_from       TEXT,
  header_to         TEXT,
  header_subject    TEXT,
  header_date       TEXT,
  header_message_id TEXT,
  data           BLOB NOT NULL,    -- the mail, octet for octet as sent; behind the columns
                                   -- that hold text, which are read without it
  -- 1: the data holds a CR or LF that is no line end, kept as it came.  Behind
  -- the data, as version 3 added it: 0 and 1 take no octet there.
  bare_line_ends INTEGER NOT NULL DEFAULT 0 CHECK (bare_line_ends IN (0, 1)),
  -- Why a filter took the mail and would not have it delivered; NULL: it may be.
  quarantine TEXT,
  -- The account that the client proved it is (AUTH), and what it only said with
  -- --auth=any; NULL: none.
  authenticated_as TEXT,
  claimed_as       TEXT,
  tls            TEXT,             -- 'TLSv1.3 TLS_AES_256_GCM_SHA384'; NULL: it came in the plain
  client_subject TEXT,             -- of the certificate that the client proved to have; NULL: none
  -- 1: MAIL carried REQUIRETLS (RFC 8689): whoever passes it on does so inside TLS.
  requiretls     INTEGER NOT NULL DEFAULT 0 CHECK (requiretls IN (0, 1))
);

-- One row for each mailbox that a mail goes to, in the order of the RCPTs.
CREATE TABLE recipient (
  message_id         INTEGER NOT NULL REFERENCES message(id) ON DELETE CASCADE,
  position           INTEGER NOT NULL, -- from 1
  forward_path       TEXT NOT NULL,    -- RCPT TO, without brackets and source route
  notify             TEXT,             -- NOTIFY as sent (RFC 3461); NULL: none
  original_recipient TEXT,             -- ORCPT as sent, xtext (RFC 3461); NULL: none
  mailbox            TEXT NOT NULL,    -- where it goes: forward_path, or what the
                                       -- tables alias and mailbox made of it;
                                       -- '': nowhere, a filter took it away
  -- 1: a filter named it, and not RCPT.
  added INTEGER NOT NULL DEFAULT 0 CHECK (added IN (0, 1)),
  PRIMARY KEY (message_id, position)
) WITHOUT ROWID;

-- What filters change in a mail (--milter, --policy), whose data stays what the
-- client sent: instructions to be followed in this order by who hands it on.
CREATE TABLE filter_change (
  message_id INTEGER NOT NULL,
  position   INTEGER NOT NULL, -- from 1
  filter     TEXT NOT NULL,    -- as the option names it
  action     TEXT NOT NULL CHECK (action IN (
    'add-header',    -- behind the last field
    'insert-header', -- behind so many fields (place; 0: in front of all)
    'change-header', -- the field of the name (place: which, from 1), or add it
    'delete-header', -- the same
    'replace-body',  -- value is one piece of it; the pieces stand in a row
    'change-sender')), -- the reverse-path is value
  place INTEGER, -- NULL where the action has none
  name  TEXT,
  value BLOB,    -- of a header: what follows the colon, without the last line end;
                 -- text where it is UTF-8
  PRIMARY KEY (message_id, position)
);

-- SQLite obeys ON DELETE CASCADE only where a connection asks for it (PRAGMA
-- foreign_keys); this trigger works for all connections.  It runs before the mail
-- goes, whose size is needed for the counts below.
CREATE TRIGGER message_deleting BEFORE DELETE ON message
BEGIN
  DELETE FROM recipient WHERE message_id = old.id;
  DELETE FROM delivery WHERE message_id = old.id;
  DELETE FROM filter_change WHERE message_id = old.id;
  UPDATE quota SET messages = messages - 1, octets = octets - old.size;
END;

-- Mails as a person looks for them, without those that a filter has put aside.
CREATE VIEW inbox AS
SELECT id,
  strftime('%Y-%m-%dT%H:%M:%SZ', received_at / 1000000, 'unixepoch') AS received,
  coalesce(header_from, reverse_path) AS "from",
  (SELECT group_concat(forward_path, ', ') FROM (
    SELECT DISTINCT forward_path FROM recipient
    WHERE message_id = message.id ORDER BY position)) AS "to",
  header_subject AS subject,
  size
FROM message WHERE quarantine IS NULL;

-- Which mails a consumer has had (smtpdb deliver): one row for each consumer and
-- mail.  Consumers may keep their own state here, by names of their own.
CREATE TABLE delivery (
  message_id INTEGER NOT NULL,
  consumer TEXT NOT NULL CHECK (consumer <> ''),
  done INTEGER NOT NULL CHECK (done IN (0, 1)), -- 0: a process is at it, until `at`
  at   INTEGER NOT NULL, -- seconds since 1970: when it was done, or when the lease ends
  PRIMARY KEY (message_id, consumer)
) WITHOUT ROWID;

--
-- What is accepted.  These tables are read at each command, so a change counts
-- from the next command on; but if none of them had a row at MAIL, RCPT does not
-- look at them.  Addresses and domains are compared without regard to the case of
-- ASCII letters; a domain may stand in its A-label form (xn--...) or in its
-- U-label form (UTF-8, lower case).
--
-- A name is text: a BLOB of the same octets is equal to no text.  A limit is a
-- number: "10G", which SQLite would keep as text and smtpd would read as 10, is
-- more than 9e18 to BETWEEN, as all texts are.
--
-- The ids are AUTOINCREMENT so that sqlite_sequence, which is one page, tells
-- which of these tables have never had a row: those are not looked at.
--

-- While this table has no row, every recipient is accepted, and mailbox and alias
-- are not looked at.  From the first row on, only recipients in these domains are
-- accepted; in a domain that has rows in mailbox or alias, only those addresses.
CREATE TABLE domain (
  name TEXT NOT NULL UNIQUE COLLATE NOCASE
    CHECK (typeof(name) = 'text' AND name <> '' AND length(name) <= 255
      AND instr(name, '@') = 0),
  id INTEGER PRIMARY KEY AUTOINCREMENT
);

CREATE TABLE mailbox (
  -- local@domain, without "+detail"; '*@domain' takes what no other row does.
  address TEXT NOT NULL UNIQUE COLLATE NOCASE
    CHECK (typeof(address) = 'text' AND address GLOB '?*@?*' AND length(address) <= 320),
  state TEXT NOT NULL DEFAULT 'open'
    CHECK (state IN (
      'open',
      'disabled',    -- 550 5.2.1
      'busy',        -- 450 4.2.1: the client is to try again
      'not-allowed', -- 553 5.1.3
      'moved')),     -- 551 5.1.6: the client is told of moved_to
  moved_to TEXT CHECK (moved_to GLOB '?*@?*' AND length(moved_to) <= 254),
  -- Limits of what is in the table for this mailbox; NULL: none.  Beyond them
  -- 452 4.2.2, or 552 5.2.2 if quota_permanent.
  quota_messages  INTEGER CHECK (quota_messages BETWEEN 0 AND 9e18),
  quota_octets    INTEGER CHECK (quota_octets BETWEEN 0 AND 9e18),
  quota_permanent INTEGER NOT NULL DEFAULT 0 CHECK (quota_permanent IN (0, 1)),
  -- Kept by smtpd and the trigger below: what there is of the mails that came
  -- since there first was a limit, the first of which is counted_from.  A mail
  -- counts once, also with several rows in recipient for the mailbox.
  messages     INTEGER NOT NULL DEFAULT 0,
  octets       INTEGER NOT NULL DEFAULT 0,
  counted_from INTEGER,
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  authenticated INTEGER NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1)), -- 1: only from who is
  CHECK (state <> 'moved' OR moved_to IS NOT NULL)
);

CREATE TRIGGER recipient_deleted AFTER DELETE ON recipient
BEGIN
  UPDATE mailbox SET messages = messages - 1, octets = octets
    - coalesce((SELECT size FROM message WHERE id = old.message_id), 0)
  WHERE address = old.mailbox AND counted_from <= old.message_id
    AND NOT EXISTS (SELECT 1 FROM recipient WHERE message_id = old.message_id
      AND recipient.mailbox COLLATE NOCASE = old.mailbox);
END;

-- Another name for one or several mailboxes, of which each gets a row in
-- recipient.  Targets may be aliases themselves, ten deep.  '*@domain' is for
-- addresses that have no row of their own.
CREATE TABLE alias (
  address TEXT NOT NULL COLLATE NOCASE
    CHECK (typeof(address) = 'text' AND address GLOB '?*@?*' AND length(address) <= 320),
  target TEXT NOT NULL COLLATE NOCASE
    CHECK (typeof(target) = 'text' AND target GLOB '?*@?*' AND length(target) <= 254),
  forward INTEGER NOT NULL DEFAULT 0 CHECK (forward IN (0, 1)), -- 1: the client is told, 251
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  UNIQUE (address, target)
);

-- Do mailboxes or aliases have this domain?  It is what follows the last "@".
CREATE INDEX mailbox_domain ON mailbox (
  substr(address, length(rtrim(address, replace(address, '@', ''))) + 1)
  COLLATE NOCASE);
CREATE INDEX alias_domain ON alias (
  substr(address, length(rtrim(address, replace(address, '@', ''))) + 1)
  COLLATE NOCASE);

-- Limits of the whole database: one row, or none.  Beyond them 452 4.3.1.
CREATE TABLE quota (
  max_messages INTEGER CHECK (max_messages BETWEEN 0 AND 9e18), -- NULL: no limit
  max_octets   INTEGER CHECK (max_octets BETWEEN 0 AND 9e18),
  -- Counted once by the first mail that comes, then kept by it and the others.
  messages INTEGER, -- NULL: not yet counted
  octets   INTEGER,
  id INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id = 1)
);

-- Who may send.  The pattern is an address, a domain, '' for <>, or '*' for
-- all; the most exact one counts.  A rule that refuses says what is answered.
CREATE TABLE sender_rule (
  pattern TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (typeof(pattern) = 'text'),
  allow INTEGER NOT NULL DEFAULT 0 CHECK (allow IN (0, 1)),
  code INTEGER NOT NULL DEFAULT 550,
  enhanced TEXT NOT NULL DEFAULT '5.7.1',
  text TEXT NOT NULL DEFAULT 'Sender refused',
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  authenticated INTEGER NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1)), -- 1: allowed to who is
  CHECK (code <> 421 AND code GLOB '[45][0-5][0-9]'
    AND substr(code, 1, 1) = substr(enhanced, 1, 1)
    AND enhanced GLOB '[45].[0-9]*.[0-9]*' AND length(enhanced) <= 9
    AND enhanced NOT GLOB '*[^0-9.]*' AND enhanced NOT GLOB '*.*.*.*'
    AND enhanced NOT GLOB '*[0-9][0-9][0-9][0-9]*' AND enhanced NOT GLOB '*.0[0-9]*'
    AND length(text) <= 400
    AND typeof(text) = 'text' AND text NOT GLOB '*[^ -~]*' AND text <> '')
);

-- The same by the client's address: 'ADDRESS' or 'ADDRESS/BITS', written as
-- smtpd writes addresses (message.client_address), the bits behind the prefix
-- zero; the longest prefix counts.  'local' is a client without an address.  A
-- client whose address is unknown is refused where '0.0.0.0/0' or '::/0' is.
CREATE TABLE client_rule (
  network TEXT NOT NULL UNIQUE COLLATE NOCASE
    CHECK (typeof(network) = 'text'
      AND (network = 'local' OR network GLOB '[0-9a-fA-F:]*[0-9a-fA-F:]')),
  allow INTEGER NOT NULL DEFAULT 0 CHECK (allow IN (0, 1)),
  code INTEGER NOT NULL DEFAULT 554,
  enhanced TEXT NOT NULL DEFAULT '5.7.1',
  text TEXT NOT NULL DEFAULT 'Client refused',
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  CHECK (code <> 421 AND code GLOB '[45][0-5][0-9]'
    AND substr(code, 1, 1) = substr(enhanced, 1, 1)
    AND enhanced GLOB '[45].[0-9]*.[0-9]*' AND length(enhanced) <= 9
    AND enhanced NOT GLOB '*[^0-9.]*' AND enhanced NOT GLOB '*.*.*.*'
    AND enhanced NOT GLOB '*[0-9][0-9][0-9][0-9]*' AND enhanced NOT GLOB '*.0[0-9]*'
    AND length(text) <= 400
    AND typeof(text) = 'text' AND text NOT GLOB '*[^ -~]*' AND text <> '')
);

-- How much may come in a time: 450 4.7.1 beyond that.
CREATE TABLE rate_limit (
  scope TEXT NOT NULL UNIQUE CHECK (scope IN (
    'client', -- each client address, IPv6 by /64
    'sender', -- each reverse-path
    'auth',   -- each client address: wrong passwords, as messages; 454 4.7.0; without
              -- a row, 20 in 10 minutes
    'total')),
  window_sec INTEGER NOT NULL DEFAULT 3600 CHECK (window_sec BETWEEN 1 AND 604800),
  max_messages   INTEGER CHECK (max_messages BETWEEN 0 AND 9e18), -- NULL: no limit
  max_recipients INTEGER CHECK (max_recipients BETWEEN 0 AND 9e18),
  max_octets     INTEGER CHECK (max_octets BETWEEN 0 AND 9e18),
  id INTEGER PRIMARY KEY AUTOINCREMENT
);

-- Who may authenticate with --auth=rows; smtpdb account fills these.
CREATE TABLE account (
  name TEXT NOT NULL UNIQUE
    CHECK (typeof(name) = 'text' AND name <> '' AND length(name) <= 255),
  -- Not the password, but what proves it: SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER,
  -- in base64 (RFC 5803).  NULL: there is none; a certificate proves who it is.
  verifier TEXT CHECK (verifier GLOB 'SCRAM-SHA-256$[1-9]*:*$*:*'),
  -- The subject of the certificate that proves it (EXTERNAL); NULL: there is none.
  subject TEXT UNIQUE CHECK (subject <> ''),
  id INTEGER PRIMARY KEY AUTOINCREMENT
);

-- The reverse-paths that an account may use: addresses or domains.  An account
-- without a row may use any.
CREATE TABLE account_address (
  name    TEXT NOT NULL,
  pattern TEXT NOT NULL COLLATE NOCASE CHECK (typeof(pattern) = 'text'),
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  UNIQUE (name, pattern)
);

CREATE TRIGGER account_deleted AFTER DELETE ON account
BEGIN
  DELETE FROM account_address WHERE name = old.name;
END;

-- A secret from which smtpd-auth makes salts for names without an account, so that
-- nobody learns which names have one.  smtpd-auth makes the secret.
CREATE TABLE account_secret (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  secret BLOB NOT NULL
);

-- What came in the windows that are open; smtpd deletes rows of those that are over.
CREATE TABLE rate_count (
  scope TEXT NOT NULL,
  key   TEXT NOT NULL COLLATE NOCASE, -- address or network, reverse-path, or ''
  ends_at    INTEGER NOT NULL, -- seconds since 1970
  messages   INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  octets     INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) WITHOUT ROWID;
