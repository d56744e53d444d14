#!/usr/bin/env bash
# house.sh CASE [ROOT]: rules about the sources themselves that no compiler checks.
set -euo pipefail
export LC_ALL=C
cd "${2:-$(dirname "${BASH_SOURCE[0]}")/../..}"

# The rooms of graph/ in the order in which a file flows through them: each includes itself and those before it.
rooms=(values cluster document types compose check plan run)

sources() { find "$@" \( -name '*.h' -o -name '*.cpp' \) -print | sort; }

# FILE:LINE TARGET of every include of our own, written "…" or <…>; Highway and oneDNN are written "…" as well.
own_includes() {
  sources graph nodes tools | xargs grep -nE '^ *# *include *("|<(graph|nodes|tools)/)' |
    sed -E 's/^([^:]*:[0-9]*):.*["<]([^">]*)[">].*/\1 \2/' | grep -vE ' (hwy|oneapi)/'
}

IncludesRunOneWay() {
  local wrong
  wrong=$(own_includes | awk -v rooms="${rooms[*]}" '
    BEGIN {
      count = split(rooms, names, " ")
      for (i = 1; i <= count; ++i) rank[names[i]] = i
      rank["version.h"] = rank["values"]  # generated: a number
      rank["plugin.h"] = rank["types"]    # the front door, of what a plugin says of its types
      floor["graph"] = 1; floor["nodes"] = 2; floor["tools"] = 3
    }
    function refuse(why) { print $1 ": includes " $2 ", but " why }
    {
      split($1, place, ":"); split(place[1], file, "/"); split($2, target, "/")
      if (!(target[1] in floor)) refuse("what is included stands in graph/, nodes/ or tools/")
      else if (floor[target[1]] > floor[file[1]]) refuse("arrows run tools -> nodes -> graph")
      else if (target[1] == "graph" && !(target[2] in rank)) refuse("graph/ has no such room")
      else if (file[1] == "graph" && rank[target[2]] > rank[file[2]])
        refuse("the rooms of graph/ come in the order " rooms)
      else if (file[1] == "nodes" && file[2] == "kernels" && target[1] != "graph" && target[2] != "kernels")
        refuse("kernels include kernels and graph/values alone")
      else if (file[1] == "nodes" && file[2] == "kernels" && target[1] == "graph" && target[2] != "values")
        refuse("kernels include kernels and graph/values alone")
    }')
  [[ -z $wrong ]] || { printf '%s\n' "$wrong"; return 1; }
  local flow
  flow=$(sources graph nodes tools | grep -v '^graph/run/' | xargs grep -n 'oneapi/tbb/flow_graph\.h' || true)
  [[ -z $flow ]] || { printf '%s\n' "$flow: only graph/run includes oneapi/tbb/flow_graph.h"; return 1; }
}

# FILE:LINE:TEXT of every string literal.
literals='
    FNR == 1 { raw = "" }
    /^ *# *include/ { next }
    {
      text = ""; inside = raw != ""
      for (i = 1; i <= length($0); ++i) {
        c = substr($0, i, 1)
        if (raw != "") {  # until )NAME"
          if (substr($0, i, length(raw)) == raw) { say(); i += length(raw) - 1; raw = ""; inside = 0 } else text = text c
        } else if (inside) {
          if (c == "\\") text = text substr($0, i++, 2)
          else if (c == "\"") { say(); inside = 0 } else text = text c
        } else if (c == "\047" && substr($0, i + 1) ~ /^(\\.|[^\\])\047/) {
          i += substr($0, i + 1, 1) == "\\" ? 3 : 2
        } else if (substr($0, i, 2) == "//") {
          break
        } else if (c == "\"") {
          inside = 1
          if (substr($0, i - 1, 1) == "R") {
            rest = substr($0, i + 1); name = substr(rest, 1, index(rest, "(") - 1)
            raw = ")" name "\""; i += length(name) + 1
          }
        }
      }
      if (raw != "") say()
    }
    function say() { print FILENAME ":" FNR ":" text; text = "" }'

TheEngineKnowsNoNodeByName() {
  local names few=40 wrong
  names=$(sources nodes | xargs sed -nE 's/^(NodeType|SectionType) ([a-z0-9_]+)\(\) *\{.*/\2/p' | sort -u)
  (($(wc -w <<<"$names") >= few)) || { echo "only these names of node types were found: $names"; return 1; }
  # Words of plain English as well: as such they can stand in a message, but not name a type.
  local -r plain='add checkpoint'
  local -r keys='add'  # of files that extend others: what is new there
  wrong=$(sources graph | xargs awk "$literals" |
      awk -v names="$(tr '\n' ' ' <<<"$names")" -v plain="$plain" -v keys="$keys" '
        BEGIN {
          split(plain, p, " "); for (i in p) word[p[i]] = 1
          count = split(names, name, " ")
        }
        {
          text = $0; sub(/^[^:]*:[0-9]*:/, "", text)
          place = substr($0, 1, length($0) - length(text) - 1)
          for (i = 1; i <= count; ++i) {
            if (index(text, name[i]) == 0) continue
            edge = "[^a-z0-9_]"
            typed = text ~ ("type *[:=] *\047?" name[i] "(" edge "|$)")
            alone = text == name[i] && index(" " keys " ", " " text " ") == 0
            stands = text ~ ("(^|" edge ")" name[i] "(" edge "|$)")
            if (alone || typed || (stands && !(name[i] in word)))
              print place ": \"" text "\" names " name[i] ", which only nodes/ knows; ask the catalog"
          }
        }')
  [[ -z $wrong ]] || { printf '%s\n' "$wrong"; return 1; }
}

# A case of a script, or a file of tests, that no CMakeLists.txt names would never be seen to fail.
EveryTestThatIsWrittenIsRun() {
  local cases files wrong
  cases=$(grep -oE '^[A-Z][A-Za-z0-9]+\(\)' tests/whole/*.sh | tr -d '()')
  files=$(find tests/graph tests/nodes tests/tools tests/whole -name '*.cpp' | sed -E 's|(.*)/([^/]*)\.cpp$|\1/\2.cpp:\2|')
  wrong=$(printf '%s\n' "$cases" "$files" | while IFS=: read -r file name; do
    grep -qw "$name" tests/CMakeLists.txt nodes/CMakeLists.txt || echo "$file: $name is run by no CMakeLists.txt"
  done)
  [[ -z $wrong ]] || { printf '%s\n' "$wrong"; return 1; }
}

"$1"
