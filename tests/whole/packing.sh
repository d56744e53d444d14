#!/usr/bin/env bash
# packing.sh PROGRAM CASE: every pack_*.yaml on a small input, two packings to one name, and what `data` says.
pipelines=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../pipelines" && pwd)
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")/../golden" && pwd)
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

# Twelve digits as pictures below pictures/, in two class folders.
draw() {
  cat >draw.yaml <<'YAML'
run: {images: 12, output: drawn}
nodes:
  digits: {type: drawn_digits, size: 16}
  files:  {type: png_folder, in: digits, path: digits}
YAML
  run draw.yaml
  ends 0
  local files number=0 file
  mkdir -p pictures/{2,10}
  mapfile -t files < <(find drawn -name '*.png' | sort)
  for file in "${files[@]}"; do
    mv "$file" "pictures/$((number++ % 2 ? 10 : 2))/$number.png"
  done
}

# What `data` says of a packed file, in one line a fact.
looked() { run data "$1"; ends 0; }

packs() {  # PIPELINE [VALUE...]: makes out.h5
  rm -f out.h5
  run "$pipelines/$1" vars.file=out.h5 "${@:2}"
  ends 0
  [[ -e out.h5 ]] || fail "$1 made no file"
  [[ ! -e out.h5.part ]] || fail "$1 left a part"
}

ConfinedOrNotGivesTheSame() {
  draw
  packs pack_images.yaml vars.source=pictures vars.size=16
  mv out.h5 confined.h5
  packs pack_images.yaml vars.source=pictures vars.size=16 --no-sandbox
  cmp confined.h5 out.h5 || fail "other bytes without the sandbox"
  looked out.h5
  local confined=${out%read in*}
  run data out.h5 --no-sandbox
  ends 0
  [[ ${out%read in*} == "$confined" ]] || fail "data says something else without the sandbox"
}

