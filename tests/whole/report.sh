#!/usr/bin/env bash
# report.sh PROGRAM CASE: the page that shows a run.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

cat >picture.yaml <<'END'
vars: {count: 4}
run: {seed: 7}
model: {from: none}
nodes:
  number: {type: image_numbers, count: "${count}"}
  xT:     {type: gaussian_noise, in: number, shape: model}
  bytes:  {type: to_bytes, in: xT}
  grid:   {type: png_grid, in: bytes, path: samples.png}
END
preview() { echo --add "nodes.preview={type: run_pipeline, pipeline: picture.yaml, model: ema, every: $1}"; }  # EVERY

page_has() { grep -qF -- "$2" "$1" || fail "$1 should have '$2'" "$(grep -o '"notes":.*' "$1" | head -c 800)"; }  # PAGE PART
last_of() { tail -n 1 runs/001/metrics.csv | cut -d, -f"$1"; }

# Adds to a copy of the page a script that drives it and writes what it sees as JSON, which is then in `seen`.
driven() {  # PAGE SCRIPT
  command -v chromium >/dev/null || { echo 'skipped: there is no chromium (Debian: apt-get install chromium)'; exit 77; }
  { cat "$1"; echo "<script>
    let looks = 0;
    const drive = () => {  // some looks after all is drawn, when nothing changes its size any more
      if (document.querySelector('path.line, .graph-view[viewBox]')) ++looks;
      if (looks < 10) return setTimeout(drive, 50);
      const seen = {}; $2; document.body.append(element('pre', {id: 'seen'}, 'seen ' + JSON.stringify(seen) + ' end'));
    };
    addEventListener('load', drive)</script>"; } >driven.html
  local tries
  for tries in 1 2 3; do  # on a machine with much to do, it may write the page down too early
    timeout -s KILL 100 chromium --headless=new --no-sandbox --disable-gpu --window-size=1280,900 --virtual-time-budget=20000 \
      --dump-dom --user-data-dir="$away/browser" "file://$away/driven.html" >dom.html 2>browser.txt ||
      fail 'the browser failed' "$(<browser.txt)"
    seen=$(sed -n 's/.*<pre id="seen">seen \(.*\) end<.*/\1/p' dom.html)
    [[ -z $seen ]] || break
  done
  [[ -n $seen ]] || fail 'the script did not come to its end'
}

IsWrittenWhenATrainingEnds() {
  run train.yaml
  ends 0
  has "$out" 'report: runs/001/report.html'
  page_has runs/001/report.html '"state":"done"'
  page_has runs/001/report.html "\"last\":{\"loss\":$(last_of 4)}"
  page_has runs/001/report.html '"all_steps":12'
  run sample.yaml
  [[ ! -e samples/001/report.html ]] || fail 'what trains nothing has no report'
}

IsWrittenAtEachPreviewAndAfterAKill() {
  eval "started $(preview 2 | sed "s/--add \(.*\)/--add '\1'/")"
  until [[ -e runs/001/report.html ]]; do kill -0 "$process"; sleep 0.1; done
  page_has runs/001/report.html '"state":"running"'
  run report runs/001 --output while.html
  ends 0
  page_has while.html '"state":"running"'
  kill -KILL "$process"
  ended
  printf '99,12' >>runs/001/metrics.csv
  run report runs
  ends 0
  is "$out" 'report: runs/001/report.html'
  page_has runs/001/report.html '"state":"stopped"'
  page_has runs/001/report.html "metrics.csv:$(grep -c '' runs/001/metrics.csv): not a whole row, left out"
  page_has runs/001/report.html '"name":"samples.png","data":"data:image/png;base64,iVBOR'
}

RefusesWhatIsNoRun() {
  run report nothing
  ends 2
  is "$err" "command line: there is no run directory 'nothing'"
  mkdir empty
  run report empty
  ends 2
  is "$err" "command line: 'empty' is not a run directory: there is no pipeline.yaml of a run in it, nor in one below it"
  run report
  ends 2
  has "$err" 'runs is required'
}

SaysWhatIsMissing() {
  run train.yaml --remove nodes.log
  run report runs/001
  ends 0
  page_has runs/001/report.html '"notes":["the pipeline has no metrics_log, so there are no curves"]'
  run train.yaml
  rm runs/002/metrics.csv
  sed -i 's/"dagfusion": .*/"dagfusion": "99.1.0",/' runs/002/machine.json
  sed -i 's/drawn_digits/drawn_letters/' runs/002/pipeline.yaml
  run report runs/002
  ends 0
  page_has runs/002/report.html '"there is no metrics.csv yet, so there are no curves"'
  page_has runs/002/report.html "\"the pipeline is not drawn: node 'images': no type 'drawn_letters'"
  page_has runs/002/report.html "written by Dagfusion 99.1.0, and this is $("$program" --version | cut -d' ' -f2): what it does not know is not on this page"
  echo 'not JSON' >runs/002/machine.json
  run report runs/002
  page_has runs/002/report.html '"machine.json is no JSON"'
}

LaysRunsOverEachOther() {
  run train.yaml
  run train.yaml vars.rate=1e-3
  run report runs/001 runs/002
  ends 0
  is "$out" 'report: report.html'
  page_has report.html '"differences":[{"path":"nodes.adam.learning_rate","values":["2.0e-3","1e-3"]}]'
}

StaysSmallWithManyPictures() {
  run train.yaml --remove nodes.log
  head -c 300000 /dev/urandom >noise.png  # what is small enough is not looked into
  local step
  for step in {000001..000040}; do
    mkdir -p runs/001/previews/step-$step
    ln noise.png runs/001/previews/step-$step/samples.png
  done
  run report runs/001
  ends 0
  [[ $(stat -c %s runs/001/report.html) -lt 3000000 ]] || fail "the page has $(stat -c %s runs/001/report.html) bytes"
  page_has runs/001/report.html '{"step":1,"name":"samples.png"'
  page_has runs/001/report.html '{"step":40,"name":"samples.png"'
  is "$(grep -o '"step":[0-9]*,"name":"samples.png"' runs/001/report.html | wc -l)" 4
  page_has runs/001/report.html '"pictures_left_out":36'
}

ShowsMeasures() {
  run train.yaml
  local step
  for step in 000006 000012; do
    mkdir -p runs/001/previews/step-$step
    printf 'images,distance,file\n64,0.%s,a.png\n' "${step#0000}" >runs/001/previews/step-$step/distance.csv
  done
  run report runs/001
  ends 0
  page_has runs/001/report.html '"measures":[{"name":"distance.csv","step":[6,12],"columns":{"images":[64.0,64.0],"distance":[0.06,0.12]}}]'
}

SaysWhenItCannotWrite() {
  run train.yaml
  run report runs/001 --output nowhere/page.html
  ends 1
  has "$err" "run-pipeline report: cannot "
  has "$err" "'nowhere/page.html"
  has "$err" ': No such file or directory'
}

ShowsTextsOfUsersAsTexts() {
  run train.yaml 'run.output=<script>alert(1)</script>&"x'
  ends 0
  local -r page=$(<'<script>alert(1)</script>&"x/001/report.html')
  has "$page" '<title>&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;x/001</title>'
  [[ $page != *'<script>alert'* ]] || fail 'the name of the run is a script'
}

KeepsTheExtremesOfAMillionSteps() {
  run train.yaml
  awk 'BEGIN {
    print "step,images,seconds,loss,grad_norm,learning_rate,q0,q1,q2,q3"
    for (i = 1; i <= 1000000; ++i) {
      loss = i == 765432 ? 123.4375 : i == 222222 ? 0.0009765625 : 0.1 + (i % 97) / 1000
      printf "%d,%d,%.3f,%.6g,%.6g,%g,%.6g,%.6g,%.6g,%.6g\n", i, i * 12, i / 20, loss, 1 + i % 31 / 10, 0.002, loss * 2, loss / 2, loss / 3, loss / 4
    }
  }' >runs/001/metrics.csv
  run report runs/001
  ends 0
  [[ $(stat -c %s runs/001/report.html) -lt 3000000 ]] || fail "the page has $(stat -c %s runs/001/report.html) bytes"
  page_has runs/001/report.html '"most":123.438,"most_step":765432'
  driven runs/001/report.html 'seen.most = Math.max(...runs[0].curves.loss.max), seen.least = Math.min(...runs[0].curves.loss.min);
    seen.fast = performance.timing.loadEventStart - performance.timing.navigationStart < 2000'
  is "$seen" '{"most":123.438,"least":0.000976562,"fast":true}'
}

