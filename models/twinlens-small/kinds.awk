# Reads rows "picture TAB caption", those of a picture one after the other under a first line of titles; writes them, and one
# more for each thing that WordNet knows in half of the picture's captions or more: what it and the kinds above it are called
# ("tabby, tabby cat, cat, mammal"). A caption "=n02123045" is a thing of WordNet itself.
# usage: awk -v wordnet=/usr/share/wordnet -f kinds.awk ROWS      (WordNet 3.0, files as in wndb(5WN) and cntlist(5WN))

# Animals, artifacts, food, natural objects, plants: what a picture shows (lexnames(5WN)).
function is_thing(id) { return id != "" && (file_of[id] ~ /^(05|06|13|17|20)$/) }

# The names of a synset but for Latin ones ("Felis catus"), which nobody searches by.
function names_of(id,   part, count, i, name, list) {
    count = split(words[id], part, " ")
    for (i = 1; i <= count; i++) {
        name = part[i]
        gsub(/_/, " ", name)
        if (i == 1 || name !~ /^[A-Z]/) list = list (list != "" ? ", " : "") name
    }
    return list
}

# And of up to two kinds above it those names that people use in that sense: "cat" and "mammal", not "felid" and "carnivore".
function names_and_kinds(id,   kinds, list) {
    list = names_of(id)
    while (kinds < 2 && (id = above[id]) != "")
        if (id in used_words && !(id in vague)) {
            list = list used_words[id]
            kinds++
        }
    return list
}

# How often a sense of a word was met in WordNet's texts; what never was is not listed.
function read_counts(file,   line, part) {
    while ((getline line <file) > 0) {
        split(line, part, " ")
        is_used[part[1]]
    }
}

function hex_value(text,   i, value) {
    for (i = 1; i <= length(text); i++) value = 16 * value + index("0123456789abcdef", substr(text, i, 1)) - 1
    return value
}

function read_synsets(file,   line, part, count, i, word, key) {
    while ((getline line <file) > 0) {
        if (line ~ /^ /) continue
        split(line, part, " ")
        file_of[part[1]] = part[2]
        count = hex_value(part[4])
        for (i = 0; i < count; i++) {
            word = part[5 + 2 * i]
            if (i < 3) words[part[1]] = words[part[1]] " " word
            key = sprintf("%s%%1:%s:%02d::", tolower(word), part[2], hex_value(part[6 + 2 * i]))
            gsub(/_/, " ", word)
            if (key in is_used) used_words[part[1]] = used_words[part[1]] ", " word
        }
        if ((part[5] in says_little) || part[5] ~ /^physical_/) vague[part[1]]
        i = 6 + 2 * count
        while (part[i] ~ /^[^|]/ && part[i] !~ /^@i?$/) i += 4
        if (part[i] ~ /^@i?$/) above[part[1]] = part[i + 1]
    }
}

# A word's commonest sense is the first.
function read_senses(file,   line, part) {
    while ((getline line <file) > 0) {
        if (line ~ /^ /) continue
        split(line, part, " ")
        sense[part[1]] = part[7 + part[4]]
    }
}

function sense_of(word) {
    if (is_thing(sense[word])) return sense[word]
    if (sense[word] == "" && sub(/s$/, "", word) && is_thing(sense[word])) return sense[word]
    return ""
}

function note_thing(id) { if (!things[id]++) order[++different] = id }

# Each once in a caption; words of two before words of one.
function count_things(caption,   part, count, i, id, seen) {
    gsub(/[^a-z]+/, " ", caption)
    count = split(caption, part, " ")
    for (i = 1; i <= count; i++) {
        id = i < count ? sense_of(part[i] "_" part[i + 1]) : ""
        if (id != "") i++
        else id = sense_of(part[i])
        if (id != "" && !(id in seen)) {
            seen[id]
            note_thing(id)
        }
    }
}

function end_picture(   i) {
    for (i = 1; i <= different; i++)
        if (2 * things[order[i]] >= captions) print picture "\t" names_and_kinds(order[i])
    split("", things)
    captions = different = 0
}

BEGIN {
    count = split("device instrumentality artifact whole object entity organism chordate placental conveyance covering " \
                  "substance matter solid structure support implement container mechanism nutriment ingredient foodstuff " \
                  "course produce", list, " ")
    for (i = 1; i <= count; i++) says_little[list[i]]
    read_counts(wordnet "/cntlist.rev")
    read_synsets(wordnet "/data.noun")
    read_senses(wordnet "/index.noun")
    FS = "\t"
}

$1 != picture { end_picture(); picture = $1 }
$2 ~ /^=n[0-9]+$/ {
    id = substr($2, 3)
    print $1 "\t" names_of(id)
    note_thing(id)
    captions++
    next
}
{ print }
NR > 1 { captions++; count_things(tolower($2)) }
END { end_picture() }