FoldersArchivesAndPackedFilesGiveTheSame() {
  draw
  packs pack_images.yaml vars.source=pictures vars.size=16
  has "$out" "classes from folders: 0 '2' 6, 1 '10' 6"
  looked out.h5
  local folder=${out#*$'\n'}
  folder=${folder%read in*}
  has "$folder" "classes    0 '2' 6, 1 '10' 6"
  tar -C pictures -cf pictures.tar 10 2
  packs pack_tar.yaml vars.source=pictures.tar vars.size=16
  looked out.h5
  out=${out#*$'\n'}
  is "${out%read in*}" "$folder"
  tar -C pictures -czf pictures.tar.gz 10 2
  packs pack_tar.yaml vars.source=pictures.tar.gz vars.size=16
  looked out.h5
  out=${out#*$'\n'}
  is "${out%read in*}" "$folder"
  mv out.h5 first.h5
  packs pack_hdf5.yaml vars.source=first.h5
  looked out.h5
  out=${out#*$'\n'}
  is "${out%read in*}" "$folder"
}

PacksAPartSmallerAndWithoutDuplicates() {
  draw
  packs pack_images.yaml vars.source=pictures vars.size=16
  mv out.h5 first.h5
  packs pack_hdf5.yaml vars.source=first.h5 vars.size=8 vars.channels=1 'vars.only=[10]' vars.most=4
  looked out.h5
  has "$out" "sizes      4 of 8x8x1"
  has "$out" "classes    0 '2' 0, 1 '10' 4"
  packs pack_hdf5.yaml vars.source=first.h5 vars.split=train vars.validation=0.4
  looked out.h5
  local train=${out#*file, } held
  packs pack_hdf5.yaml vars.source=first.h5 vars.split=validation vars.validation=0.4
  looked out.h5
  held=${out#*file, }
  is "$((${train%% image*} + ${held%% image*}))" 12
  cp pictures/2/1.png pictures/10/same.png
  printf 'extends: %s\ninsert: {after: {square: {once: {type: drop_duplicates}}}}\n' "$pipelines/pack_images.yaml" >once.yaml
  rm -f out.h5
  run once.yaml vars.source=pictures vars.size=16 vars.file=out.h5
  ends 0
  has "$out$err" "'2/1.png' is the same as '10/same.png'"
  has "$out" 'packed 12 images 16x16x3 into out.h5'
}

PacksArraysOfNumPy() {
  draw
  cat >save.yaml <<'YAML'
run: {output: saved}
nodes:
  files:  {type: image_folder, path: pictures}
  square: {type: center_crop, in: files, size: 16}
  images: {type: npy_writer, in: square, path: images.npy}
  labels: {type: npy_writer, in: files.label, path: labels.npy}
YAML
  run save.yaml
  ends 0
  packs pack_npy.yaml vars.source=saved/001/images.npy vars.labels=saved/001/labels.npy
  looked out.h5
  has "$out" "sizes      12 of 16x16x3"
  has "$out" "classes    0 '0' 6, 1 '1' 6"
  looked saved/001/images.npy
  has "$out" "images.npy: an array of NumPy, 12 images"
  has "$out" "sizes      12 of 16x16x3"
}

PacksMnistAndCifar() {
  printf '\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\2abcdefgh' | gzip >images.gz
  printf '\0\0\10\1\0\0\0\2\1\0' >labels
  packs pack_mnist.yaml vars.source=images.gz vars.labels=labels
  looked out.h5
  has "$out" "sizes      2 of 2x2x1"
  has "$out" "classes    0 '0' 1, 1 '1' 1"
  mkdir cifar
  { printf '\1'; head -c 3072 /dev/zero | tr '\0' 'x'; printf '\0'; head -c 3072 /dev/zero; } >cifar/data_batch_1.bin
  printf 'airplane\nautomobile\n' >cifar/batches.meta.txt
  packs pack_cifar10.yaml vars.source="$golden/cifar-10-python.tar.gz"
  looked out.h5
  has "$out" "sizes      8 of 32x32x3"
  has "$out" "classes    0 'airplane' 3, 1 'automobile' 3, 2 'bird' 2"
  looked "$golden/cifar-10-python.tar.gz"
  has "$out" "CIFAR, 10 images"
  has "$out" "classes    0 'airplane' 3, 1 'automobile' 4, 2 'bird' 3"
  packs pack_cifar10.yaml vars.source=cifar
  looked out.h5
  has "$out" "sizes      2 of 32x32x3"
  has "$out" "classes    0 'airplane' 1, 1 'automobile' 1"
}

LetsOneProcessMakeAFile() {
  cat >pack.yaml <<'YAML'
run: {images: 1000000}
nodes:
  digits: {type: drawn_digits, size: 16}
  file:   {type: hdf5_writer, in: {images: digits}, path: out.h5}
YAML
  "$program" pack.yaml >first.txt 2>&1 </dev/null &
  local first=$!
  until [[ -e out.h5.part ]]; do sleep 0.02; done
  run pack.yaml run.images=3
  ends 1
  has "$err" "'out.h5' is being made by another process"
  [[ -e out.h5.part ]] || fail 'the part of the first one is gone'
  kill -INT "$first"
  wait "$first" || true  # 75
  is "$(compgen -G 'out.h5*')" $'out.h5.part\nout.h5.part.images'
}

# Killed at any moment, several times, and told to go on.
KilledAndResumedGivesTheSame() {
  draw
  mkdir many
  local i kept=0 file threads length
  for i in {10..40}; do for file in pictures/*/*.png; do cp "$file" "many/$i-${file##*/}"; done; done
  for i in {11..19}; do echo no >"many/$i-broken.png"; done
  local -r given=("$pipelines/pack_images.yaml" vars.source=many vars.size=16 vars.file=out.h5)
  run "${given[@]}"
  ends 0
  mv out.h5 whole.h5
  for i in {1..8}; do
    for threads in 1 2; do
      length=$(stat -c %s out.h5.part.images 2>/dev/null || echo 0)
      "$program" "${given[@]}" --resume --threads "$threads" >killed.txt 2>&1 </dev/null &
      process=$!
      until [[ -e out.h5 || $(stat -c %s out.h5.part.images 2>/dev/null || echo 0) -gt $((length + RANDOM % 20000)) ]]; do :; done
      kill -KILL "$process" || true
      wait "$process" 2>/dev/null || true
      process=
      [[ ! -e out.h5 ]] || break
    done
    [[ -e out.h5 ]] || { run "${given[@]}" --resume; ends 0; [[ $out != *'had been packed before the break'* ]] || kept=1; }
    cmp out.h5 whole.h5 || fail 'another file'
    [[ ! -e out.h5.part ]] || fail 'a part is left'
    rm -f out.h5 out.h5.part.images  # the list is left by who was killed behind the last step but one
  done
  is "$kept" 1
}

TellsWhatIsUnfinished() {
  draw
  local -r given=("$pipelines/pack_images.yaml" vars.source=pictures vars.size=16 vars.file=out.h5)
  echo no >pictures/2/99.png
  run "${given[@]}" nodes.files.on_error=stop
  ends 1
  has "$err" 'is no picture that is read'
  [[ -e out.h5.part.images && ! -e out.h5 ]] || fail 'what was packed is not there'
  run "${given[@]}" nodes.files.on_error=stop --check
  has "$out" "'out.h5.part' is unfinished; --resume goes on with it, else it is made anew"
  run "${given[@]}" --resume  # with other options
  ends 0
  has "$out" 'out.h5 was made anew: it was begun with other files, options or versions'
  printf 'extends: %s\ninsert: {after: {square: {once: {type: drop_duplicates}}}}\n' "$pipelines/pack_images.yaml" >once.yaml
  run once.yaml vars.source=pictures vars.size=16 vars.file=once.h5 --resume
  ends 0
  has "$out" "what an unfinished run had left was made anew: node 'once' (drop_duplicates) has to see every image"
}

NamesAllThatIsDropped() {
  draw
  local i
  for i in {10..39}; do echo no >"pictures/broken-$i.png"; done
  printf 'no' >$'pictures/x\e[31m.png'
  packs pack_images.yaml vars.source=pictures vars.size=16
  has "$out" '31 dropped:'
  has "$out" 'and 11 more; all are named in dropped.txt'
  for i in {10..39}; do grep -q "broken-$i.png" dropped.txt || fail "broken-$i.png is not named"; done
  has "$(<dropped.txt)" 'x\x1b[31m.png'
  mv pictures/2 $'pictures/\e[32mtwo'
  for i in --check ''; do
    run "$pipelines/pack_images.yaml" vars.source=pictures vars.size=16 vars.file=more.h5 $i
    has "$out" "'\x1b[32mtwo'"
    [[ $out$err != *$'\e'* ]] || fail 'a name reaches the terminal as it is'
  done
}

SyncsBeforeItRenames() {
  command -v strace >/dev/null || exit 77
  draw
  strace -f -e trace=fsync,fdatasync,rename,renameat,renameat2 -o calls "$program" "$pipelines/pack_images.yaml" \
    vars.source=pictures vars.file=out.h5 vars.size=16 >/dev/null 2>&1 || exit 77
  local before after
  before=$(sed '/rename.*out\.h5/,$d' calls) after=$(sed '1,/rename.*out\.h5/d' calls)
  has "$before" 'fsync('
  has "$after" 'fsync('
  strace -f -e trace=fsync,syncfs,rename,renameat,renameat2 -o calls "$program" draw.yaml >/dev/null 2>&1
  before=$(sed '/rename.*00000\.png/,$d' calls) after=$(sed '1,/rename.*00011\.png/d' calls)
  is "$(grep -c 'syncfs(' <<<"$before")" 1
  has "$after" 'fsync('
  is "$(grep -c 'rename.*\.png' calls)" 12
}

ShowsASheetAPageAndJson() {
  draw
  run data pictures --sheet sheet.png --html page.html --json
  ends 0
  has "$out" '"duplicates": 0'
  has "$(head -c 8 sheet.png | tail -c 7)" 'PNG'
  has "$(<page.html)" 'src="data:image/png;base64,'
  echo no >pictures/a.png
  run data pictures
  ends 1
  has "$out" 'damaged    1'
  has "$out" "'pictures/a.png' is no picture that is read: PNG, JPEG, WebP, BMP, TIFF, GIF, HEIC, AVIF or JPEG XL"
}

"$2"
