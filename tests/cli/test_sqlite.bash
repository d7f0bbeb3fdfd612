# The loadable extension where it is used: in the sqlite3 shell, in Python's sqlite3 and in apsw where these are there.
source "$(dirname "$0")/support.bash"
extension=$TWINLENS_SQLITE

# Linked to no SQLite, and giving out nothing but its entries.
readelf -d "$extension" > needed
grep -q 'libsentencepiece' needed || fail "readelf says nothing of what $extension needs"
! grep -q 'libsqlite3' needed || fail "the extension is linked to libsqlite3"
[[ $(nm -D --defined-only "$extension" | awk '{print $3}' | sort | tr '\n' ' ') == 'sqlite3_twinlens_init sqlite3_twinlenssqlite_init ' ]] ||
  fail "the extension exports: $(nm -D --defined-only "$extension")"

if ! command -v sqlite3 > /dev/null; then
  echo "skipped: no sqlite3 shell"
  exit 77
fi

# A build with AddressSanitizer loads into programs without it only after its runtime; what those programs leak is theirs.
sanitizer=$(ldd "$extension" | awk '/libasan/ {print $3}')
if [ -n "$sanitizer" ]; then
  export LD_PRELOAD=$sanitizer ASAN_OPTIONS=detect_leaks=0
fi

# Every example of the page, in one session.
page=$(dirname "$0")/../../docs/SQLITE.md
awk '/^```sql$/ {on = 1; next} /^```/ {on = 0} on' "$page" | sed "s|^\.load twinlens_sqlite$|.load $extension|" > examples.sql
awk '/^```text$/ {on = 1; next} /^```/ {on = 0} on' "$page" > expected
[[ $(wc -l < examples.sql) -gt 30 ]] || fail "no examples in $page"
run_examples() { sqlite3 -bail examples.db < examples.sql > found 2> errors; }
run_examples || fail "an example of $page failed: $(cat errors)"
cmp -s expected found || fail "the examples of $page print something else: $(diff expected found)"

# Both entries; a table of the file is found again by another process, and is not there without the extension.
sqlite3 examples.db ".load $extension sqlite3_twinlens_init" "SELECT count(*) FROM pictures" > out || fail "the named entry does not load"
[[ $(cat out) == 4 ]] || fail "expected 4 rows, found $(cat out)"
! sqlite3 examples.db "SELECT count(*) FROM pictures" > out 2>&1 || fail "a table without its module"
grep -q 'no such module' out || fail "expected 'no such module', found $(cat out)"

# Shadow tables are not for writing where the connection defends itself.
! sqlite3 examples.db ".load $extension" ".dbconfig defensive on" "DELETE FROM pictures_blocks" > out 2>&1 || fail "a shadow table was written"
grep -q 'may not be modified' out || fail "expected a refusal, found $(cat out)"
sqlite3 examples.db ".load $extension" ".dbconfig defensive on" "DELETE FROM pictures WHERE rowid=1; INSERT INTO pictures(pictures) VALUES('check'); SELECT count(*) FROM pictures" > out ||
  fail "a defensive connection cannot change the table"
tail -n 1 out | grep -qx 3 || fail "expected 3 rows, found $(cat out)"

# Without a model, embedding says how to get one; a model of an installed program is one.
[ -e "$TWINLENS_SHIPPED" ] || ! TWINLENS_MODEL= XDG_DATA_HOME=$PWD/none sqlite3 :memory: ".load $extension" "SELECT twinlens_embed('a fox')" > out 2>&1 || fail "embedded without a model"
[ -e "$TWINLENS_SHIPPED" ] || grep -q 'model' out || fail "expected an error about the model, found $(cat out)"

# A killed writer leaves the state before its transaction.
mkfifo statements
sqlite3 killed.db < statements > waiting &
writer=$!
exec 9> statements
cat >&9 << SQL
.load $extension
CREATE VIRTUAL TABLE v USING twinlens(dim=2, metric=l2);
INSERT INTO v(rowid, embedding) VALUES(1, '[1,1]'), (2, '[2,2]');
BEGIN; DELETE FROM v WHERE rowid=1;
INSERT INTO v(embedding) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT '[' || i || ',1]' FROM n;
.print waiting
SQL
await 20 grep -q waiting waiting
kill -9 "$writer"
wait "$writer" 2> /dev/null
exec 9>&-
sqlite3 killed.db ".load $extension" "INSERT INTO v(v) VALUES('check')" "SELECT group_concat(rowid) FROM v" "PRAGMA integrity_check" > out ||
  fail "a killed writer left an unsound table: $(cat out)"
