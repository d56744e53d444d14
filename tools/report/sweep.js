// sweep.js: the curves of a sweep, and the colours of its cells.
'use strict';

const cells = JSON.parse(document.getElementById('data').textContent).cells;
for (const dot of document.querySelectorAll('[data-colour]')) dot.style.background = colourOf(+dot.dataset.colour);

const group = new ChartGroup();
const series = cells.map((cell, i) => ({name: cell.name, colour: colourOf(i), at: {step: cell.step}, begin: {step: 0}, mean: cell.loss})).filter(one => one.mean.length);
const place = document.getElementById('curves');
if (series.length) {
  group.log = true;
  const memory = element('input', {type: 'range', id: 'smoothing', min: 0, max: 100, value: 40, oninput: () => {
    group.memory = memoryOf(memory.value);
    group.draw();
  }});
  group.memory = memoryOf(memory.value);
  const chart = new Chart(group, {title: 'loss', series, wide: true});
  const all = element('button', {type: 'button', id: 'all', hidden: '', onclick: () => group.zoom(null)}, 'show all');
  group.whenZoomed = range => all.hidden = range === null;
  place.append(element('div', {class: 'controls'}, element('label', {}, 'smooth', memory), all, element('span', {class: 'note'}, 'drag: zoom, double click: all')), chart.node);
} else {
  place.append('No losses are logged in metrics.csv.');
}
