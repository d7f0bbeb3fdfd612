# kill -9 at random moments of a download: the same command goes on, asks for nothing again that had settled, and ends with the
# shards, tables and failed rows of an unbroken run.
. "$(dirname "$0")/support.bash"
. "$(dirname "$0")/download.bash"
kills=10
[ -z "${TL_SOAK:-}" ] || kills=200

helper make www 60
helper lying www/lying
serve_pictures
{
    printf 'url\tcaption\tscore\n'
    for row in $(seq 0 399); do
        case $((row % 20)) in
        7) printf '%s/gone/%d.png\tnothing %d\t0.5\n' "$site" "$row" "$row" ;;
        11) printf '%s/busy/%d.png\tbusy %d\t0.5\n' "$site" "$row" "$row" ;;
        13) printf '%s/lying/cut.png?%d\tcut %d\t0.25\n' "$site" "$row" "$row" ;;
        17) printf '%s/slow/%d.png?%d\tslow %d\t0.125\n' "$site" $((row % 60)) "$row" "$row" ;;
        *) printf '%s/%d.png?%d\tpicture %d\t0.75\n' "$site" $((row % 60)) "$row" "$row" ;;
        esac
    done
} >list.tsv
options=(--shard-size 64 --resize shortest --size 24 --encode jpg --table jsonl --keep score --unique pictures --in-flight 24)

code=0
seconds=$(date +%s.%N)
import_list list.tsv whole "${options[@]}" >out.txt 2>err.txt || code=$?
seconds=$(echo "$(date +%s.%N) $seconds" | awk '{ print $1 - $2 }')
[ "$code" -eq 3 ] || fail "expected exit code 3, found $code: $(cat err.txt)"
[ "$(ls whole | grep -c '\.tar$')" -eq 7 ] || fail "expected 7 shards, found $(ls whole)"
ls -a whole | grep -q spool && fail "expected no spool after the end"
rows_of() { sqlite3 "$1/ledger.db" 'SELECT shard, row, host, status, reason, worth_retry FROM failed_rows ORDER BY 1, 2'; }
command -v sqlite3 >/dev/null || rows_of() { :; }
rows_of whole >whole.rows

RANDOM=20260
moments=(time writing standing)
: >left.txt
done_kills=0
datasets=0
while [ $done_kills -lt $kills ]; do
    datasets=$((datasets + 1))
    dataset=killed-$datasets
    code=137
    while [ "$code" -eq 137 ]; do
        [ -d "$dataset" ] && helper settled "$dataset" | sed "s|^$site||" | sort >settled.txt || : >settled.txt
        lines=$(wc -l <access.log)
        # A third of the kills strike at any time, a third while a shard is written, a third before the ledger knows of it.
        moment=never
        [ $done_kills -ge $kills ] || moment=${moments[done_kills % 3]}
        code=0
        helper kill "$dataset" "$moment" "$(awk -v r=$RANDOM -v all="$seconds" 'BEGIN { print r / 32768 * all }')" \
            "$TWINLENS" import list.tsv -o "$dataset" "${here_options[@]}" "${options[@]}" >>left.txt 2>err.txt || code=$?
        [ "$code" -ne 137 ] || done_kills=$((done_kills + 1))
        sleep 0.05 # the server writes its log
        helper asked access.log "$lines" | sort >asked.txt
        again=$(comm -12 settled.txt asked.txt)
        [ -z "$again" ] || fail "asked for again after it had settled: $(echo "$again" | head -n 3)"
    done
    [ "$code" -eq 3 ] || fail "expected exit code 3, found $code: $(cat err.txt)"
    for file in whole/*.tar whole/*.jsonl; do
        cmp "$file" "$dataset/$(basename "$file")" || fail "$dataset: other bytes than the unbroken run's"
    done
    [ "$(ls "$dataset" | grep -cv ledger)" -eq "$(ls whole | grep -cv ledger)" ] || fail "$dataset: $(ls "$dataset")"
    rows_of "$dataset" | cmp - whole.rows || fail "$dataset: other failed rows than the unbroken run's"
    rm -rf "$dataset"
    [ $failures -eq 0 ] || break
done
echo "$done_kills kills in $datasets datasets, which left:"
sort left.txt | uniq -c
for left in 'a shard half written' 'a shard that the ledger does not know'; do
    grep -q "$left" left.txt || fail "expected some kills to leave $left"
done
finish
