"""make_parquet.py: writes fixtures/parquet with pyarrow (version in MANIFEST): small files that hold every encoding, with and without
nulls, flat and in lists and structs, under every codec and page version; and what pyarrow reads back, one NAME.txt for all
NAME-*.parquet."""
import datetime
import decimal
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from parquet_reference import expected

ROWS = 37
decimal.getcontext().prec = 100
here = pathlib.Path(__file__).parent / 'fixtures' / 'parquet'


def number(i):
    """A sequence that looks random and is the same everywhere."""
    return (i * 2654435761 + 12345) % 4294967296


def text(i):
    return ['', 'fox', 'ein Fuchs läuft', '狐', 'a red fox ' * 3, f'http://example.org/{i}.jpg'][number(i) % 6]


MAKERS = {
    'bool': (pa.bool_(), lambda i: number(i) % 3 == 0),
    'i8': (pa.int8(), lambda i: number(i) % 256 - 128),
    'i16': (pa.int16(), lambda i: number(i) % 65536 - 32768),
    'i32': (pa.int32(), lambda i: number(i) - 2147483648),
    'i64': (pa.int64(), lambda i: (number(i) - 2147483648) * 4294967296 + i),
    'u8': (pa.uint8(), lambda i: number(i) % 256),
    'u32': (pa.uint32(), number),
    'u64': (pa.uint64(), lambda i: number(i) * 4294967296 + number(i + 1)),
    'f16': (pa.float16(), lambda i: np.float16((number(i) % 2001 - 1000) / 64 if i % 9 else [0.0, -0.0, 6e-8, float('inf')][i // 9 % 4])),
    'f32': (pa.float32(), lambda i: float(np.float32((number(i) - 2e9) / 1e7))),
    'f64': (pa.float64(), lambda i: (number(i) - 2e9) / 7e8),
    'text': (pa.string(), text),
    'bytes': (pa.binary(), lambda i: bytes([i % 256, 0, 255]) * (i % 4)),
    'fixed': (pa.binary(5), lambda i: number(i).to_bytes(5, 'little')),
    'd7': (pa.decimal128(7, 2), lambda i: decimal.Decimal(number(i) % 20000 - 10000).scaleb(-2)),
    'd38': (pa.decimal128(38, 10), lambda i: decimal.Decimal(number(i) ** 3 - 2 ** 94).scaleb(-10)),
    'date': (pa.date32(), lambda i: datetime.date(1970, 1, 1) + datetime.timedelta(days=number(i) % 40000 - 20000)),
    'ms': (pa.timestamp('ms'), lambda i: (number(i) - 2147483648) * 1000),
    'us': (pa.timestamp('us', 'UTC'), lambda i: (number(i) - 2147483648) * 100000),
    'ns': (pa.timestamp('ns'), lambda i: (number(i) - 2147483648) * 1000000000 + i),
    'time': (pa.time64('us'), lambda i: number(i)),
}
ENCODINGS = {
    'DELTA_BINARY_PACKED': ['i32', 'i64', 'i8', 'u64', 'ms'],
    'DELTA_LENGTH_BYTE_ARRAY': ['text', 'bytes'],
    'DELTA_BYTE_ARRAY': ['text', 'bytes', 'fixed'],
    'BYTE_STREAM_SPLIT': ['f32', 'f64', 'i32', 'i64', 'fixed', 'f16'],
    'RLE': ['bool'],
    'PLAIN': list(MAKERS),
    'DICTIONARY': [name for name in MAKERS if name != 'bool'],
}


def add(fields, arrays, name, kind, values, nullable):
    fields.append(pa.field(name, kind, nullable=nullable))
    arrays.append(pa.array(values, kind))


def table_of(encodings):
    """One table whose column names say how they are to be written: <encoding>__<type>__<shape>."""
    fields, arrays = [], []
    for encoding in encodings:
        for name in ENCODINGS[encoding]:
            kind, maker = MAKERS[name]
            values = [maker(i) for i in range(ROWS)]
            add(fields, arrays, f'{encoding}__{name}__all', kind, values, False)
            add(fields, arrays, f'{encoding}__{name}__some', kind, [None if number(i) % 5 < 2 else v for i, v in enumerate(values)], True)
            if name in ('i32', 'text', 'f32', 'bool', 'fixed'):
                lists = [None if number(i + 7) % 6 == 0 else [None if number(i + j) % 4 == 0 else values[(i + j) % ROWS]
                                                              for j in range(number(i) % 5)] for i in range(ROWS)]
                add(fields, arrays, f'{encoding}__{name}__list', pa.list_(kind), lists, True)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def nested():
    point = pa.struct([('x', pa.int32()), ('name', pa.string())])
    rows = range(ROWS)
    maybe = lambda i, v: None if number(i) % 4 == 0 else v
    return pa.table({
        'meta': pa.array([maybe(i, {'width': maybe(i + 1, i), 'deep': maybe(i + 2, {'text': maybe(i + 3, text(i))})}) for i in rows],
                         pa.struct([('width', pa.int64()), ('deep', pa.struct([('text', pa.string())]))])),
        'points': pa.array([maybe(i, [maybe(i + j, {'x': maybe(i + j + 1, j), 'name': text(j)}) for j in range(number(i) % 4)])
                            for i in rows], pa.list_(point)),
        'map': pa.array([maybe(i, [(text(j) + str(j), maybe(j, j)) for j in range(number(i) % 3)]) for i in rows],
                        pa.map_(pa.string(), pa.int32())),
        'lists': pa.array([[[1, 2], None, [i]] for i in rows], pa.list_(pa.list_(pa.int32()))),
        'vector': pa.array([[i, i / 2, i / 4] for i in rows], pa.list_(pa.float32(), 3)),
        'category': pa.array([text(i) for i in rows]).dictionary_encode(),
        'plain': pa.array([maybe(i, text(i)) for i in rows], pa.large_string()),
        'nothing': pa.array([None] * ROWS, pa.string()),
    })


def write(name, table, **options):
    path = here / f'{name}.parquet'
    pq.write_table(table, path, store_schema=False, **options)
    keep_expected(path)


def keep_expected(path):
    head, rows = expected(path)
    text, kept = '\n'.join(head + rows) + '\n', here / (path.stem.split('-')[0] + '.txt')
    assert not kept.exists() or kept.read_text() == text, path
    kept.write_text(text)


def encoded(name, encodings, **options):
    table = table_of(encodings)
    leaf = lambda f: f.name + ('.list.element' if pa.types.is_list(f.type) else '')
    chosen = {leaf(f): f.name.split('__')[0] for f in table.schema}
    dictionary = [column for column, encoding in chosen.items() if encoding == 'DICTIONARY']
    write(name, table, use_dictionary=dictionary or False,
          column_encoding={column: encoding for column, encoding in chosen.items() if encoding != 'DICTIONARY'} or None, **options)


def main():
    here.mkdir(exist_ok=True)
    for old in here.iterdir():
        old.unlink()
    codecs = ['none', 'snappy', 'gzip', 'zstd', 'lz4']
    groups = {'plain': ['PLAIN'], 'dictionary': ['DICTIONARY'],
              'delta': ['DELTA_BINARY_PACKED', 'DELTA_LENGTH_BYTE_ARRAY', 'DELTA_BYTE_ARRAY', 'BYTE_STREAM_SPLIT', 'RLE']}
    for codec in codecs:
        for version in ('1.0', '2.0'):
            for group, encodings in groups.items():
                encoded(f'{group}-{codec}-v{version[0]}', encodings, compression=codec, data_page_version=version, version='2.6',
                        data_page_size=120, write_batch_size=8, row_group_size=20, write_page_checksum=codec in ('none', 'zstd'),
                        write_statistics=False)
    for version in ('1.0', '2.0'):
        write(f'nested-v{version[0]}', nested(), compression='snappy', data_page_version=version, data_page_size=100, write_batch_size=8,
              row_group_size=16)
    small = pa.table({'t': pa.array([None if i % 3 == 0 else (number(i) - 2147483648) * 1000000000 for i in range(ROWS)],
                                    pa.timestamp('ns'))})
    write('int96', small, use_deprecated_int96_timestamps=True)
    write('no_rows', table_of(['PLAIN']).slice(0, 0))
    with pq.ParquetWriter(here / 'no_groups.parquet', pa.schema([('a', pa.int64()), ('b', pa.string())]), store_schema=False):
        pass
    keep_expected(here / 'no_groups.parquet')
    pq.write_table(pa.table({'a': ['brotli'] * 3}), here / 'brotli.refused', compression='brotli', store_schema=False)


def write_seeds():
    """Small files for the fuzzer: few columns each, most of them not packed, so that changed bytes reach the decoders."""
    folder = pathlib.Path(__file__).parent.parent / 'fuzz' / 'corpus' / 'parquet'
    folder.mkdir(exist_ok=True)
    for old in folder.glob('pyarrow_*'):
        old.unlink()

    def seed(name, table, **options):
        options = {'compression': 'none', 'store_schema': False, 'write_statistics': False, 'data_page_size': 40, 'write_batch_size': 4,
                   'row_group_size': 12, **options}
        pq.write_table(table, folder / f'pyarrow_{name}', **options)

    count = 19
    for encoding, names in ENCODINGS.items():
        for version in ('1.0', '2.0'):
            for name in names if encoding != 'PLAIN' else ['bool', 'text', 'fixed', 'i32', 'd38']:
                if encoding == 'DICTIONARY' and name not in ('text', 'i32', 'f32', 'f16', 'd38'):
                    continue
                kind, maker = MAKERS[name]
                values = [None if number(i) % 5 == 0 else maker(i) for i in range(count)]
                options = {'use_dictionary': encoding == 'DICTIONARY', 'data_page_version': version}
                if encoding != 'DICTIONARY':
                    options['column_encoding'] = encoding
                seed(f'{encoding.lower()}_{name}_v{version[0]}', pa.table({'a': pa.array(values, kind)}), **options)
    lists = pa.array([None if i % 7 == 0 else [None if (i + j) % 3 == 0 else text(j) for j in range(i % 4)] for i in range(count)])
    structs = pa.array([None if i % 5 == 0 else [{'x': j} for j in range(i % 3)] for i in range(count)], pa.list_(pa.struct([('x', pa.int32())])))
    for version in ('1.0', '2.0'):
        table = pa.table({'t': lists, 's': structs, 'i': pa.array(range(count), pa.int16()), 'u': [text(i) for i in range(count)]})
        seed(f'lists_v{version[0]}', table, data_page_version=version)
        for codec in ('snappy', 'gzip', 'zstd', 'lz4', 'brotli'):
            seed(f'{codec}_v{version[0]}', table.select(['t', 'u']), data_page_version=version, compression=codec, row_group_size=100)
    seed('int96', pa.table({'t': pa.array([i * 10 ** 15 for i in range(count)], pa.timestamp('ns'))}), use_deprecated_int96_timestamps=True)
    seed('crc', pa.table({'i': list(range(count))}), write_page_checksum=True)
    seed('statistics', pa.table({'i': list(range(count)), 'u': [text(i) for i in range(count)]}), write_statistics=True, store_schema=True,
         write_page_index=True)
    seed('no_rows', pa.table({'i': pa.array([], pa.int8())}))


main()
write_seeds()