[[ $(cat out) == $'1,2\nok' ]] || fail "expected rows 1 and 2, found $(cat out)"

# With a model, vectors are those that the program makes, and pictures are found by sentences in plain SQL.
pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $small_training --steps 10
expect 0 "$TWINLENS" embed "a red disc" --model m --json
sed 's/.*"embedding":\(\[[^]]*\]\).*/\1/' out.txt > program.json
export TWINLENS_MODEL=m
sqlite3 :memory: ".load $extension" "SELECT twinlens_distance_l2(twinlens_embed('a red disc'), readfile('program.json') || '') < 1e-5" > out || fail "cannot embed: $(cat out)"
[[ $(cat out) == 1 ]] || fail "the extension makes another vector than the program: $(head -c 200 program.json)"
dim=$(sqlite3 :memory: ".load $extension" "SELECT twinlens_dim(twinlens_embed('x'))")
sqlite3 pictures.db ".load $extension" "CREATE VIRTUAL TABLE v USING twinlens(dim=$dim, name TEXT)" \
  "INSERT INTO v(embedding, name) SELECT twinlens_embed_image(name), name FROM fsdir('p') WHERE name LIKE '%.ppm'" \
  "SELECT count(*) FROM v WHERE embedding MATCH twinlens_embed_text('a red disc') AND k = 5" > out || fail "cannot search pictures: $(cat out)"
[[ $(cat out) == 5 ]] || fail "expected 5 pictures, found $(cat out)"
! sqlite3 :memory: ".load $extension" "SELECT twinlens_embed_image('p/red-disc.txt')" > out 2>&1 || fail "embedded a text file as a picture"
! sqlite3 :memory: ".load $extension" "CREATE VIEW w AS SELECT twinlens_embed('x')" "SELECT * FROM w" > out 2>&1 || fail "embedded from a view"
grep -q 'unsafe use' out || fail "expected 'unsafe use', found $(cat out)"

cat > use.py << 'PY'
import array, sys
extension, kind = sys.argv[1], sys.argv[2]
if kind == "sqlite3":
    import sqlite3
    connection = sqlite3.connect("python.db")
    if not hasattr(connection, "enable_load_extension"):
        print("skipped: this Python's sqlite3 loads no extensions")
        sys.exit(0)
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    connection.isolation_level = None
else:
    try:
        import apsw
    except ImportError:
        print("skipped: no apsw")
        sys.exit(0)
    connection = apsw.Connection("apsw.db")
    newer = hasattr(connection, "enable_load_extension")
    (connection.enable_load_extension if newer else connection.enableloadextension)(True)
    (connection.load_extension if newer else connection.loadextension)(extension)
run = lambda sql, values=(): list(connection.cursor().execute(sql, values))
run("CREATE VIRTUAL TABLE v USING twinlens(dim=4, dtype=f32, metric=l2, name TEXT)")
run("BEGIN")
for i in range(1000):
    run("INSERT INTO v(rowid, embedding, name) VALUES(?, ?, ?)", (i, array.array("f", [i, 1, 2, 3]).tobytes(), "even" if i % 2 == 0 else "odd"))
run("COMMIT")
query = array.array("f", [500.2, 1, 2, 3]).tobytes()
assert [row[0] for row in run("SELECT rowid FROM v WHERE embedding MATCH ? AND k = 3", (query,))] == [500, 501, 499]
assert [row[0] for row in run("SELECT rowid FROM v WHERE embedding MATCH ? AND k = 3 AND name = ?", (query, "odd"))] == [501, 499, 503]
assert array.array("f", run("SELECT embedding FROM v WHERE rowid = 7")[0][0]).tolist() == [7, 1, 2, 3]
# What SQLite sorts or drops itself is not lost to a LIMIT, which newer versions hand to the table.
ids = lambda rest, *values: [row[0] for row in run("SELECT rowid FROM v WHERE embedding MATCH ? " + rest, (query, *values))]
assert ids("LIMIT 3 OFFSET 1") == [501, 499, 502]
assert ids("ORDER BY name DESC, rowid LIMIT 2") == [1, 3]
assert ids("ORDER BY distance DESC LIMIT 2") == [0, 1]
assert ids("AND length(name) = 3 ORDER BY distance LIMIT 2") == [501, 499]
assert ids("AND distance <> 0 AND rowid NOT IN (500, 501) LIMIT 2") == [499, 502]
nearest = run("SELECT distance, rowid FROM v WHERE embedding MATCH ? AND k = 1", (query,))[0]
assert ids("AND (distance, rowid) > (?, ?) ORDER BY distance, rowid LIMIT 2", *nearest) == [501, 499]
run("INSERT INTO v(v) VALUES('build')")
assert [row[0] for row in run("SELECT rowid FROM v WHERE embedding MATCH ? AND k = 3 AND exact = 1", (query,))] == [500, 501, 499]
try:
    run("SELECT rowid FROM v WHERE embedding MATCH ? AND k = 3", (query[:8],))
    raise SystemExit("a short vector was taken")
