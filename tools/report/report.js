// report.js: lays out the page from what stands in #data.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const runs = data.runs, many = runs.length > 1;
const page = document.querySelector('main');
const dashes = [null, '6 3', '2 3', '8 3 2 3'];

const section = (title, ...children) => {
  const made = element('section', {'data-section': title}, element('h2', {}, title), ...children.filter(Boolean));
  page.append(made);
  return made;
};
const table = (head, rows, numbers = []) => element('div', {class: 'scroll'}, element('table', {},
    head && element('tr', {}, ...head.map((cell, i) => element('th', {class: numbers.includes(i) ? 'n' : null}, cell))),
    ...rows.map(row => element('tr', {}, ...row.map((cell, i) => element('td', {class: numbers.includes(i) ? 'n' : 'long'}, cell === null ? '' : cell))))));
const dot = index => element('span', {class: 'dot', style: `background:${colourOf(index)}`});
const named = (run, index) => many ? element('span', {}, dot(index), run.name) : run.name;
const bytes = n => n < 2 ** 20 ? Math.ceil(n / 2 ** 10) + ' KiB' : n < 2 ** 30 ? (n / 2 ** 20).toFixed(1) + ' MiB' : (n / 2 ** 30).toFixed(2) + ' GiB';

const head = () => {
  const theme = element('button', {type: 'button', id: 'theme', onclick: () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  }}, 'light / dark');
  page.append(element('header', {}, element('h1', {}, data.title), element('p', {}, `written ${data.written} by Dagfusion ${data.version}`), theme));
  for (const run of runs)
    for (const note of run.notes) page.append(element('p', {class: 'warning'}, many ? `${run.name}: ${note}` : note));
};

const summary = () => {
  const facts = run => [
    ['state', run.state],
    ['steps', run.all_steps ? `${run.steps} of ${run.all_steps}` : null],
    ['last loss', run.last.loss === undefined ? null : exact(run.last.loss)],
    ['images a second', run.rate === null ? null : String(+run.rate.toPrecision(4))],
    ['time', run.seconds ? duration(run.seconds) : null],
    ['on the disk', bytes(run.bytes)],
  ];
  if (!many)
    page.append(element('div', {class: 'cards'}, ...facts(runs[0]).filter(fact => fact[1] !== null).map(([name, value]) =>
        element('div', {class: 'card', 'data-fact': name}, element('b', {}, value), element('span', {}, name)))));
  else
    section('Runs', table(['run', ...facts(runs[0]).map(fact => fact[0])], runs.map((run, i) => [named(run, i), ...facts(run).map(fact => fact[1])])));
};

const group = new ChartGroup();

const line = (run, name, rest) => ({...run.curves[name], at: run.at, begin: run.begin, ...rest});

// Losses that previews measured on images which training never sees, beside those of the training.
const heldOut = (run, i) => run.measures.filter(one => one.columns.loss).map(one => {
  const at = {step: one.step};
  for (const along of ['images', 'seconds'])
    if (run.at[along]) at[along] = one.step.map(step => run.at[along][Math.max(0, run.at.step.findLastIndex(logged => logged <= step))]);
  return {name: `${many ? run.name + ' ' : ''}held out (${one.name})`, at, mean: one.columns.loss, colour: colourOf(many ? i : i + 1), dash: '6 3', whole: true};
});

// One run: columns of one source share a chart. Several: each column has one, with a line a run.
const curveCharts = () => {
  const charts = [], columns = [...new Set(runs.flatMap(run => Object.keys(run.curves)))];
  const grouped = new Map(runs.flatMap(run => run.groups).flatMap(one => one.columns.map(column => [column, one])));
  const titles = {loss: 'loss', grad_norm: 'length of the gradient', learning_rate: 'learning rate', images_per_second: 'images a second'};
  const title = name => titles[name] || name;
  for (const name of columns) {
    const together = grouped.get(name);
    if (together && !many) {
      if (together.columns[0] !== name) continue;
      charts.push(new Chart(group, {title: together.title, series: together.columns.filter(c => runs[0].curves[c]).map((c, i) => line(runs[0], c, {name: c, colour: colourOf(i)}))}));
      continue;
    }
    const series = runs.map((run, i) => run.curves[name] && line(run, name, {name: many ? run.name : name, colour: colourOf(i), whole: name === 'learning_rate'})).filter(Boolean);
    if (name === 'loss') series.push(...runs.flatMap(heldOut));
    const plain = name === 'learning_rate' || name === 'images_per_second';
    charts.push(new Chart(group, {title: title(name), wide: name === 'loss', log: plain ? false : null, zero: plain, series,
                                  note: name === 'images_per_second' ? 'with previews and checkpoints, which hold the steps back' : null}));
  }
  charts.sort((a, b) => (b.node.classList.contains('wide') ? 1 : 0) - (a.node.classList.contains('wide') ? 1 : 0));
  return charts;
};

