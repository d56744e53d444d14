#!/usr/bin/env bash
# library.sh PROGRAM CASE: programs of one's own that are built against an installed package, beside run-pipeline. Skipped
# where sanitizers are built in, which brings no library.
. "$(dirname "${BASH_SOURCE[0]}")/plugin_example.sh"
[[ -e $build/tools/library/libdagfusion.so ]] || { echo 'skipped: no library was built'; exit 77; }
programs=$build/tests/library_example  # built by the first case, used by all others

BuildsProgramsOfOnesOwn() {
  rm -rf "$programs"
  cp -r "$sources/library" "$programs"
  cat >>"$programs/CMakeLists.txt" <<'END'
add_executable(cases cases.cpp)
target_link_libraries(cases PRIVATE dagfusion::dagfusion)
END
  cmake -S "$programs" -B "$programs/build" -DCMAKE_PREFIX_PATH="$example/prefix" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS='-Wall -Wextra -Wno-missing-field-initializers -Werror' >out.txt 2>err.txt || fail 'it cannot be configured'
  cmake --build "$programs/build" >out.txt 2>err.txt || fail 'it cannot be built'
}

cases() {  # WHAT FILE [OVERRIDE...]: sets status, out, err
  status=0
  "$programs/build/cases" "$@" >out.txt 2>err.txt </dev/null || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

RunsTheExample() {
  "$programs/build/example" train.yaml sample.yaml >out.txt 2>err.txt || fail 'the example fails'
  out=$(<out.txt)
  has "$out" '12 steps in runs/library/001
8 images of 16x16x1
command line: section '\''run'\'': unknown key '\''stepss'\''; did you mean '\''steps'\''?'
  has "$out" 'step 12, loss 0.'
}

TrainsTheSameBytesAsTheProgram() {
  run train.yaml
  ends 0
  mv runs program
  cases run train.yaml
  ends 0
  is "$out" 'done 12 runs/001'
  same program/001/checkpoints runs/001/checkpoints
}

GivesTheImagesThatAreWritten() {
  run train.yaml
  ends 0
  cases images sample.yaml vars.count=7 nodes.files.type=npy_writer nodes.files.path=images.npy
  ends 0
  is "$out" 7
  local n
  for n in 0 1 2 3 4 5 6; do tail -c 256 "$n.pgm"; done >given
  tail -c $((7 * 256)) samples/001/images.npy >written
  cmp given written || fail 'other images are written'
}

GivesColoursPixelByPixel() {
  mkdir pictures
  {  # 2 x 2 pixels of 24 bits: blue, green, red; the lower row first, each filled up to 8 bytes
    printf 'BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    printf '\x09\x08\x07\x0c\x0b\x0a\0\0\x03\x02\x01\x06\x05\x04\0\0'
  } >pictures/four.bmp
  cat >pack.yaml <<'END'
nodes:
  files: {type: image_folder, path: pictures}
  bytes: {type: center_crop, in: files, size: 2}
  kept:  {type: npy_writer, in: bytes, path: kept.npy}
END
  cases images pack.yaml
  ends 0
  is "$(tail -c 12 0.ppm | od -An -tu1)" "$(printf '%4d' 1 2 3 4 5 6 7 8 9 10 11 12)"
}

SaysMistakesOfAFileAllTogether() {
  cases check train.yaml run.stepss=9 nodes.adam.learnig_rate=1
  ends 2
  is "$err" "command line: section 'run': unknown key 'stepss'; did you mean 'steps'?
command line: node 'adam' (adam): unknown key 'learnig_rate'; did you mean 'learning_rate'?"
  [[ ! -e runs ]] || fail 'check made a run'
}

SaysWhatCannotBeDrawn() {
  run train.yaml
  ends 0
  cases images train.yaml
  ends 2
  is "$err" 'images: the pipeline trains; images come from one that draws, such as sample.yaml'
  cases images_of_xT sample.yaml
  ends 2
  is "$err" "images: node 'xT' gave no images of bytes [N,C,H,W]; name one that does, such as a to_bytes"
}

StopsAndGoesOn() {
  cases stop train.yaml run.steps=1000000
  ends 0
  local -r steps=$(cut -d ' ' -f 2 <<<"$out")
  is "$out" "stopped $steps runs/001"
  cases resume train.yaml run.steps=$((steps + 3))
  ends 0
  is "$out" "done $((steps + 3)) runs/001"
}

StopsAtOnce() {
  cases stop_at_once train.yaml run.steps=1000000
  ends 0
  has "$out" 'aborted '
}

EndsWithWhatTheCallThrows() {
  cases throw train.yaml run.steps=1000000
  ends 0
  is "$out" enough
}

TakesNodesOfPlugins() {
  cases run "$pipeline"
  ends 0
  has "$out" 'done '
}

"$2"
