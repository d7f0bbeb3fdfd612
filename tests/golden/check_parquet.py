"""check_parquet.py PARQUET_COLUMNS PARQUET_COPY SCRATCH: files that pyarrow writes with options drawn at random are read by us and by
pyarrow, column by column; files that we write are read by pyarrow. TL_SOAK=1: more rounds."""
import decimal
import os
import pathlib
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from parquet_reference import expected

CODECS = ['none', 'snappy', 'gzip', 'zstd', 'lz4']
WORDS = ['', 'fox', 'ein Fuchs läuft durch den Wald', '狐は走る', '🦊 fox', 'a', 'naïve ' * 20, '\x00null', 'line\nbreak', '\u202eright to left']
ENCODINGS = {
    'int': ['PLAIN', 'DELTA_BINARY_PACKED', 'BYTE_STREAM_SPLIT'],
    'small': ['PLAIN', 'DELTA_BINARY_PACKED'],
    'float': ['PLAIN', 'BYTE_STREAM_SPLIT'],
    'text': ['PLAIN', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY'],
    'fixed': ['PLAIN', 'DELTA_BYTE_ARRAY', 'BYTE_STREAM_SPLIT'],
    'bool': ['PLAIN', 'RLE'],
    'other': ['PLAIN'],
}


decimal.getcontext().prec = 100


def some_text(rng, distinct):
    return f'{rng.choice(WORDS)} {rng.randrange(distinct)}' if rng.random() < 0.8 else rng.choice(WORDS)


def kinds(rng):
    """(family of encodings, type, maker of a value)"""
    distinct = rng.choice([1, 2, 10, 1000, 10 ** 9])
    spread = rng.choice([1, 7, 2 ** 12, 2 ** 31 - 1])
    wide = rng.choice([1, 2 ** 33, 2 ** 63 - 1])
    length = rng.choice([1, 3, 16])
    return [
        ('int', pa.int32(), lambda: rng.randint(-spread, spread)),
        ('int', pa.int64(), lambda: rng.randint(-wide, wide)),
        ('small', pa.int8(), lambda: rng.randint(-128, 127)),
        ('small', pa.int16(), lambda: rng.randint(-32768, 32767)),
        ('small', pa.uint8(), lambda: rng.randint(0, 255)),
        ('small', pa.uint16(), lambda: rng.randint(0, 65535)),
        ('int', pa.uint32(), lambda: rng.randint(0, 2 ** 32 - 1)),
        ('int', pa.uint64(), lambda: rng.randint(0, 2 ** 64 - 1)),
        ('float', pa.float32(), lambda: float(np.float32(rng.choice([rng.gauss(0, 1), rng.random() * distinct, float('inf'), -0.0])))),
        ('float', pa.float64(), lambda: rng.choice([rng.gauss(0, 1), rng.random() * distinct, 1e300, -0.0])),
        ('fixed', pa.float16(), lambda: np.float16(rng.gauss(0, 100))),
        ('text', pa.string(), lambda: some_text(rng, distinct)),
        ('text', pa.large_string(), lambda: 'x' * rng.randrange(0, 300)),
        ('text', pa.binary(), lambda: rng.randbytes(rng.randrange(0, 9))),
        ('fixed', pa.binary(length), lambda: rng.randbytes(length)),
        ('bool', pa.bool_(), lambda: rng.random() < 0.3),
        ('other', pa.decimal128(9, 3), lambda: decimal.Decimal(rng.randint(-10 ** 9 + 1, 10 ** 9 - 1)).scaleb(-3)),
        ('other', pa.decimal128(38, 20), lambda: decimal.Decimal(rng.randint(-10 ** 37, 10 ** 37)).scaleb(-20)),
        ('other', pa.decimal256(70, 5), lambda: decimal.Decimal(rng.randint(-10 ** 69, 10 ** 69)).scaleb(-5)),
        ('small', pa.date32(), lambda: rng.randint(-10 ** 6, 10 ** 6)),
        ('int', pa.timestamp(rng.choice(['ms', 'us', 'ns'])), lambda: rng.randint(-2 ** 61, 2 ** 61)),
        ('int', pa.time64('ns'), lambda: rng.randint(0, 86399999999999)),
        ('small', pa.time32('ms'), lambda: rng.randint(0, 86399999)),
    ]


def column(rng, count, number):
    """(field, array, path of its leaves, family)"""
    family, kind, maker = rng.choice(kinds(rng))
    missing = rng.choice([0, 0, 0.01, 0.5, 0.97, 1])
    value = lambda: None if rng.random() < missing else maker()
    runs = rng.choice([1, 1, 50])
    name = f'c{number}'
    shape = rng.choice(['flat', 'flat', 'flat', 'list', 'struct', 'structs'])
    if shape == 'flat':
        values = []
        while len(values) < count:
            values += [value()] * rng.randint(1, runs)
        nullable = missing != 0 or rng.random() < 0.5
        return pa.field(name, kind, nullable=nullable), pa.array(values[:count], kind), [name], family
    if shape == 'list':
        longest = rng.choice([1, 4, 40])
        values = [None if rng.random() < missing / 2 else [value() for _ in range(rng.randint(0, longest))] for _ in range(count)]
        return pa.field(name, pa.list_(kind)), pa.array(values, pa.list_(kind)), [f'{name}.list.element'], family
    inner = pa.struct([pa.field('a', kind), pa.field('b', pa.int64())])
    if shape == 'struct':
        values = [None if rng.random() < missing else {'a': value(), 'b': rng.randrange(9)} for _ in range(count)]
        return pa.field(name, inner), pa.array(values, inner), [f'{name}.a'], family
    values = [None if rng.random() < missing else [None if rng.random() < missing / 3 else {'a': value(), 'b': rng.randrange(9)}
                                                   for _ in range(rng.randint(0, 3))] for _ in range(count)]
    return pa.field(name, pa.list_(inner)), pa.array(values, pa.list_(inner)), [f'{name}.list.element.a'], family


def write_random(rng, path):
    count = rng.choice([0, 1, 2, 7, 8, 9, 100, 1023, 1025, rng.randrange(6000)])
    columns = [column(rng, count, i) for i in range(rng.randint(1, 6))]
    table = pa.Table.from_arrays([c[1] for c in columns], schema=pa.schema([c[0] for c in columns]))
    dictionary, encodings = [], {}
    for _, _, paths, family in columns:
        if family != 'bool' and rng.random() < 0.4:
            dictionary += paths
        else:
            encodings[paths[0]] = rng.choice(ENCODINGS[family])
    options = dict(compression=rng.choice(CODECS), data_page_version=rng.choice(['1.0', '2.0']), use_dictionary=dictionary or False,
                   column_encoding=encodings or None, data_page_size=rng.choice([64, 1000, 10 ** 6]), write_batch_size=rng.choice([1, 10, 1024]),
                   row_group_size=rng.choice([1, 100, 1000, 10 ** 6]) if count < 200 else rng.choice([500, 10 ** 6]),
                   write_page_checksum=rng.random() < 0.5, write_statistics=rng.random() < 0.5, store_schema=rng.random() < 0.5,
                   version='2.6', dictionary_pagesize_limit=rng.choice([16, 200, 10 ** 6]),
                   use_compliant_nested_type=True)
    pq.write_table(table, path, **options)
    return options


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        sys.exit(f'{command}: status {done.returncode}\n{done.stderr}')
    return done.stdout.split('\n')[:-1]


def compare(found, wanted, what):
    for i, (a, b) in enumerate(zip(found, wanted)):
        if a != b:
            sys.exit(f'{what}: line {i}\nfound    {a[:400]}\nexpected {b[:400]}')
    if len(found) != len(wanted):
        sys.exit(f'{what}: {len(found)} lines, expected {len(wanted)}')


def check_skips(found, head, rows, skip, what):
    at = -1
    if found[:len(head)] != head:
        sys.exit(f'{what}: other columns')
    for line in found[len(head):]:
        row = int(line.split(' ', 1)[0])
        if line != rows[row] or row - at - 1 not in (0, skip):
            sys.exit(f'{what}: row {row} after row {at}\nfound    {line[:400]}\nexpected {rows[row][:400]}')
        at = row
    if len(rows) - 1 - at > skip:
        sys.exit(f'{what}: ends after row {at} of {len(rows)}')


def check_reading(columns, scratch, rounds):
    left_out = 0
    for seed in range(rounds):
        rng = random.Random(seed)
        path = scratch / f'random_{seed}.parquet'
        options = write_random(rng, path)
        what = f'seed {seed}: {options}'
        try:
            head, rows = expected(path)
        except pa.ArrowInvalid:
            # pyarrow 26.0.1 cannot read what it wrote where all values of a row group are null under DELTA_BYTE_ARRAY.
            run(columns, path)
            left_out += 1
            path.unlink()
            continue
        batch = rng.choice([0, 1, 5, 300, 10 ** 5])
        compare(run(columns, path, batch), head + rows, f'{what}: batches of {batch}')
        skip = rng.choice([1, 10, 700])
        check_skips(run(columns, path, rng.choice([1, 64]), skip), head, rows, skip, f'{what}: skip {skip}')
        path.unlink()
    assert left_out <= rounds // 20, left_out


def check_large(columns, scratch):
    """A dictionary that falls back to plain within a row group, and pages of many rows."""
    rng = random.Random(1)
    table = pa.table({'url': [f'https://example.org/{rng.randrange(10 ** 9)}/{i}.jpg' for i in range(60000)],
                      'n': pa.array(range(60000), pa.int64()), 's': ['same'] * 60000})
    path = scratch / 'large.parquet'
    pq.write_table(table, path, compression='snappy', dictionary_pagesize_limit=100000)
    encodings = pq.ParquetFile(path).metadata.row_group(0).column(0).encodings
    assert 'PLAIN' in encodings and 'RLE_DICTIONARY' in encodings, encodings
    head, rows = expected(path)
    compare(run(columns, path), head + rows, 'fallback')
    check_skips(run(columns, path, 100, 25000), head, rows, 25000, 'fallback')
    path.unlink()


def check_writing(columns, copy, scratch, rounds):
    """What we write, pyarrow reads."""
    for seed in range(rounds):
        rng = random.Random(10 ** 6 + seed)
        count = rng.choice([0, 1, 8, 1000, 45000])
        size = rng.choice([1, 7, 512]) if count < 2000 else 3
        missing = rng.choice([0.02, 0.5, 1])
        maybe = lambda value: None if rng.random() < missing else value
        distinct = rng.choice([3, 10 ** 6])
        clean = [word for word in WORDS if '\x00' not in word]
        word = lambda: f'{rng.choice(clean)}{rng.randrange(distinct)}'
        vector = lambda: [float(np.float32(rng.gauss(0, 1))) for _ in range(size)]
        makers = {'text': (pa.string(), word), 'bytes': (pa.binary(), lambda: rng.randbytes(rng.randrange(5))),
                  'int': (pa.int64(), lambda: rng.randint(-2 ** 63, 2 ** 63 - 1)), 'double': (pa.float64(), rng.random),
                  'float': (pa.float32(), lambda: float(np.float32(rng.random()))), 'bool': (pa.bool_(), lambda: rng.random() < 0.5),
                  'vector': (pa.list_(pa.field('element', pa.float32(), nullable=False)), vector)}
        fields, arrays = [], []
        for name, (kind, maker) in makers.items():
            fields.append(pa.field(name, kind, nullable=False))
            arrays.append(pa.array([maker() for _ in range(count)], kind))
            fields.append(pa.field(name + '_maybe', kind))
            arrays.append(pa.array([maybe(maker()) for _ in range(count)], kind))
        source, written = scratch / 'source.parquet', scratch / 'written.parquet'
        pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), source, store_schema=False)
        run(copy, source, written, seed % 4, rng.choice([0, 7, 1000]) if count < 2000 else 0)
        what = f'written {seed}: {count} rows'
        head, rows = expected(written)
        compare(head + rows, sum(expected(source), []), what)
        compare(run(columns, written), head + rows, what + ', read by us')
        file = pq.ParquetFile(written, page_checksum_verification=True)
        assert file.read().equals(pq.read_table(source)), what
        assert [f.nullable for f in file.schema_arrow] == [f.nullable for f in fields], what


def main():
    columns, copy, scratch = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    rounds = 2000 if os.environ.get('TL_SOAK') == '1' else 150
    check_reading(columns, scratch, rounds)
    check_large(columns, scratch)
    check_writing(columns, copy, scratch, rounds // 10)
    print(f'{rounds} files read, {rounds // 10} written, by pyarrow {pa.__version__}')


main()