IsDrivenInABrowser() {
  eval "run train.yaml nodes.log.every=1 $(preview 4 | sed "s/--add \(.*\)/--add '\1'/")"
  ends 0
  printf 'step,images,loss\n8,64,0.625\n' >runs/001/previews/step-000008/validation.csv
  run report runs/001
  driven runs/001/report.html '
    const svg = document.querySelector("[data-title=loss] svg"), box = svg.getBoundingClientRect();
    const value = () => document.querySelector("[data-title=loss] .value").textContent;
    const pointer = (type, share) => svg.dispatchEvent(new PointerEvent(type, {clientX: box.left + 58 + share * (box.width - 78), clientY: box.top + 50, button: 0, buttons: 1, bubbles: true, pointerId: 1}));
    const slide = to => { const slider = document.getElementById("preview"); slider.value = to; slider.dispatchEvent(new Event("input")); };
    seen.last = value();
    seen.held = document.querySelectorAll("[data-title=loss] .legend button")[1].textContent;
    pointer("pointermove", 0);
    seen.first = value();
    pointer("pointerdown", 0.5), pointer("pointermove", 0.75), pointer("pointerup", 0.75);
    seen.range = group.range.map(x => Math.round(x * 10) / 10);
    seen.all = document.getElementById("all").hidden;
    pointer("pointermove", 1);
    seen.zoomed = document.querySelector("[data-title=loss] .where").textContent;
    document.getElementById("all").click();
    seen.back = group.range;
    slide(0);
    seen.preview = document.getElementById("preview-step").textContent;
    seen.pictures = document.querySelectorAll("#pictures img").length + " " + (document.querySelector("#pictures img").naturalWidth > 0 || "not decoded yet");
    slide(2);
    seen.then = document.getElementById("preview-step").textContent;
    seen.numbers = [...document.querySelectorAll("#numbers td")].slice(0, 2).map(cell => cell.textContent);'
  local -r last=$(last_of 4) first=$(sed -n 2p runs/001/metrics.csv | cut -d, -f4)
  has "$seen" "\"last\":\"$last\",\"held\":\"held out (validation.csv)0.625\",\"first\":\"$first\",\"range\":[6,9],\"all\":false,\"zoomed\":\" step 9\",\"back\":null"
  has "$seen" '"preview":"step 4","pictures":"1 '
  has "$seen" "\"then\":\"step 12\",\"numbers\":[\"loss\",\"$last\"]"
}

