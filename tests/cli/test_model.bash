# Models from a hub: pull, list, inspect, use, remove, against a server that does all that a bad one can do.
. "$(dirname "$0")/support.bash"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
server="$(dirname "$0")/hub_server.py"
export XDG_DATA_HOME=$PWD/home
unset HF_TOKEN HF_ENDPOINT TWINLENS_MODEL TWINLENS_OFFLINE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export NO_PROXY=127.0.0.1
store=$XDG_DATA_HOME/twinlens/models
first=1111111111111111111111111111111111111111
second=2222222222222222222222222222222222222222

pictures p
expect 0 "$TWINLENS" import p -o d
expect 0 "$TWINLENS" train d -o m $small_training --steps 1
expect 0 "$TWINLENS" train d -o m2 $small_training --steps 2
mkdir plain plain2
for name in config.json model.safetensors tokenizer.model preprocessor_config.json; do
    cp "m/$name" plain
    cp "m2/$name" plain2
done
size=$(wc -c <plain/model.safetensors)
python3 "$server" make hub lens/tiny $first plain

# start NAME: a server of hub/, its state in NAME/; its url in $url.
servers=""
start() {
    mkdir -p "$1"
    : >"$1/log"
    python3 "$server" serve hub "$1" 2>"$1/err" &
    servers="$servers $!"
    await 60 [ -e "$1/port" ]
    url=http://127.0.0.1:$(cat "$1/port")
}
trap 'kill $servers 2>/dev/null' EXIT
start other
other=$url
start main
export HF_ENDPOINT=$url

pull() {
    "$TWINLENS" model pull --retry-wait 0.02 "$@"
}
# faults LINE...: what the main server does from now on; its log starts anew.
faults() {
    printf '%s\n' "$@" >main/faults
    : >main/log
}
# logged PATTERN COUNT
logged() {
    local found
    found=$(grep -c -E -- "$1" main/log)
    [ "$found" -eq "$2" ] || { fail "expected $2 requests like '$1', found $found"; cat main/log >&2; }
}
# fresh: no store.
fresh() {
    rm -rf home
    faults
}
whole() {
    cmp -s plain/model.safetensors "$store/lens--tiny/model.safetensors" || fail "expected the model's bytes: $*"
}

# Offline, and a hub that nobody needs to ask.
expect_error 1 "'lens/tiny': expected an installed model while offline" pull lens/tiny --offline
expect_error 1 "expected an installed model while offline" env TWINLENS_OFFLINE=1 "$TWINLENS" model pull lens/tiny
[ ! -s main/log ] || fail "expected nothing asked while offline"
[ ! -e home ] || fail "expected no store after a refusal"
expect_error 2 "expected ORG/REPO or a name" pull nonsense
expect_error 2 "expected ORG/REPO or a name" pull ../../etc
expect_error 2 "expected ORG/REPO or a name" pull a/../b
expect_error 2 "expected a branch, tag or commit" pull lens/tiny@../x
expect_error 1 "HF_ENDPOINT: expected a url" env HF_ENDPOINT=ftp://x "$TWINLENS" model pull lens/tiny
expect_error 1 "model 'clip-vit-b-32' is not installed: 'twinlens model pull clip-vit-b-32'" "$TWINLENS" search fox --model clip-vit-b-32 --index i.db

# The plain way.
expect 0 pull lens/tiny
expect_output "^lens/tiny is installed: revision 111111111111, 4 files, [0-9.]+ MB, licence mit$"
expect_output "^lens/tiny is the default model now$"
whole
[ "$(ls "$store/lens--tiny" | tr '\n' ' ')" = "config.json fingerprint.json model.safetensors origin.json preprocessor_config.json tokenizer.model " ] ||
    fail "expected the files of a model, found $(ls "$store/lens--tiny")"