const curves = () => {
  if (!runs.some(run => Object.keys(run.curves).length)) return;
  const charts = curveCharts();
  const back = element('button', {type: 'button', id: 'all', hidden: '', onclick: () => group.zoom(null)}, 'show all');
  group.whenZoomed = range => back.hidden = range === null;
  group.log = true;
  const positive = runs.some(run => (run.curves.loss ? run.curves.loss.mean : []).some(value => value !== null && value <= 0));
  if (positive) group.log = false;
  const smoothing = element('input', {type: 'range', id: 'smoothing', min: 0, max: 100, value: 0, oninput: () => {
    group.memory = memoryOf(smoothing.value);
    group.draw();
  }});
  const points = Math.max(...runs.map(run => run.at.step.length));
  smoothing.value = points > 40 ? 35 : 0;
  group.memory = memoryOf(smoothing.value);
  const logarithmic = element('input', {type: 'checkbox', id: 'log', onchange: () => { group.log = logarithmic.checked; group.draw(); }});
  logarithmic.checked = group.log;
  const along = element('select', {id: 'along', onchange: () => { group.along = along.value; group.zoom(null); }},
                        element('option', {value: 'step'}, 'steps'), element('option', {value: 'images'}, 'images'), element('option', {value: 'seconds'}, 'time'));
  section('Curves', element('div', {class: 'controls'}, element('label', {}, 'smooth', smoothing), element('label', {}, logarithmic, 'logarithmic'),
                            element('label', {}, 'along', along), back, element('span', {class: 'note'}, 'drag: zoom, double click: all')),
          element('div', {class: 'charts'}, ...charts.map(chart => chart.node)));
  const hints = runs.flatMap(run => run.hints);
  for (const hint of new Set(hints)) page.lastChild.append(element('p', {class: 'note'}, hint));
  numbers();
};

// Of each column the last value and the extremes, as metrics.csv has them.
const numbers = () => {
  const rows = runs.flatMap((run, i) => Object.entries(run.extremes).map(([name, of]) =>
      [...(many ? [named(run, i)] : []), name, exact(of.last), exact(of.least), exact(of.least_step), exact(of.most), exact(of.most_step)]));
  const head = [...(many ? ['run'] : []), 'column', 'last', 'least', 'at step', 'most', 'at step'];
  const shift = many ? 1 : 0;
  page.lastChild.append(element('details', {id: 'numbers'}, element('summary', {}, 'numbers'), table(head, rows, [1, 2, 3, 4, 5].map(i => i + shift))));
};

const previews = () => {
  const names = [...new Set(runs.flatMap(run => run.pictures.map(picture => picture.name)))].sort((a, b) => b.includes('sample') - a.includes('sample'));
  if (!names.length) return;
  const steps = [...new Set(runs.flatMap(run => run.pictures.map(picture => picture.step)))].sort((a, b) => a - b);
  const slider = element('input', {type: 'range', id: 'preview', min: 0, max: steps.length - 1, value: steps.length - 1, 'aria-label': 'step of the preview', oninput: () => show()});
  const output = element('output', {id: 'preview-step'});
  const choice = element('select', {id: 'preview-name', onchange: () => show()}, ...names.map(name => element('option', {value: name}, name)));
  const pictures = element('div', {class: many ? 'pictures' : 'pictures one', id: 'pictures'});
  const show = () => {
    const step = steps[slider.value];
    output.textContent = step === 0 && steps.length === 1 ? 'at the end' : `step ${step}`;
    pictures.replaceChildren(...runs.map((run, i) => {  // the newest that was there by then
      const found = run.pictures.filter(picture => picture.name === choice.value && picture.step <= step).pop();
      return found && element('figure', {}, element('img', {src: found.data, alt: `${choice.value} of ${run.name}, step ${found.step}`}),
                              element('figcaption', {}, many ? named(run, i) : '', many ? ` step ${found.step}` : ''));
    }).filter(Boolean));
  };
  let playing = null;
  const play = element('button', {type: 'button', id: 'play', onclick: () => {
    if (playing) { clearInterval(playing); playing = null; play.textContent = 'play'; return; }
    play.textContent = 'stop';
    playing = setInterval(() => { slider.value = (+slider.value + 1) % steps.length; show(); }, 600);
  }}, 'play');
  if (steps.length < 2) slider.hidden = play.hidden = true;
  if (names.length < 2) choice.hidden = true;
  section(steps.some(step => step > 0) ? 'Previews' : 'Pictures', element('div', {class: 'slider'}, choice, slider, output, play), pictures,
          ...runs.filter(run => run.pictures_left_out).map(run => element('p', {class: 'note'}, `${many ? run.name + ': ' : ''}${run.pictures_left_out} pictures between these are left out, so that the page stays small`)));
  show();
};

const differences = () => {
  if (!many) return;
  section('What differs', data.differences.length
      ? table(['setting', ...runs.map(named)], data.differences.map(one => [one.path, ...one.values]))
      : element('p', {}, 'nothing: the pipelines are the same'));
};