except Exception as error:
    assert "dimension 4" in str(error), error
run("INSERT INTO v(v) VALUES('check')")
print("done")
PY
# One writes while the other reads: whoever searches finds whole transactions of fifty rows, in either direction.
cat > beside.py << 'PY'
import array, subprocess, sys
extension, kind = sys.argv[1], sys.argv[2]
name, batches, rows = f"beside-{kind}.db", 12, 50
found = "SELECT count(*), count(DISTINCT batch) FROM {} WHERE embedding MATCH '[1,0]'"


def shell(script):
    process = subprocess.Popen(["sqlite3", "-bail", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(f".timeout 20000\n.load {extension}\n" + script)
    process.stdin.close()
    return process


def expect_whole(count, distinct):
    assert count == rows * distinct, (count, distinct)
    return count


module = __import__("apsw" if kind == "apsw" else "sqlite3")
connection = module.Connection(name)
for step in (("enable_load_extension", "enableloadextension", True), ("load_extension", "loadextension", extension)):
    getattr(connection, step[0] if hasattr(connection, step[0]) else step[1])(step[2])
if kind == "sqlite3":
    connection.isolation_level = None
run = lambda sql, values=(): list(connection.cursor().execute(sql, values))
run("PRAGMA busy_timeout=20000")
run("PRAGMA journal_mode=wal")
for table in ("ours", "theirs"):
    run(f"CREATE VIRTUAL TABLE {table} USING twinlens(dim=2, metric=l2, batch INTEGER)")

reader = shell((found.format("ours") + ";\n") * 200)
for batch in range(batches):
    run("BEGIN IMMEDIATE")
    for i in range(rows):
        run("INSERT INTO ours(embedding, batch) VALUES(?, ?)", (array.array("f", [i, batch]).tobytes(), batch))
    run("COMMIT")
seen = [expect_whole(*map(int, line.split("|"))) for line in reader.stdout]
assert reader.wait() == 0 and len(seen) == 200 and seen == sorted(seen), seen

writer = shell("".join(f"BEGIN IMMEDIATE;\nINSERT INTO theirs(embedding, batch) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                       f"WHERE i < {rows}) SELECT '[' || i || ',{batch}]', {batch} FROM n;\nCOMMIT;\n" for batch in range(batches)))
seen = []
while writer.poll() is None:
    seen.append(expect_whole(*run(found.format("theirs"))[0]))
assert writer.returncode == 0 and seen == sorted(seen), seen
for table in ("ours", "theirs"):
    assert expect_whole(*run(found.format(table))[0]) == rows * batches
    run(f"INSERT INTO {table}({table}) VALUES('check')")
print("done")
PY
for kind in sqlite3 apsw; do
  python=${TL_TEST_PYTHON:-python3}
  # Debian's Python has both, where it has them: a Python of one's own may be without.
  needs='import apsw'
  [[ $kind == sqlite3 ]] && needs='import sqlite3; sqlite3.Connection.enable_load_extension'
  ! "$python" -c "$needs" 2> /dev/null && [[ -x /usr/bin/python3 ]] && python=/usr/bin/python3
  "$python" use.py "$extension" "$kind" > out 2>&1 || fail "$kind: $(cat out)"
  grep -Eq '^(done|skipped)' out || fail "$kind: $(cat out)"
  echo "$kind: $(cat out)"
  if grep -q '^done' out; then
    "$python" beside.py "$extension" "$kind" > out 2>&1 || fail "$kind beside the sqlite3 shell: $(cat out)"
  fi
done
finish
