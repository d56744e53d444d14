#!/usr/bin/env bash
# python.sh PROGRAM CASE: the Python package beside the program. Skipped where no wheel was built (tools/python/README.md)
# or where python3 (or $DAGFUSION_PYTHON) has no NumPy.
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

skip() { echo "skipped: $1"; exit 77; }
interpreter=${DAGFUSION_PYTHON:-python3}
"$interpreter" -c 'import numpy' 2>/dev/null || skip 'there is no NumPy'
module=$sources/build-python/tools/python/_dagfusion$("$interpreter" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
[[ -e $module ]] || skip "no Python module $module was built"
mkdir packages
cp -r "$sources/tools/python/dagfusion" packages/
cp "$module" packages/dagfusion/
export PYTHONPATH=$away/packages

python() {  # the text from the standard input: sets status, out, err
  status=0
  "$interpreter" - >out.txt 2>err.txt || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

RunsTheExample() {
  python <<<"import runpy, sys; sys.argv = ['', 'train.yaml', 'sample.yaml']; runpy.run_path('$sources/tools/python/example.py')"
  ends 0
  has "$out" 'done after 12 steps in runs/python/001'
  has "$out" 'drawn: (8, 16, 16, 1) uint8'
  has "$out" "command line: section 'run': unknown key 'stepss'; did you mean 'steps'?"
}

TrainsTheSameBytesAsTheProgram() {
  run train.yaml
  ends 0
  mv runs program
  python <<<'import dagfusion; dagfusion.run("train.yaml")'
  ends 0
  same program/001/checkpoints runs/001/checkpoints
}

GivesTheImagesThatAreWritten() {
  python <<'END'
import dagfusion, numpy
dagfusion.run("train.yaml")
images = dagfusion.images("sample.yaml", ["vars.count=7"])
written = dagfusion.DataSet("samples/001/images")
(read, labels), = written.batches(100)
assert images.shape == (7, 16, 16, 1) and images.dtype == numpy.uint8, images.shape
assert (images == read[..., :1]).all(), (images.shape, read.shape)
assert len(numpy.unique(images)) > 2 and labels.dtype == numpy.int32
END
  ends 0
}

SaysMistakesAsTheProgramDoes() {
  run train.yaml nodes.adam.learnig_rate=1
  ends 2
  local -r said=$err
  python <<'END'
import dagfusion
try:
    dagfusion.run("train.yaml", ["nodes.adam.learnig_rate=1"])
except dagfusion.UserError as error:
    print(error)
END
  ends 0
  is "$out" "$said"
}

SaysWhatCannotBeDrawn() {
  python <<'END'
import dagfusion
dagfusion.run("train.yaml")
for file, node in ("train.yaml", "out"), ("sample.yaml", "byte"), ("sample.yaml", "xT"):
    try:
        dagfusion.images(file, node=node)
    except dagfusion.UserError as error:
        print(error)
END
  ends 0
  is "$out" "images: the pipeline trains; images come from one that draws, such as sample.yaml
images: no node 'byte'; did you mean 'bytes'?
images: node 'xT' gave no images of bytes [N,C,H,W]; name one that does, such as a to_bytes"
}

FinishesTheStepAndSavesOnCtrlC() {
  python <<'END'
import dagfusion, os, signal
def interrupt(progress):
    if progress["steps"] == 0 or interrupt.done: return
    interrupt.done = True
    os.kill(os.getpid(), signal.SIGINT)
interrupt.done = False
try:
    dagfusion.run("train.yaml", ["run.steps=1000000"], progress=interrupt)
except KeyboardInterrupt:
    steps = len(dagfusion.metrics("runs/001")["step"])
    report = dagfusion.run("train.yaml", ["run.steps=%d" % (steps + 3)], resume="runs/001")
    print(report["outcome"], report["steps"] == steps + 3)
END
  ends 0
  is "$out" 'done True'
}

EndsWithWhatTheCallbackRaises() {
  python <<'END'
import dagfusion
def refuse(progress):
    raise KeyError("enough")
try:
    dagfusion.run("train.yaml", ["run.steps=1000000"], progress=refuse)
except KeyError as error:
    print(error)
print(dagfusion.run("train.yaml")["outcome"])
END
  ends 0
  is "$out" "'enough'
done"
}

LetsOtherThreadsOfPythonGoOn() {
  python <<'END'
import dagfusion, threading
ran = threading.Event()
def until_other_thread_ran(progress):
    other = threading.Thread(target=ran.set)
    other.start()
    other.join()
threading.Thread(target=lambda: dagfusion.run("train.yaml", progress=until_other_thread_ran)).start()
print(ran.wait(30))
END
  ends 0
  is "$out" 'True'
}

RunsAFunctionAsANode() {
  python <<'END'
import dagfusion, numpy
seen = []

@dagfusion.node
def kept(x, t: "[N] f32"):
    "Keeps what comes along."
    seen.append((x.shape, x.dtype, t.shape))
    return x

@dagfusion.node(backward=lambda dy, x: -dy)
def negative(x):
    return -x

run = ["run.steps=3"]
plain = dagfusion.run("train.yaml", run)
report = dagfusion.run("train.yaml", run + ["nodes.target.in.x0=same"], add=["nodes.same={type: kept, in: {x: x0, t: t}}"])
assert len(seen) == 12 and seen[0] == ((3, 1, 16, 16), numpy.float32, (3,)), (len(seen), seen[0])
assert report["loss"] == plain["loss"], (report["loss"], plain["loss"])
assert "node 'same' (kept): a function of Python, which is slow: it runs for one frame at a time" in report["notes"], report["notes"]
twice = dagfusion.run("train.yaml", run + ["nodes.loss.in.prediction=again"],
                      add=["nodes.once={type: negative, in: {x: out}}", "nodes.again={type: negative, in: {x: once}}"])
assert twice["loss"] == plain["loss"], (twice["loss"], plain["loss"])
END
  ends 0
}

SaysWhatAFunctionRaises() {
  python <<'END'
import dagfusion
def said(what):
    try:
        what()
    except (dagfusion.RunError, dagfusion.UserError) as error:
        return str(error)
    return "nothing"

@dagfusion.node
def failing(x):
    return x.nothing_of_this_name

@dagfusion.node
def narrow(x):
    return x[:, :, :3]

@dagfusion.node
def words(x):
    return "words"

def with_node(name, wire="nodes.target.in.x0"):
    return said(lambda: dagfusion.run("train.yaml", ["run.steps=2", f"{wire}=new"], add=["nodes.new={type: %s, in: {x: %s}}" %
                (name, "out" if "prediction" in wire else "x0")]))

text = with_node("failing")
for part in ["node 'new' (failing)", "function 'failing' raises", "Traceback (most recent call last):", "in failing",
             "AttributeError: 'numpy.ndarray' object has no attribute 'nothing_of_this_name'"]:
    assert part in text, (part, text)
assert "function 'narrow' returns [3,1,3,16], but the node gives [3,1,16,16]" in with_node("narrow"), with_node("narrow")
assert "function 'words' returns str, which is no array of numbers" in with_node("words"), with_node("words")
assert "'new' (narrow)" in with_node("narrow", "nodes.loss.in.prediction"), with_node("narrow", "nodes.loss.in.prediction")
assert said(lambda: dagfusion.node(lambda: 1, name="none")) == "function 'none' takes nothing; a node has one input at least"
assert said(lambda: dagfusion.node(lambda x: x)) == "'<lambda>' is no name of a node type; a function with a name of letters, digits and _ has one"
def annotated(x: "[N f32"):
    return x
assert said(lambda: dagfusion.node(annotated)).startswith("function 'annotated': input 'x' is annotated '[N f32', such as '[N,C,H,W] f32' would do: "), said(lambda: dagfusion.node(annotated))
def blocked(x: "[N,C,H,W] f32 blocked"):
    return x
assert said(lambda: dagfusion.node(blocked)) == "function 'blocked': input 'x' is annotated '[N,C,H,W] f32 blocked', such as '[N,C,H,W] f32' would do: it must end with f32, i32, u8 or u16", said(lambda: dagfusion.node(blocked))
assert said(lambda: dagfusion.node(lambda x: x, name="silu")) == "there is a node type 'silu' already; name the function otherwise"
END
  ends 0
}

"$2"
