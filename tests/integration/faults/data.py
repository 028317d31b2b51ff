"""Faults of the target's tables: what does not fit, is not there, or is in the way."""

import contextlib

import steps

from .fault import BOTH, Fault, setting, sql
from .world import BASE, HIT

UPDATE_2 = ("UPDATE hit SET n = n + 10 WHERE id = 2",)
TO_70000 = ("UPDATE hit SET n = 70000 WHERE id = 2",)
LONGER = ("UPDATE hit SET v = 'longer than that' WHERE id = 2",)


@contextlib.contextmanager
def small_packets(w):
    """Of new sessions; a row beyond it comes."""
    with steps.server_globals(w.target, max_allowed_packet=1 << 20):
        w.kill_sessions()
        yield


@contextlib.contextmanager
def ddl_at_source(w):
    """A statement that Lutra leaves to people, and then does the same at the target."""
    w.source.sql("ALTER TABLE hit ADD COLUMN added INT", db=w.schema)
    yield
    w.at_target("ALTER TABLE hit ADD COLUMN added INT")


@contextlib.contextmanager
def statement_format(w):
    """Changes as text: which rows they are is not in the log. Made at the target by hand, then passed over."""
    steps.transaction(w.source, w.schema, *UPDATE_2, before=["SET SESSION binlog_format='STATEMENT'"])
    w.write("UPDATE hit SET n = n + 10 WHERE id = 3")
    yield
    w.at_target(*UPDATE_2)


@contextlib.contextmanager
def narrower_again(w):
    """back() of MODIFY, once the value that does not fit is gone."""
    w.at_target("ALTER TABLE hit MODIFY v VARCHAR(3)")
    yield
    w.at_target("ALTER TABLE hit MODIFY v VARCHAR(20)")


DATA = [
    Fault("table dropped", sql("DROP TABLE hit", (HIT, f"INSERT INTO hit VALUES {BASE}")), UPDATE_2, stops="E4002", then="ddl done", engines=BOTH),
    Fault("column dropped", sql("ALTER TABLE hit DROP COLUMN v", ("ALTER TABLE hit ADD COLUMN v VARCHAR(20) AFTER id", "UPDATE hit SET v = 'abc'")),
          UPDATE_2, stops="E4003", then="ddl done"),
    Fault("column too short", narrower_again, LONGER, stops="E5005", engines=BOTH),
    Fault("column too small", sql("ALTER TABLE hit MODIFY n TINYINT", "ALTER TABLE hit MODIFY n INT"), TO_70000, stops="E5005", engines=BOTH),
    Fault("column more that must be given", sql("ALTER TABLE hit ADD COLUMN more INT NOT NULL", "ALTER TABLE hit DROP COLUMN more"),
          ("INSERT INTO hit VALUES (6, 'abc', 6, 6)",), stops="E5005"),
    Fault("unique index more", sql("ALTER TABLE hit ADD UNIQUE KEY more (n)", "ALTER TABLE hit DROP KEY more"),
          ("UPDATE hit SET n = 3 WHERE id = 2",), stops="E5002"),
    Fault("foreign key without its parent", sql(
        ("CREATE TABLE elder (id INT PRIMARY KEY)", "INSERT INTO elder VALUES (1), (2), (3), (4), (5)",
         "ALTER TABLE hit ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES elder (id)"),
        ("ALTER TABLE hit DROP FOREIGN KEY f, DROP KEY f", "DROP TABLE elder")), TO_70000, stops="E5003"),
    Fault("row missing for an update", sql("DELETE FROM hit WHERE id = 2", "INSERT INTO hit VALUES (2, 'abc', 2, 2)"), UPDATE_2, stops="E5000"),
    Fault("row missing for a delete", sql("DELETE FROM hit WHERE id = 2", "INSERT INTO hit VALUES (2, 'abc', 2, 2)"),
          ("DELETE FROM hit WHERE id = 2",), stops="E5000"),
    Fault("row there before its insert", sql("INSERT INTO hit VALUES (6, 'x', 0, NULL)", "DELETE FROM hit WHERE id = 6"),
          ("INSERT INTO hit VALUES (6, 'abc', 6, 6)",), stops="E5002"),
    Fault("trigger that fails", sql("CREATE TRIGGER no BEFORE UPDATE ON hit FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not here'",
                                    "DROP TRIGGER no"), UPDATE_2, stops="E5003", engines=BOTH),
    Fault("check constraint that fails", sql("ALTER TABLE hit ADD CONSTRAINT few CHECK (n < 50000)", "ALTER TABLE hit DROP CONSTRAINT few"),
          TO_70000, stops="E5003", engines=BOTH),
    Fault("row larger than max_allowed_packet", small_packets, ("INSERT INTO wide VALUES (1, REPEAT('x', 3000000))",), stops="E2012", engines=BOTH),
    Fault("statement that changes a table at the source", ddl_at_source, stops="E4000", then="ddl done"),
    Fault("statement in place of rows", statement_format, stops="E3006", then="skip"),
    Fault("odd settings of sessions", setting(reconnect=True, autocommit=0, sql_mode="ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH",
                                              init_connect="SET sql_mode='ANSI', autocommit=1, foreign_key_checks=0, time_zone='+05:30'"),
          UPDATE_2, busy=True),
    Fault("init_connect that fails", setting(reconnect=True, init_connect="SELECT * FROM nowhere.nothing"), shows="E2002", engines=BOTH),
    Fault("isolation level SERIALIZABLE", setting(reconnect=True, tx_isolation="SERIALIZABLE"), UPDATE_2, busy=True),
]