[ -z "$(find "$store/.partial" -mindepth 1 -not -name '*.lock')" ] || fail "expected no leftovers of a download"
grep -q "\"sha256\": \"$(sha256sum plain/config.json | cut -d' ' -f1)\"" "$store/lens--tiny/origin.json" || fail "expected digests in origin.json"
logged 'Bearer' 0
expect 0 "$TWINLENS" tokenize 'a red fox'
expect 0 "$TWINLENS" tokenize 'a red fox' --model lens/tiny
expect 0 "$TWINLENS" tokenize 'a red fox' --model lens--tiny
TWINLENS_MODEL=lens/tiny expect 0 "$TWINLENS" model inspect
expect_output "^lens--tiny: family twinlens, [0-9]+ parameters"
expect_output "^from lens/tiny at $url, revision 111111111111 \(main\), transformers files"
expect_output "^licence: mit$"
expect_output "^pictures: \{"
expect 0 "$TWINLENS" model inspect --json
expect_json_lines
grep -q '"license":"mit"' out.txt || fail "expected the licence in JSON"
expect 0 "$TWINLENS" model list
expect_output "^\* lens/tiny  [0-9.]+ MB  twinlens, transformers, licence mit, revision 111111111111$"
expect_output "^  clip-vit-b-32 "
expect 0 "$TWINLENS" model list --json
expect_json_lines
grep -q '"repository":"lens/tiny".*"state":"installed".*"default":true' out.txt || fail "expected the model in JSON"

# Once more: nothing is fetched but the commit; offline not even that.
faults
expect 0 pull lens/tiny
expect_output "is installed already and up to date: revision 111111111111"
logged . 1
expect 0 pull lens/tiny --offline
expect_output "is installed \(offline: not compared with the hub\)"
expect_error 1 "expected revision 'v9' installed while offline, found '1111" pull lens/tiny@v9 --offline
logged . 1

# A new revision: unchanged files are not fetched, a failure leaves the old one, success replaces it.
python3 "$server" make hub lens/tiny $second plain2
faults "99 replace x resolve/$second/model.safetensors"
expect_error 1 "'lens/tiny': 'model.safetensors': expected sha-256 [0-9a-f]{40}, found [0-9a-f]{40}" pull lens/tiny
whole
expect 0 "$TWINLENS" tokenize 'a red fox'
expect 0 "$TWINLENS" model list
expect_output "^\* lens/tiny .* revision 111111111111$"
faults
expect 0 pull lens/tiny
expect_output "^lens/tiny is updated: revision 222222222222"
logged "resolve/$second/model.safetensors" 1
logged "resolve/$second/config.json" 0
cmp -s plain2/model.safetensors "$store/lens--tiny/model.safetensors" || fail "expected the new weights"
expect 0 pull lens/tiny@$first
expect_output "is updated: revision 111111111111"
whole
python3 "$server" make hub lens/tiny $first plain

# A download that is broken off goes on where it was, within a call and across calls.
fresh
faults "1 cut 10000 model.safetensors" "1 reset 10000 model.safetensors" "1 status 500 model.safetensors" "1 status 429,1 model.safetensors"
began=$(date +%s%N)
expect 0 pull lens/tiny
whole
[ $(($(date +%s%N) - began)) -ge 900000000 ] || fail "expected the second that the server asked for"
logged '^206 .*model.safetensors bytes=10000- "' 1
logged 'model.safetensors bytes=20000- "' 3
fresh
faults "9 cut 30000 model.safetensors" "9 status 503 model.safetensors"
expect_error 1 "'lens/tiny': 'model.safetensors': gave up after 1 tries: the connection broke after 30000 bytes" pull lens/tiny --retries 0
expect 0 "$TWINLENS" model list
expect_output "^  lens/tiny  [0-9.]+ MB  partly downloaded"
[ ! -e "$store/lens--tiny" ] || fail "expected no half model in the store"
faults
expect 0 pull lens/tiny
whole
logged '^206 .*model.safetensors bytes=30000- "' 1
logged '/config.json' 0

# Another version in between (a changed ETag), a server without ranges, one that has lost the file's end: from the start.
fresh
faults "1 cut 30000 model.safetensors"
expect 1 pull lens/tiny --retries 0
faults "1 etag other model.safetensors"
expect 0 pull lens/tiny
whole
logged '^200 .*model.safetensors bytes=30000- "' 1
fresh
faults "1 cut 30000 model.safetensors" "1 norange x model.safetensors"
expect 0 pull lens/tiny
whole
fresh
faults "1 cut 30000 model.safetensors" "1 status 416 model.safetensors"
expect 0 pull lens/tiny
whole
# A part that somebody damaged is found out by the digest and fetched anew.
fresh
faults "1 cut 30000 model.safetensors"
expect 1 pull lens/tiny --retries 0
printf x | dd of="$store/.partial/lens--tiny@$first/model.safetensors.part" bs=1 seek=5 conv=notrunc status=none
faults
expect 0 pull lens/tiny
whole
logged 'model.safetensors' 2
# As is a part that is longer than the file.
fresh
mkdir -p "$store/.partial/lens--tiny@$first"
cat plain/model.safetensors plain/model.safetensors >"$store/.partial/lens--tiny@$first/model.safetensors.part"
expect 0 pull lens/tiny
whole

