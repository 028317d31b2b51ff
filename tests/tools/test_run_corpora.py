"""tools/run-corpora: what the servers' tools print is read right, and each way of being wrong is found."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

from lutralab import vendor  # noqa: E402

PRINTED = b"""BINLOG '...'
### UPDATE `a`.`b`
### WHERE
###   @1=-1 (255) /* TINYINT meta=0 nullable=0 is_null=0 */
###   @2='it\\x0as' /* VARSTRING(20) meta=20 nullable=1 is_null=0 */
### SET
###   @1=2 /* TINYINT meta=0 nullable=0 is_null=0 */
###   @2=NULL /* VARSTRING(20) meta=20 nullable=1 is_null=1 */
### DELETE FROM `a`.`c`
### WHERE
###   @1=b'0101' /* BIT(4) meta=4 nullable=1 is_null=0 */
"""
DUMPED = [
    {"kind": "begin"},
    {"kind": "update", "schema": "a", "table": "b", "before": {"n": 255, "t": {"hex": b"it\ns".hex()}}, "after": {"n": 2, "t": None}},
    {"kind": "delete", "schema": "a", "table": "c", "before": {"@1": {"bit": "0101"}}},
]


def test_equal_rows_are_equal():
    assert vendor.difference(vendor.dumped(DUMPED), vendor.pseudo_sql(PRINTED)) is None


@pytest.mark.parametrize("was, is_now", [
    (b"@2='it\\x0as'", b"@2='it\\x0bs'"), (b"@2=NULL", b"@2=''"), (b"b'0101'", b"b'0111'"), (b"`a`.`c`", b"`a`.`d`"), (b"DELETE FROM", b"INSERT INTO"),
    (b"-1 (255)", b"-1 (254)"), (b"@1=b", b"@2=b"), (b"### SET\n", b""),
])
def test_each_difference_is_found(was, is_now):
    assert was in PRINTED
    assert vendor.difference(vendor.dumped(DUMPED), vendor.pseudo_sql(PRINTED.replace(was, is_now)))


def test_missing_and_additional_rows_are_found():
    assert vendor.difference(vendor.dumped(DUMPED[:2]), vendor.pseudo_sql(PRINTED))
    assert vendor.difference(vendor.dumped(DUMPED + DUMPED[1:2]), vendor.pseudo_sql(PRINTED))


@pytest.mark.parametrize("mine, theirs, kind, same", [
    ("1970-01-02 00:00:01.50", b"86401.5", "TIMESTAMP(2)", True),
    ("0000-00-00 00:00:00", b"0", "TIMESTAMP(0)", True),
    ("1970-01-02 00:00:01", b"86400", "TIMESTAMP(0)", False),
    ("-01:02:03.4", b"'-01:02:03.4'", "TIME(1)", True),
    ("-01:02:03.4", b"'01:02:03.4'", "TIME(1)", False),
    ("2024-02-29", b"'2024:02:29'", "DATE", True),
    (0.1, b"0.1", "DOUBLE", True),
    (0.1, b"0.2", "FLOAT", False),
    ({"set": 5, "names": ["a", "c"]}, b"b'00000101'", "SET(1 bytes)", True),
    ({"enum": 2, "name": "b"}, b"3", "ENUM(1 byte)", False),
    ({"json": '{"a": 1}'}, b"'{\"a\": 1}'", "JSON", True),
    ({"json_diff": '[{"op": "replace", "path": "$.a", "value": 26}]'}, b"JSON_REPLACE(@2, '$.a', 26)", "JSON", True),
    ({"json_diff": '[{"op": "replace", "path": "$.a", "value": 26}]'}, b"JSON_REPLACE(@2, '$.a', 27)", "JSON", False),
    ({"json_diff": '[{"op": "remove", "path": "$.a"}]'}, b"JSON_REPLACE(@2, '$.a', 27)", "JSON", False),
    ({"hex": "0000803f"}, b"[1.00000e+00]", "VECTOR(1)", True),
    ({"hex": "0000803f"}, b"[2.00000e+00]", "VECTOR(1)", False),
])
def test_values(mine, theirs, kind, same):
    assert vendor.same_value(mine, theirs, kind) is same


def test_file_without_a_line_is_a_failure(tmp_path):
    loader = importlib.machinery.SourceFileLoader("run_corpora", str(CHECKOUT / "tools/run-corpora"))
    tool = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(tool)
    stray = tmp_path / "stray.000001"
    stray.write_bytes(b"\xfebin")
    assert list(tool.log_files(tmp_path)) == [stray]
    with pytest.raises(tool.Wrong, match="no line"):
        tool.judge(None, stray, None, tmp_path, {})
    with pytest.raises(tool.Wrong, match="SHA-256"):
        tool.judge(None, stray, ("0" * 64, "", ""), tmp_path, {})


def test_wrong_folder_is_wrong_use(tmp_path):
    run = subprocess.run([CHECKOUT / "tools/run-corpora", "lutra", tmp_path / "none"], capture_output=True, text=True)
    assert run.returncode == 2 and "no such folder" in run.stderr
