# Rows "picture TAB caption" of unpacked shards, from the json file beside each picture: its "captions", and its "keywords" as one
# caption more; or "=" and its "wnid", where it has one (kinds.awk). What is held out (split "held-out") is left out.
# usage: find FOLDER -name '*.jpg' -o -name '*.png' | LC_ALL=C sort | awk -f captions.awk
function strings(name,   at, text) {
    at = index(json, "\"" name "\":")
    text = at ? substr(json, at + length(name) + 3) : ""
    return sub(/^ *\["/, "", text) ? substr(text, 1, index(text, "\"]") - 1) : ""
}
{
    file = $0
    sub(/\.[a-z]+$/, ".json", file)
    json = ""
    while ((getline line <file) > 0) json = json line
    close(file)
    if (json ~ /"split": ?"held-out"/) next
    if (match(json, /"wnid": ?"n[0-9]+"/)) {
        print $0 "\t=" substr(json, RSTART + RLENGTH - 10, 9)
        next
    }
    count = split(strings("captions"), caption, /", ?"/)
    for (i = 1; i <= count; i++) {
        gsub(/\\"/, "'", caption[i])
        gsub(/[ \t]+/, " ", caption[i])
        print $0 "\t" caption[i]
    }
    keywords = strings("keywords")
    gsub(/", ?"/, ", ", keywords)
    if (keywords != "") print $0 "\t" keywords
}