GraphFoldsSearchesAndTellsInABrowser() {
  run train.yaml
  run graph train.yaml --format html --with-timings runs/001 --output graph.html
  ends 0
  driven graph.html '
    const drawn = () => document.querySelectorAll("[data-path]").length;
    const click = (path, part) => document.querySelector(`[data-path="${path}"] ${part}`).dispatchEvent(new MouseEvent("click", {bubbles: true}));
    const rows = () => Object.fromEntries([...document.querySelectorAll(".graph-panel tr")].map(row => [row.children[0].textContent, row.children[1].textContent]));
    seen.folded = drawn() === new Set(view.data.nodes.map(node => node.path.split("/")[0])).size;
    const before = document.querySelector("[data-path=out]").getBoundingClientRect();
    click("out", ".fold");
    const now = document.querySelector("[data-path=out]").getBoundingClientRect();
    seen.stays = Math.abs(now.left - before.left) < 2 && Math.abs(now.top - before.top) < 2;
    seen.inside = document.querySelector(`[data-path=out] [data-path="out/conv_in"]`) !== null;
    click("out", ".fold");
    seen.again = document.querySelector(`[data-path="out/conv_in"]`) === null;
    const search = document.querySelector("input[type=search]");
    search.value = "block0 conv1", search.dispatchEvent(new Event("input"));
    seen.found = document.querySelector(".graph-results button").textContent;
    document.querySelector(".graph-results button").click();
    seen.title = document.querySelector(".graph-panel h3").textContent;
    seen.kernel = /^3 [a-z]+ /.test(rows().kernel), seen.shape = rows()["in x"];
    seen.place = rows()["stands at"], seen.time = "weight gradient" in rows() && "share of the time" in rows();
    const place = document.querySelector(".selected").getBoundingClientRect();
    seen.visible = place.top > 40 && place.bottom < innerHeight && place.width > 40;
    search.value = "backward mid block0 conv1 weights", search.dispatchEvent(new Event("input"));
    document.querySelector(".graph-results button").click();
    seen.back = document.querySelector(".graph-panel h3").textContent + " " + Object.keys(rows()).includes("weight gradient");
    view.unfoldTo(99);
    seen.all = drawn() === view.boxes.size - 1;'
  is "$seen" '{"folded":true,"stays":true,"inside":true,"again":true,"found":"out/mid/block0/conv1 conv2d","title":"out/mid/block0/conv1","kernel":true,"shape":"[3,16,8,8] f32 from out/mid/block0/norm1.y","place":"train.yaml:11","time":true,"visible":true,"back":"backward/out/mid/block0/conv1/weights true","all":true}'
}

