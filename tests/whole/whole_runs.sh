#!/usr/bin/env bash
# whole_runs.sh PROGRAM CASE: whole runs that are stopped, draw images, or cannot write.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

SavesAndSaysHowToGoOnWhenItIsInterrupted() {
  local signal step
  for signal in INT TERM; do
    started nodes.save.every=1000000
    kill "-$signal" "$process"
    ended
    ends 75
    has "$err" 'stopping: the step that has begun is finished'
    step=$(tail -n 1 runs/001/metrics.csv | cut -d, -f1)
    is "$(ls runs/001/checkpoints)" "$(printf 'step-%06d' "$step")"
    is "${out##*$'\n'}" "stopped after step $step; to go on: run-pipeline --resume runs/001"
    run --resume runs/001 "run.steps=$((step + 1))" nodes.save.every=1
    ends 0
    is "$(tail -n 1 runs/001/metrics.csv | cut -d, -f1)" $((step + 1))
    rm -r runs
  done
}

SaysThatNothingIsSavedWithoutACheckpoint() {
  started --remove nodes.save
  kill -INT "$process"
  ended
  ends 75
  has "${out##*$'\n'}" '; nothing is saved, since the pipeline has no checkpoint node'
}

StopsAtOnceWhenItIsInterruptedTwice() {
  started nodes.save.every=1000000 run.batch_size=600  # a step that takes long
  kill -INT "$process"
  until grep -q stopping err.txt; do sleep 0.01; done  # two signals of a kind may come as one
  kill -INT "$process"
  ended
  ends 130
  has "$err" 'stopping at once; nothing more is saved'
  [[ ! -e runs/001/checkpoints ]] || fail 'it has saved'
}

