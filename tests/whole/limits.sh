#!/usr/bin/env bash
# limits.sh PROGRAM CASE: runs that get less memory than they need. FAULTS: the library of tests/faults; ALLOCATIONS: which
# of them fail, one a run ("1 2 3"; a long list takes minutes). LIMIT_STEP: KiB from one limit to the next.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

works_with() { (ulimit -v "$1" && ulimit -c 0 && exec "$program" --help) >out.txt 2>&1; }  # KIB

# From the least memory in which the program can be loaded to what the run needs, in steps of 2 MiB or LIMIT_STEP: it ends as it
# should, or with one sentence.
ends_in_one_sentence() {  # FOLDER-IT-WRITES ARGUMENT...
  works_with $((16 << 20)) || exit 77  # a sanitizer takes more than that for itself
  local limit=65536 tries=0
  until works_with "$limit"; do limit=$((limit + 4096)); done
  for (( ; ; limit += ${LIMIT_STEP:-2048})); do
    ((++tries < 400)) || fail 'no limit is enough'
    rm -rf "$1"
    status=0
    (ulimit -v "$limit" && ulimit -c 0 && exec timeout 60 "$program" "${@:2}") >out.txt 2>err.txt </dev/null || status=$?
    [[ $status != 127 ]] || continue  # a library could not be loaded
    [[ $status != 0 ]] || break
    err=$(grep '^run-pipeline: ' err.txt || true)
    [[ $status == 1 || $status == 2 ]] || fail "the status is $status with $limit KiB"
    # Libraries that read and write pictures may have lost some words of their own before.
    [[ $(grep -c '^run-pipeline: ' err.txt) == 1 ]] || fail "no single sentence with $limit KiB"
    [[ $err != *std::* ]] || fail "not in our words with $limit KiB"
  done
  ((tries > 5)) || fail 'nothing was tried'
  echo "$tries limits, the last of $limit KiB"
}

pack_file() {
  cat >pack.yaml <<'END'
run: {images: 24, micro_batch: 4}
nodes:
  images: {type: drawn_digits, size: 16}
  file:   {type: hdf5_writer, in: images, path: digits.h5}
END
}

TrainingEndsInOneSentenceWithoutMemory() {
  ends_in_one_sentence runs train.yaml run.steps=2 run.lanes=8 run.threads=4
}

SamplingEndsInOneSentenceWithoutMemory() {
  run train.yaml run.steps=2
  ends 0
  ends_in_one_sentence samples sample.yaml run.lanes=8 run.threads=4
}

PackingEndsInOneSentenceWithoutMemory() {
  pack_file
  ends_in_one_sentence digits.h5 pack.yaml run.lanes=8 run.threads=4
}

images_a_frame() {  # MEMORY [OVERRIDE...]
  "$program" plan train.yaml run.batch_size=8 run.micro_batch=auto run.threads=2 run.memory="$1" "${@:2}" | sed -n 's/.*; \([0-9]*\) images* a frame.*/\1/p'
}

TakesFewerImagesAFrameWhereMemoryIsSaid() {
  for memory in auto '8 MB' '6 MB' '4 MB'; do images_a_frame "$memory" run.recompute=false; done >images.txt
  is "$(tr '\n' ' ' <images.txt)" '8 4 2 1 '
  run train.yaml run.steps=1 run.memory='1 MB'
  ends 1
  has "$err" 'run.memory allows'
  run train.yaml run.memory=much
  ends 2
  has "$err" "'memory' is 'much'; it must be auto or a size of 1 MB at least, like 800 MiB or 1.5 GiB"
}

KeepsLessForTheBackwardPassBeforeItTakesFewerImages() {
  local kept less more=0
  for memory in 8 7.5 7 6.5 6 5.5 5 4.5 4; do
    kept=$(images_a_frame "$memory MB" run.recompute=false) less=$(images_a_frame "$memory MB")
    ((less >= kept)) || fail "$memory MB: $less images a frame, $kept with all kept"
    ((more += less > kept)) || true
  done
  ((more > 0)) || fail 'never more images a frame'
}

EndsThoughALibraryWaitsForItsThreads() {
  [[ -n ${FAULTS-} ]] && LD_PRELOAD=$FAULTS "$program" --help >out.txt 2>&1 || exit 77  # a sanitizer takes terabytes
  status=0
  (ulimit -v $((8 << 20)) && FAULT_END=1 exec timeout -s KILL 60 sh -c 'LD_PRELOAD=$FAULTS exec "$@"' sh "$program" --version) \
    >out.txt 2>err.txt </dev/null || status=$?
  ends 0
  has "$(<out.txt)" 'run-pipeline 0.'
}

# Whichever allocation fails from main() on: the run works all the same, or ends with one sentence.
ends_in_one_sentence_after_each() {  # FOLDER-IT-WRITES ARGUMENT...
  [[ -n ${FAULTS-} ]] && LD_PRELOAD=$FAULTS "$program" --help >out.txt 2>&1 || exit 77  # a sanitizer has its own malloc
  local n  # the file is opened with the 536th; the catalog is made with some hundreds from the 1,000th on
  for n in ${ALLOCATIONS:-1 7 40 150 $(seq 520 560) 700 $(seq 1000 50 1500) 2000 $(seq 50000 1000 60000)}; do
    rm -rf "$1"
    status=0
    # Not in front of timeout, which asks for memory too.
    (ulimit -c 0 && FAULT_ALLOCATION=$n exec timeout 60 sh -c 'LD_PRELOAD=$FAULTS exec "$@"' sh "$program" "${@:2}") \
      >out.txt 2>err.txt </dev/null || status=$?
    [[ $status != 0 ]] || continue
    [[ $status == 1 || $status == 2 ]] || fail "the status is $status when allocation $n fails"
    [[ $(wc -l <err.txt) == 1 ]] || fail "no single sentence when allocation $n fails"
    [[ $(<err.txt) == *memory* ]] || fail "not of memory when allocation $n fails"
  done
}

TrainingSurvivesAnyFailedAllocation() {
  ends_in_one_sentence_after_each runs train.yaml run.steps=2
}

SamplingSurvivesAnyFailedAllocation() {
  run train.yaml run.steps=2
  ends 0
  ends_in_one_sentence_after_each samples sample.yaml
}

PackingSurvivesAnyFailedAllocation() {
  pack_file
  ends_in_one_sentence_after_each digits.h5 pack.yaml
}

"$2"