const noise = () => {
  const having = runs.map((run, i) => [run, i]).filter(([run]) => run.noise);
  if (!having.length) return;
  const unlike = having.filter(([run], k) => having.findIndex(([other]) => JSON.stringify(other.noise) === JSON.stringify(run.noise)) === k);
  const noises = new ChartGroup();
  noises.along = 't';
  const of = names => unlike.flatMap(([run, i]) => names.map((name, k) => ({name: (unlike.length > 1 ? run.name + ' ' : '') + name, at: {step: run.noise.t, t: run.noise.t}, mean: run.noise[name], colour: unlike.length > 1 ? colourOf(i) : colourOf(k), dash: unlike.length > 1 ? dashes[k] : null, whole: true})));
  const has = name => unlike.some(([run]) => run.noise[name] && run.noise[name].some(value => value !== null));
  const charts = [new Chart(noises, {title: 'alpha: share of the image, sigma: of the noise', log: unlike.every(([run]) => Math.max(...run.noise.sigma) > 10), series: of(['alpha', 'sigma'])}),
                  new Chart(noises, {title: 'signal-to-noise ratio', log: true, series: of(['snr'])})];
  if (has('beta')) charts.push(new Chart(noises, {title: 'beta: the noise that a timestep adds', log: false, series: of(['beta'])}));
  charts.push(new Chart(noises, {title: 'how much a loss without weights counts the clean image', log: true, series: of(['clean_weight'])}));
  section('Noise', element('p', {class: 'note'}, unlike.map(([run]) => run.noise.what).join('; ')), element('div', {class: 'charts'}, ...charts.map(chart => chart.node)));
};

// Those that are like an earlier one are not in the data.
const views = [];
const graphs = () => {
  for (const run of runs.filter(run => run.graph)) {
    const view = new GraphView(run.graph, {wheel: false});
    section(many ? `Pipeline of ${run.name}` : 'Pipeline', view.node);
    views.push(view);
  }
};

const measures = () => {
  const having = runs.filter(run => run.measures.length);
  if (!having.length) return;
  const made = section('Measures'), names = [...new Set(having.flatMap(run => run.measures.map(one => one.name)))];
  const measured = new ChartGroup(), charts = [];
  for (const name of names) {
    const columns = [...new Set(having.flatMap(run => run.measures.filter(one => one.name === name).flatMap(one => Object.keys(one.columns))))];
    for (const column of columns.filter(column => column !== 'images')) {  // which says how many were measured
      const series = runs.map((run, i) => {
        const one = run.measures.find(measure => measure.name === name && measure.columns[column]);
        return one && one.step.length > 1 && {name: many ? run.name : column, at: {step: one.step}, mean: one.columns[column], colour: colourOf(i), whole: true};
      }).filter(Boolean);
      if (series.length) charts.push(new Chart(measured, {title: `${column} (${name})`, series, log: false}));
    }
    made.append(table(['run', 'step', ...columns], runs.flatMap((run, i) => run.measures.filter(one => one.name === name).flatMap(one =>
        one.step.slice(-5).map((step, k) => [named(run, i), exact(step), ...columns.map(column => one.columns[column] ? exact(one.columns[column].slice(-5)[k]) : '')]))), columns.map((column, k) => k + 2)));
  }
  made.append(element('div', {class: 'charts'}, ...charts.map(chart => chart.node)));
};

const times = () => {
  for (const [i, run] of runs.entries()) {
    if (!run.times.length) continue;
    const all = run.times.reduce((sum, time) => sum + time.seconds, 0);
    const row = time => [time.type, (100 * time.seconds / all).toFixed(1) + ' %', element('span', {class: 'bar', style: `width:${(160 * time.seconds / all).toFixed(1)}px;background:${colourOf(i)}`}),
                         time.seconds.toFixed(2), String(time.calls), time.waited.toFixed(2)];
    const rows = times => table(['node type', 'share', '', 'seconds', 'calls', 'waited, seconds'], times.map(row), [1, 3, 4, 5]);
    const most = 10;
    section(many ? `Where the time went: ${run.name}` : 'Where the time went', rows(run.times.slice(0, most)),
            run.times.length > most ? element('details', {}, element('summary', {}, `${run.times.length - most} more`), rows(run.times.slice(most))) : null);
  }
};

const machines = () => {
  const keys = [...new Set(runs.flatMap(run => Object.keys(run.machine)))];
  if (keys.length) section('Machine and versions', table(many ? ['', ...runs.map(named)] : null, keys.map(key => [key.replaceAll('_', ' '), ...runs.map(run => run.machine[key] === undefined ? '' : String(run.machine[key]))])));
};

const files = () => section('Pipeline files', ...runs.map(run => element('details', {}, element('summary', {}, `${run.name}/pipeline.yaml`), element('pre', {}, run.yaml))));

for (const part of [head, summary, curves, previews, differences, measures, graphs, times, noise, machines, files]) part();