DrawsTheSameImageWhateverTheCount() {
  run train.yaml run.steps=3 --add 'nodes.preview={type: run_pipeline, pipeline: sample.yaml, model: ema, set: {count: 3}}'
  ends 0
  local count n
  for count in 3 8 17; do
    run sample.yaml vars.count=$count run.output=samples-$count "run.threads=$((count % 4 + 1))" "run.lanes=$((count % 3 + 1))"
    ends 0
    is "$(ls samples-$count/001/images | wc -l)" $count
  done
  for n in 0 1 2; do
    same samples-3/001/images/0000$n.png samples-8/001/images/0000$n.png
    same samples-3/001/images/0000$n.png runs/001/previews/step-000003/images/0000$n.png
  done
  for n in 0 1 2 3 4 5 6 7; do same samples-8/001/images/0000$n.png samples-17/001/images/0000$n.png; done
  cmp -s samples-3/001/images/00000.png samples-3/001/images/00001.png && fail 'two images are the same'
  run sample.yaml vars.checkpoint=nowhere
  ends 2
  is "$err" "sample.yaml:3:15: section 'model': there is no directory 'nowhere'
  3 | model: {from: \"\${checkpoint}\", weights: ema}
    |               ^^^^^^^^^^^^^^^
  = the value is that of vars.checkpoint, at command line vars.checkpoint=nowhere"
  run sample.yaml model.weights=averge
  ends 2
  has "$err" "checkpoint 'runs/001/checkpoints/step-000003' has no weights 'averge'"
  [[ ! -e samples ]] || is "$(ls samples)" ''
}

DrawsTheClassItIsAskedFor() {
  local labelled=('nodes.out={type: model, in: {x: xt, t: t, label: label}}' model.classes=auto
    --add 'nodes.label={type: drop_label, in: images.label}')
  run train.yaml run.steps=60 nodes.save.every=60 "${labelled[@]}"  # until the class can be seen in bytes
  ends 0
  has "$(tr -d ' \n' <runs/001/checkpoints/step-000060/state.json)" '"classes":["0","1","2","3","4","5","6","7","8","9"]'
  local guided=('nodes.denoise.loop.nodes.out={type: guide, in: {x: carry.x, each: each, label: label}, scale: 3}'
    --add 'nodes.label={type: labels, in: number, list: "${classes}"}')
  run sample.yaml "${guided[@]}" --add 'vars.classes=[3, 7]' run.output=both
  ends 0
  run sample.yaml "${guided[@]}" --add 'vars.classes=[3]' run.output=one
  ends 0
  same both/001/images/00000.png one/001/images/00000.png  # the first is a 3 in both
  cmp -s both/001/images/00001.png one/001/images/00001.png && fail 'the second one does not depend on its class'
  run sample.yaml run.output=none  # without a label: of no class
  ends 0
  run sample.yaml "${guided[@]}" --add 'vars.classes=[none]' run.output=none
  ends 0
  same none/001/images none/002/images
  run sample.yaml "${guided[@]}" --add 'vars.classes=[ten]'
  ends 2
  has "$err" "node 'label' (labels): 'list' holds ten, which is no class of the model; known are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
  run train.yaml run.steps=3 model.classes=auto
  ends 2
  has "$err" "node 'out' (unet): input 'label' is not wired, but the model is trained for 10 classes; wire the data set's label, by way of drop_label for guidance"
}

LogsAValueInTheStepsThatGiveIt() {
  run train.yaml run.steps=6 --add nodes.ema.every=4 --add nodes.log.in.decay=ema.decay nodes.save.every=5
  ends 0
  is "$(cut -d, -f1,4 runs/001/metrics.csv | tr '\n' ' ')" 'step,decay 1, 2, 3, 4,0 5, 6, '
  is "$(grep -c '"decay"' runs/001/metrics.jsonl)" 1
  rm -r runs/001/checkpoints/step-000006
  run --resume runs/001 run.steps=9  # from step 5: the steps of a run that was stopped and those of one that was not
  ends 0
  is "$(cut -d, -f1,4 runs/001/metrics.csv | tr '\n' ' ')" "step,decay 1, 2, 3, 4,0 5, 6, 7, 8,$(printf 0.9) 9, "
}

SaysThatTheLearningRateIsZeroBeforeTheEnd() {
  local -r decay="command line: node 'adam' (adam): 'decay_steps' is 8, and run.steps"
  run check train.yaml --add nodes.adam.decay_steps=8 run.steps=8
  ends 0
  [[ $out != *decay_steps* ]] || fail "$out"
  run check train.yaml --add nodes.adam.decay_steps=8
  ends 0
  has "$out" "$decay 12: in the last 4 the learning rate is 0 and nothing is learnt; with 'decay_steps' 12 it would fall to the end"
  run train.yaml --add nodes.adam.decay_steps=8 run.steps=8
  ends 0
  [[ $out != *decay_steps* ]] || fail "$out"
  run --resume runs/001 run.steps=9
  ends 0
  has "$out" "node 'adam' (adam): 'decay_steps' is 8, and run.steps 9: in the last 1 the learning rate is 0 and nothing is learnt"
  has "$out" "runs/001/pipeline.yaml:"
}

SaysWhenItCannotWrite() {
  run train.yaml run.output=/proc/nowhere
  ends 2
  has "$err" "cannot make '/proc/nowhere': "
  run train.yaml run.output=train.yaml/runs
  ends 2
  has "$err" "cannot make 'train.yaml/runs': Not a directory"
}

SaysWhenItsDirectoryHasGone() {
  started
  mv runs/001 away
  ended
  ends 1
  has "$err" "node 'save' (checkpoint): "  # that it is gone, or what it was writing as it went
  has "$err" runs/001
  [[ ! -e runs/001 ]] || fail 'it has made the directory again'
}

SaysWhenTheDiskIsFull() {
  mkdir disk
  mount -t tmpfs -o size=400k tmpfs disk 2>/dev/null || exit 77  # not for everybody: skipped
  mounted=$away/disk
  run train.yaml run.output=disk
  ends 1
  has "$err" "run-pipeline: 'disk/001' has 1 MB free, but "
  has "$err" ' MB are needed; make room and start again'
  [[ ! -e disk/001/checkpoints/step-000003 ]] || fail 'a checkpoint is there'
}

"$2"