PreviewsUnfoldInABrowser() {
  eval "run train.yaml $(preview 4 | sed "s/--add \(.*\)/--add '\1'/")"
  ends 0
  driven runs/001/report.html '
    const graph = document.querySelector(".graph"), click = path => graph.querySelector(`[data-path="${path}"] .fold`).dispatchEvent(new MouseEvent("click", {bubbles: true}));
    seen.type = graph.querySelector("[data-path=preview] .small").textContent.split(" ")[0];
    click("preview");
    seen.inside = [...graph.querySelectorAll("[data-path=preview] [data-path]")].map(box => box.dataset.path);'
  is "$seen" '{"type":"run_pipeline","inside":["preview/number","preview/xT","preview/bytes","preview/grid"]}'
}

SweepIsDrivenInABrowser() {
  printf 'extends: train.yaml\nset: {run.steps: 4, nodes.save.every: 4}\nsweep:\n  axes: {nodes.adam.warmup_steps: [1, 5]}\n  seeds: [1]\n  metric: {file: metrics.csv, column: loss}\n  output: sweeps\n' >sweep.yaml
  run sweep sweep.yaml
  ends 0
  driven sweeps/001/report.html '
    seen.names = [...document.querySelectorAll("[data-title=loss] .legend button")].map(button => button.firstChild.nextSibling.textContent);
    seen.lines = document.querySelectorAll("[data-title=loss] path.line:not(.faint)").length;
    seen.value = document.querySelector("[data-title=loss] .value").textContent;
    seen.dots = new Set([...document.querySelectorAll(".dot")].map(dot => dot.style.background)).size;'
  has "$(<sweeps/001/report.html)" '<a href="warmup_steps%3D1/seed-1/001/report.html">'
  [[ -e sweeps/001/warmup_steps=1/seed-1/001/report.html ]] || fail 'the run has no report'
  is "$seen" "{\"names\":[\"warmup_steps=1\",\"warmup_steps=5\"],\"lines\":2,\"value\":\"$(tail -n 1 sweeps/001/warmup_steps=1/seed-1/001/metrics.csv | cut -d, -f4)\",\"dots\":2}"
}

TicksAreRoundNumbersInABrowser() {
  run train.yaml
  run report runs/001
  driven runs/001/report.html '
    seen.equal = [roundTicks(0, 1600, 6), roundTicks(0, 400, 6), roundTicks(0.031, 0.035, 6)];
    seen.whole = [roundTicks(0, 6, 6, 1), roundTicks(0, 3, 6, 1)];
    seen.log = [logTicks(0.04, 1.1, 6), logTicks(0.001, 10, 6), logTicks(0.031, 0.036, 6), logTicks(1e-20, 1, 6)];
    seen.one = roundTicks(2, 2, 6);
    seen.smooth = [smoothed([4, 4, null, 4], 0.9), smoothed([0, 6, 0], 0.5)];  // 6 + 0/2 + 0/2 over 1 + 1/2 + 1/2
    seen.short = [0, 0.1234567, 1600, 20000, 2500000, 1e-7].map(short);'
  is "$seen" '{"equal":[[0,500,1000,1500],[0,100,200,300,400],[0.031,0.032,0.033,0.034,0.035]],"whole":[[0,2,4,6],[0,1,2,3]],"log":[[0.05,0.1,0.2,0.5,1],[0.001,0.01,0.1,1,10],[0.031,0.032,0.033,0.034,0.035,0.036],[1e-20,1e-15,1e-10,0.00001,1]],"one":[2],"smooth":[[4,4,null,4],[1.7142857142857142,3,1.7142857142857142]],"short":["0","0.1235","1600","20k","2.5M","1e-7"]}'
}

"$2"
