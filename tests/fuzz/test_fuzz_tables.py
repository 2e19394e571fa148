"""CSV and Parquet files from strangers."""

import io

import pyarrow as pa
import pytest
from hypothesis import strategies as st
from pyarrow import parquet

from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.runs.outputs import read_input
from helpers.fuzzing import damaged, parts, try_all

CSV = [
    b"size,colour,kind\n" + b"1.5,red,a\n2,blue,b\n,,\n" * 5,
    b"\xef\xbb\xbfa;b;c\r\n" + b"1;2;3\r\n4;5;6\r\n" * 8,
    b"when\tname\n" + b'2020-01-02\t"a ""b"" \n c"\n2021-03-04\tx\n' * 6,
    b"n,m\n" + b"-1,'=1\n1e308,@x\nnan,inf\n" * 5,
    "größe,ä\n1,é\n2,ü\n".encode("latin-1"),
    "a,b\n1,2\n3,4\n".encode("utf-16"),
]
TOKENS = st.sampled_from((
    "a", "b", "1", "-1", "1e999", "nan", "", ",", ",", ";", "\t", "\n", "\n", "\r", '"', '"', "'", "=1+1", "@", "\0",
    "true", "2020-01-01", "12:30:00", "99999999999999999999", "0x10", "ü", "\ud800", " ", "null", "a" * 300, "1" * 400,
))  # fmt: skip
TEXTS = st.lists(TOKENS, max_size=40).map(lambda words: "".join(words).encode(errors="surrogatepass"))


def table(columns, **how):
    file = io.BytesIO()
    parquet.write_table(pa.table(columns), file, **how)
    return file.getvalue()


NUMBERS = {"a": [1.0, 2.0, None] * 7, "b": list(range(21))}
TABLES = [
    table(NUMBERS),
    table(NUMBERS, compression="zstd", row_group_size=10, data_page_version="2.0"),
    table({"t": ["x", "y", None] * 7, "l": ["p", "q", "r"] * 7}, use_dictionary=True),
    table({"t": ["x", "y", "z"] * 7, "n": NUMBERS["b"]}, use_dictionary=False, compression="gzip"),
    table({"w": pa.array([1, 2, 3] * 7, pa.timestamp("us")), "d": pa.array([1, 2, 3] * 7, pa.date32())}),
    table({"s": [{"u": 1, "v": "x"}] * 21, "l": [[1, 2]] * 21}),
    table({"b": [True, False, None] * 7, "y": [b"a", b"b", b"c"] * 7,
           "c": pa.array([1, 2, 3] * 7).cast(pa.decimal128(25, 2))}),
    table({"a": pa.array(["u", "v", "u"] * 7).dictionary_encode(), "n": pa.nulls(21)}),
    table({"n": [1.5, 2.5, 3.5] * 7}, use_dictionary=False, column_encoding="BYTE_STREAM_SPLIT"),
]  # fmt: skip


def load(path, label):
    return load_data(path, ReadOptions(label_column=label))


@parts
@pytest.mark.parametrize("label", [None, "kind"])
def test_csv(file, label, part):
    strategy = st.one_of(damaged(CSV), damaged(CSV), TEXTS)
    try_all("CSV", strategy, lambda data: load(file(".csv", data), label), 200, 2000)


@parts
@pytest.mark.parametrize("label", [None, "n"])
def test_parquet(file, label, part):
    try_all("Parquet", damaged(TABLES, focus=600), lambda data: load(file(".parquet", data), label), 200, 1800)


@parts
def test_parquet_in_pieces(file, part):
    def read(data):
        rows = read_input(str(file(".parquet", data))).rows
        for start in (0, 5, 2):
            rows[start : start + 5]

    try_all("Parquet", damaged(TABLES[:2], focus=600), read, 100, 500)