# Lies about lengths and places.
fresh
faults "9 lie 1000 model.safetensors"
expect_error 1 "'model.safetensors': expected at most $size bytes, found a length of $((size + 1000))" pull lens/tiny
faults "9 longer 1 model.safetensors"
expect_error 1 "'model.safetensors': expected at most $size bytes, found a length of $((size + 1))" pull lens/tiny
faults "9 lie -1000 model.safetensors"
expect_error 1 "'model.safetensors': expected $size bytes as in the list of files, found $((size - 1000))" pull lens/tiny
faults "1 nolength 30000 model.safetensors"
expect 0 pull lens/tiny
whole
fresh
faults "1 cut 30000 model.safetensors" "1 shift 7 model.safetensors"
expect_error 1 "'model.safetensors': expected bytes from 30000 on, found 'bytes 30007-" pull lens/tiny

# What is not worth a second try, and what is.
fresh
expect_error 1 "'lens/none': 'main': expected status 200, found 404: Entry not found" pull lens/none
logged . 1
faults "9 status 403 revision"
expect_error 1 "'main': no such repository, or one that needs a token in HF_TOKEN: expected status 200, found 403" pull lens/tiny
logged . 1
faults "9 status 500 revision"
expect_error 1 "'main': gave up after 3 tries: expected status 200, found 500" pull lens/tiny --retries 2
logged . 3
faults "9 status 429,9999 revision"
expect_error 1 "'main': the server asks to wait 9999 seconds: expected status 200, found 429" pull lens/tiny
faults "99 loop x model.safetensors"
expect_error 1 "'model.safetensors': .*redirects" pull lens/tiny
HF_ENDPOINT=http://127.0.0.1:9 expect_error 1 "'main': gave up after 1 tries: .*connect" pull lens/tiny --retries 0

# The token goes to the endpoint's host (and port) and nowhere else; a redirect is followed without it.
fresh
export HF_TOKEN=hf_secret
faults "1 redirect $other model.safetensors"
expect 0 pull lens/tiny
whole
logged 'Bearer hf_secret$' 6
grep -q 'model.safetensors' other/log || fail "expected the file to come from the other host"
! grep -q 'secret' other/log || fail "expected no token at the other host"
fresh
faults "9 status 401 revision"
expect_error 1 "the account of HF_TOKEN may not read it" pull lens/tiny
HF_TOKEN=$'a\nX-Evil: 1' expect_error 1 "token: expected printable ascii" pull lens/tiny
unset HF_TOKEN

# Pickled weights alone, no weights, hostile lists.
faults
mkdir pickled odd
cp plain/config.json pickled
echo x >pickled/pytorch_model.bin
python3 "$server" make hub lens/pickled $first pickled
expect_error 1 "'lens/pickled': expected safetensors, found only 'pytorch_model.bin'.*save_pretrained" pull lens/pickled
cp plain/config.json odd
python3 "$server" make hub lens/odd $first odd
expect_error 1 "'lens/odd': expected open_clip_config.json with .* found neither among 1 files" pull lens/odd
list=hub/api/models/lens/odd/tree/$first
about=hub/api/models/lens/odd/revision/main
for hostile in '{' '[]' '[[]]' '"x"' '[{"type":"file","path":"config.json"}]' '[{"type":"file","path":"config.json","size":-1,"oid":"x"}]' \
    '[{"type":"file","path":"config.json","size":3,"oid":"zz"}]' '[{"type":"file","path":"config.json","size":3,"lfs":{"oid":"../../x","size":3}}]' \
    '[{"type":"file","path":"../../../config.json","size":3,"oid":"1111111111111111111111111111111111111111"}]' \
    "$(printf '[%.0s' $(seq 3000))"; do
    printf '%s' "$hostile" >"$list"
    expect_error 1 "lens/odd" pull lens/odd
done
for hostile in '{}' '[]' '' '{"sha":"main"}' '{"sha":"../../../../../../../../../../../../etc"}' '{"sha":7}'; do
    printf '%s' "$hostile" >"$about"
    expect_error 1 "lens/odd" pull lens/odd
