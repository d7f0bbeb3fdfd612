"""What parquet_columns prints of a file, made by pyarrow: shared by make_parquet.py and check_parquet.py."""
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt


def _plain(kind):
    """The type with times as integers, dictionaries as their values, decimals and the rest as they are."""
    if pt.is_dictionary(kind):
        return _plain(kind.value_type)
    if pt.is_temporal(kind):
        return pa.int32() if kind.bit_width == 32 else pa.int64()
    if pt.is_struct(kind):
        return pa.struct([pa.field(f.name, _plain(f.type)) for f in kind])
    if pt.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind):
        return pa.large_list(_plain(kind.value_type))
    return kind


def _unit(kind):
    if pt.is_date(kind):
        return 'days'
    if pt.is_timestamp(kind) or pt.is_time(kind):
        return {'ms': 'millis', 'us': 'micros', 'ns': 'nanos'}[kind.unit]
    return 'number'


def _kind(kind):
    if pt.is_boolean(kind):
        return 'boolean'
    if pt.is_unsigned_integer(kind):
        return 'natural'
    if pt.is_integer(kind) or pt.is_temporal(kind):
        return 'integer'
    if pt.is_float64(kind):
        return 'double'
    if pt.is_floating(kind):
        return 'float'
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_decimal(kind):
        return 'text'
    return 'bytes'


def _word(value, kind):
    if value is None:
        return '-'
    if pt.is_boolean(kind):
        return '1' if value else '0'
    if pt.is_integer(kind):
        return str(value)
    if pt.is_float64(kind):
        return '%016x' % struct.unpack('<Q', struct.pack('<d', value))
    if pt.is_floating(kind):
        return '%08x' % struct.unpack('<I', struct.pack('<f', float(value)))
    if pt.is_decimal(kind):
        return 'x' + format(value, 'f').encode().hex()
    return 'x' + (value.encode() if isinstance(value, str) else value).hex()


def _leaves(name, values, kind, shown, depth=0):
    """[(name, type as the file has it, depth of lists, words)] of the leaves below a column."""
    if pt.is_dictionary(shown):
        shown = shown.value_type
    if pt.is_struct(kind):
        return [leaf for i, field in enumerate(kind)
                for leaf in _leaves(f'{name}.{field.name}', [None if v is None else v[field.name] for v in values], field.type,
                                    shown.field(i).type, depth)]
    if pt.is_map(kind):
        items = pa.struct([pa.field('key', kind.key_type), pa.field('value', kind.item_type)])
        shown_items = pa.struct([pa.field('key', shown.key_type), pa.field('value', shown.item_type)])
        values = [None if v is None else [{'key': a, 'value': b} for a, b in v] for v in values]
    elif pt.is_large_list(kind):
        items, shown_items = kind.value_type, shown.value_type
    else:
        return [(name, shown, depth, [_word(v, kind) for v in values])]
    flat = [item for v in values if v is not None for item in v]
    leaves = []
    for leaf_name, leaf_shown, leaf_depth, words in _leaves(name, flat, items, shown_items, depth + 1):
        at, joined = 0, []
        for v in values:
            joined.append('-' if v is None else '[' + ','.join(words[at:at + len(v)]) + ']')
            at += 0 if v is None else len(v)
        leaves.append((leaf_name, leaf_shown, leaf_depth, joined))
    return leaves


def expected(path):
    """(lines of columns, lines of rows) that parquet_columns prints of the file."""
    table = pq.ParquetFile(path).read()
    head, columns = [], []
    for field in table.schema:
        column = table.column(field.name)
        plain = column.cast(_plain(field.type)) if _plain(field.type) != field.type else column
        for name, kind, depth, words in _leaves(field.name, plain.to_pylist(), _plain(field.type), field.type):
            if depth > 1:
                head.append(f'column {name} unreadable {_unit(kind)}')
                continue
            head.append(f'column {name} {_kind(kind)} {_unit(kind)}')
            columns.append(words)
    head.append(f'rows {table.num_rows}')
    rows = [' '.join([str(i), *(words[i] for words in columns)]) for i in range(table.num_rows)] if columns else []
    return head, rows
