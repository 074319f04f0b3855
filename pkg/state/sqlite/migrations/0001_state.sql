-- The body of a row is JSON, of the types of package state. SQLite keeps no checksums, and most flipped bytes of a file
-- go unseen, so each row has its own (sum, over table, key, version and body), and meta's "rows" is the exclusive or
-- of the sums of all rows but those of changes, so that a row that is missing or older than the rest is seen too.
--
-- Tables are WITHOUT ROWID: a row is then stored once, under its key, and not a second time in an index that could
-- come to disagree with it.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE accounts (
  key     TEXT PRIMARY KEY,     -- name of the account
  version INTEGER NOT NULL,     -- here and below: serial of the commit that last wrote the row
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE resources (
  key     TEXT PRIMARY KEY,     -- address, and the deposed key after a space
  version INTEGER NOT NULL,
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL,
  object  TEXT NOT NULL         -- account, kind and id, to see that an object has one owner
) WITHOUT ROWID;

CREATE INDEX resources_object ON resources (object);

CREATE TABLE leftovers (
  key     TEXT PRIMARY KEY,     -- account, kind and id
  version INTEGER NOT NULL,
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal (          -- open intents
  key     TEXT PRIMARY KEY,     -- id of the intent
  version INTEGER NOT NULL,
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL,
  address TEXT NOT NULL         -- to see that an address has one open create, and is not moved away
) WITHOUT ROWID;

CREATE INDEX journal_address ON journal (address);

CREATE TABLE outputs (
  key     TEXT PRIMARY KEY,     -- name
  version INTEGER NOT NULL,
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
  key     TEXT PRIMARY KEY,     -- id of the run
  version INTEGER NOT NULL,
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE changes (          -- the history; its rows are checked when they are read
  id      INTEGER PRIMARY KEY,
  run     TEXT NOT NULL,        -- which may be entered after its first changes: settling comes before it
  address TEXT NOT NULL,
  body    TEXT NOT NULL,
  sum     BLOB NOT NULL
);

CREATE INDEX changes_run ON changes (run);
CREATE INDEX changes_address ON changes (address);