done
head -c 20000000 /dev/zero | tr '\0' ' ' >"$about"
expect_error 1 "'lens/odd': 'main': expected at most 16777216 bytes, found a length of 20000000" pull lens/odd
[ ! -e "$store/lens--odd" ] || fail "expected nothing in the store"

# What does not open as a model does not get into the store.
mkdir nomodel
cp plain/* nomodel
head -c 30000 plain/model.safetensors >nomodel/model.safetensors
python3 "$server" make hub lens/nomodel $first nomodel
expect_error 1 "'lens/nomodel': downloaded whole, but it does not open as a model: .*model.safetensors" pull lens/nomodel
[ ! -e "$store/lens--nomodel" ] || fail "expected nothing in the store"
expect 0 "$TWINLENS" model remove lens/nomodel
[ -z "$(find "$store/.partial" -name 'lens--nomodel@*')" ] || fail "expected the rest of a download to be removed"

# An open_clip model takes its vocabulary from where its configuration says.
mkdir clip words
echo '{"model_cfg": {"text_cfg": {"hf_tokenizer_name": "lens/words"}}, "preprocess_cfg": {}}' >clip/open_clip_config.json
cp plain/model.safetensors clip/open_clip_model.safetensors
cp plain/tokenizer.model words/tokenizer.model
python3 "$server" make hub lens/clip $first clip
python3 "$server" make hub lens/words $second words
fresh
expect 1 pull lens/clip
cmp -s plain/tokenizer.model "$store/.partial/lens--clip@$first/tokenizer.model" || fail "expected the other repository's vocabulary"

# Ctrl-C keeps what is there; a disk that is full is one line.
fresh
faults "99 cut 20000 model.safetensors" "99 status 503 model.safetensors"
"$TWINLENS" model pull lens/tiny --retries 9 --retry-wait 30 >out.txt 2>err.txt &
pid=$!
await 60 [ -s "$store/.partial/lens--tiny@$first/model.safetensors.part" ]
expect_error 1 "'lens/tiny': another twinlens downloads or removes it right now" pull lens/tiny
expect_error 1 "another twinlens" "$TWINLENS" model remove lens/tiny
kill -INT $pid
code=0
wait $pid || code=$?
[ "$code" -eq 1 ] || fail "expected exit code 1 after Ctrl-C, found $code"
grep -q "^twinlens model: 'lens/tiny': stopped; the same command goes on from here$" err.txt || fail "expected word of the stop, found $(cat err.txt)"
faults
expect 0 pull lens/tiny
whole
logged '^206 .*model.safetensors bytes=20000-' 1
fresh
expect_error 1 "'lens/tiny': '[a-z.]*': cannot write '.*file too large" bash -c "ulimit -f 16; exec '$TWINLENS' model pull lens/tiny"
expect 0 pull lens/tiny
whole
expect_error 1 "home" env XDG_DATA_HOME=/proc/home "$TWINLENS" model pull lens/tiny

# A replacement that was killed between its two renames.
mkdir -p "$store/.old"
mv "$store/lens--tiny" "$store/.old/lens--tiny"
expect 0 "$TWINLENS" tokenize 'a red fox' --model lens/tiny
whole

# use and remove.
expect 0 "$TWINLENS" model use m
expect_output '^m is the default model now$'
expect 0 "$TWINLENS" model list
expect_output "^\* $PWD/m  \(a folder\)$"
expect_output "^  lens/tiny"
expect 0 "$TWINLENS" model use lens/tiny
expect_error 1 "model 'lens/gone': expected a model folder, found nothing" "$TWINLENS" model use lens/gone
expect_error 2 "remove: expected the name of an installed model, found 'm'" "$TWINLENS" model remove m
expect_error 2 "remove: expected the name of an installed model" "$TWINLENS" model remove "$PWD/m"
expect_error 2 "remove: expected the name of an installed model" "$TWINLENS" model remove ..--..
expect_error 1 "'lens/gone': expected an installed model" "$TWINLENS" model remove lens/gone
[ -e m/config.json ] || fail "expected a folder outside the store to stay"
expect 0 "$TWINLENS" model remove lens/tiny
expect_output "^lens/tiny is removed; no model is chosen now$"
[ ! -e "$store/lens--tiny" ] || fail "expected the folder gone"
expect 0 "$TWINLENS" model list
expect_output '^\* twinlens-small'
expect_error 2 'expected pull NAME, list' "$TWINLENS" model fly
expect_error 2 'expected pull NAME, list' "$TWINLENS" model pull
finish
