#!/usr/bin/env bash
# evaluate.sh PROGRAM CASE: measuring what a checkpoint draws.
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$source_folder/tests/whole/small_runs.sh"

cat >real.yaml <<'END'
run: {seed: 5, images: 40, output: real}
nodes:
  digits:   {type: drawn_digits, size: 16}
  images:   {type: npy_writer, in: digits, path: images.npy}
END

trained() {
  run train.yaml
  is "$status" 0
  run real.yaml
  is "$status" 0
}

WritesATableJsonAndCsv() {
  trained
  run evaluate runs/001 --data real/001/images.npy --images 20 vars.steps=3
  is "$status" 0
  has "$out" '20 images of runs/001 beside real/001/images.npy, by digit_features (clean, weights '
  has "$out" 'precision_recall    recall'
  local json=runs/evaluate/001/evaluation.json
  has "$(<$json)" '"images": 20'
  has "$(<$json)" '"network": "digit_features"'
  has "$(<runs/evaluate/001/evaluation.csv)" 'measure,column,score'
  has "$(<runs/evaluate/001/evaluation.csv)" 'frechet,distance,'
  [[ -e runs/evaluate/001/nearest.png && -e runs/evaluate/001/samples.png ]] || fail 'there are no pictures'
  # However images are cut into frames, on however many threads: the same bits.
  run evaluate runs/001 --data real/001/images.npy --images 20 vars.steps=3 --add run.micro_batch=3 --add run.threads=1 --json
  is "$status" 0
  is "$out" "$(<runs/evaluate/002/evaluation.json)"
  is "$(<runs/evaluate/002/evaluation.csv)" "$(<runs/evaluate/001/evaluation.csv)"
}

WritesNothingButJson() {  # how long it will take, which is said after some seconds, stands elsewhere
  trained
  "$program" evaluate runs/001 --images 100000 --json >out.txt 2>err.txt </dev/null &
  process=$!
  until grep -q 'to the end' err.txt; do kill -0 "$process"; sleep 0.1; done
  kill -INT "$process"
  ended
  is "$out" ''
}

ComparesWithStatisticsOfAFile() {
  trained
  cat >statistics.yaml <<END
blocks: [$source_folder/pipelines/blocks/digit_features.yaml]
run: {images: 20, output: statistics}
nodes:
  images: {type: npy_reader, path: real/001/images.npy, shuffle: true}
  real:   {type: digit_features, in: images}
  file:   {type: feature_statistics, in: real.features, path: real.npz}
END
  run statistics.yaml run.seed=7
  is "$err" ''
  run evaluate runs/001 --data statistics/001/real.npz --images 20 vars.steps=3
  is "$status" 0
  has "$out" 'frechet             distance'
  ! grep -q kernel runs/evaluate/001/evaluation.csv || fail 'there is a kernel distance without real images'
}

DrawsDigitsOfTheModelsSize() {
  trained
  run evaluate runs/001 --images 8 vars.steps=2
  is "$status" 0
  has "$out" '8 images of runs/001 beside drawn digits, by digit_features'
}

RefusesWhatItCannotCompareWith() {
  trained
  { printf "\\x93NUMPY\\x01\\x00\\x76\\x00%-117s\\n" "{'descr': '|u1', 'fortran_order': False, 'shape': (4, 3, 16, 16), }"
    head -c 3072 /dev/zero; } >colours.npy
  sed 's/type: drawn_digits, size: 16/type: npy_reader, path: colours.npy/; s/output: runs/output: colours/' train.yaml >colours.yaml
  run colours.yaml run.steps=1
  is "$status" 0
  run evaluate colours/001
  is "$status" 2
  has "$err" 'command line: the model of colours/001 draws images of [3,16,16], and digits are grey and square; name real images with --data'
  run evaluate runs/001 --data real
  is "$status" 2
  has "$err" "command line: --data names 'real'; it can be an HDF5 file, a .npy file, or a .npz file of mu and sigma. To pack pictures: run-pipeline pipelines/pack_images.yaml vars.source=real"
  run evaluate runs/001 --data nothing.npy
  has "$err" "command line: --data names 'nothing.npy', which does not exist"
  run evaluate runs/001 --inception nothing.pb
  has "$err" "command line: --inception names 'nothing.pb', which is no file"
  run evaluate runs/001 --efficientnet nothing.pth
  has "$err" "command line: --efficientnet names 'nothing.pth', which is no file"
  run evaluate runs/001 --mode clean
  is "$status" 2
}

"$2"
