// charts.js: lines against steps as SVG, zoomed together. No library: what is drawn has at most some thousand points, and
// the page has to open without a network.
'use strict';

// Asked of the browser: so no address stands in the page, which a test looks for.
const svgNamespace = (() => {
  const holder = document.createElement('template');
  holder.innerHTML = '<svg></svg>';
  return holder.content.firstChild.namespaceURI;
})();

const element = (tag, attributes = {}, ...children) => {
  const made = tag.startsWith('svg:') ? document.createElementNS(svgNamespace, tag.slice(4))
                                      : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children.filter(child => child !== null && child !== undefined));  // texts stay texts: nothing of a user is markup
  return made;
};

const colours = ['#3b7dd8', '#d9622b', '#2f9e62', '#a04fc4', '#c9a227', '#1aa0b4', '#d1477c', '#7a8a2c', '#6b6fd6', '#9a6b4f'];
const colourOf = index => colours[index % colours.length];

// Numbers as they stand in the file, and short ones for axes.
const exact = value => value === null || value === undefined ? '' : String(value);
const short = value => {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-4) return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
  for (const [unit, factor] of [['G', 1e9], ['M', 1e6], ['k', 1e4]])
    if (size >= factor) return +(value / (unit === 'k' ? 1e3 : factor)).toPrecision(4) + unit;
  return String(+value.toPrecision(4));
};
const duration = seconds => {
  const s = Math.round(seconds);
  if (s < 60) return +seconds.toPrecision(3) + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min ' + s % 60 + ' s';
  return Math.floor(s / 3600) + ' h ' + Math.floor(s / 60) % 60 + ' min';
};

// Round numbers between two, at most so many, at least so far apart.
const roundTicks = (low, high, most, least = 0) => {
  if (!(low < high)) return [low];
  for (let power = Math.floor(Math.log10((high - low) / most));; ++power)
    for (const factor of [1, 2, 5]) {
      const digits = Math.max(0, -power), step = factor * 10 ** power, ticks = [];
      if (step < least) continue;
      for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; ++n) ticks.push(+(n * step).toFixed(Math.min(digits, 100)));
      if (ticks.length <= most) return ticks;
    }
};
const logTicks = (low, high, most) => {
  for (const factors of [[1, 2, 5], [1]]) {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power)
      for (const factor of factors) {
        const tick = +(factor * 10 ** power).toPrecision(12);
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    if (ticks.length < 2) return roundTicks(low, high, most);
    if (ticks.length <= most) return ticks;
  }
  return roundTicks(Math.log10(low), Math.log10(high), most, 1).map(e => +(10 ** Math.round(e)).toPrecision(12));
};

// Mean with weights that fall by `memory` from point to point, to both sides: so that it does not lag behind.
const smoothed = (values, memory) => {
  const sums = values.map(() => 0), weights = values.map(() => 0);
  const sweep = indices => {
    let sum = 0, weight = 0;
    for (const i of indices) {
      sum *= memory, weight *= memory;
      sums[i] += sum, weights[i] += weight;
      if (values[i] !== null) sum += values[i], weight += 1;
    }
  };
  const forwards = [...values.keys()];
  sweep(forwards);
  sweep(forwards.reverse());
  return values.map((value, i) => value === null ? null : (sums[i] + value) / (weights[i] + 1));
};

// Of a slider from 0 to 100: no smoothing, to means over a hundred points.
const memoryOf = slider => +slider === 0 ? 0 : 1 - 10 ** (-slider / 50);

// Charts that share their range, their smoothing and what lies along the x axis.
class ChartGroup {
  constructor() {
    this.charts = [];
    this.range = null;
    this.along = 'step';
    this.memory = 0;
    this.log = false;
    this.whenZoomed = () => {};
  }
  zoom(range) {
    this.range = range;
    this.whenZoomed(range);
    this.draw();
  }
  draw() {
    for (const chart of this.charts) chart.draw();
  }
  point(x) {
    for (const chart of this.charts) chart.point(x);
  }
}

// series: [{name, colour, dash, at: {step: [...], …}, mean: [...], min: [...], max: [...]}]; null = no value there.
class Chart {
  constructor(group, {title, series, log = null, wide = false, note = null, zero = false}) {
    this.group = group;
    this.series = series.map(one => ({hidden: false, ...one}));
    this.ownLog = log;
    this.zero = zero;
    this.legend = element('div', {class: 'legend'});
    this.where = element('span', {class: 'where'});
    this.svg = element('svg:svg', {class: 'plot', role: 'img', 'aria-label': title});
    this.node = element('figure', {class: wide ? 'chart wide' : 'chart', 'data-title': title},
        element('figcaption', {}, element('b', {}, title), this.where), this.legend, this.svg, note && element('p', {class: 'note'}, note));
    this.svg.addEventListener('pointermove', e => this.move(e));
    this.svg.addEventListener('pointerdown', e => this.press(e));
    this.svg.addEventListener('pointerup', e => this.release(e));
    this.svg.addEventListener('pointercancel', () => this.drag = null);
    this.svg.addEventListener('pointerleave', () => this.drag || this.group.point(null));
    this.svg.addEventListener('dblclick', () => this.group.zoom(null));
    for (const one of this.series) {
      one.value = element('span', {class: 'value'});
      one.button = element('button', {type: 'button', 'aria-pressed': 'true', onclick: () => {
        one.hidden = !one.hidden;
        one.button.setAttribute('aria-pressed', String(!one.hidden));
        this.draw();
      }}, element('i', {style: `background:${one.colour}`, class: one.dash ? 'dashed' : null}), one.name, one.value);
      this.legend.append(one.button);
    }
    group.charts.push(this);
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  get log() { return this.ownLog === null ? this.group.log : this.ownLog; }
  xs(one) { return one.at[this.group.along] || one.at.step; }

  ends() {
    let low = Infinity, high = -Infinity;
    for (const one of this.series) {
      const xs = this.xs(one);
      if (!xs.length) continue;
      low = Math.min(low, one.begin && !this.group.range && one.begin[this.group.along] !== undefined ? one.begin[this.group.along] : xs[0]);
      high = Math.max(high, xs[xs.length - 1]);
    }
    if (this.group.range) [low, high] = this.group.range;
    return low < high ? [low, high] : [low - 1, low + 1];
  }

  heights(lines, [left, right]) {
    let low = Infinity, high = -Infinity;
    for (const {xs, values} of lines)
      for (let i = 0; i < xs.length; ++i) {
        const value = values[i];
        if (value === null || value === undefined || xs[i] < left || xs[i] > right || (this.log && value <= 0)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    if (!(low <= high)) return null;
    if (this.zero) low = Math.min(0, low);
    if (this.log) return [low / 1.05, high * 1.05];
    const margin = (high - low || Math.abs(high) || 1) * 0.04;
    return [this.zero && low === 0 ? 0 : low - margin, high + margin];
  }

  draw() {
    const width = this.svg.clientWidth, height = this.svg.clientHeight;
    if (!width) return;
    const inner = this.inner = {left: 58, right: width - 20, top: 8, bottom: height - 24};
    const ends = this.domain = this.ends();
    const shown = this.series.filter(one => !one.hidden);
    const lines = [];
    for (const one of shown) {
      const xs = this.xs(one);
      if (one.min) lines.push({xs, values: one.min, band: one.max, one}, {xs, values: one.max, only: true, one});
      const smooths = this.group.memory > 0 && !one.whole;
      lines.push({xs, values: one.mean, faint: smooths, one});
      if (smooths) lines.push({xs, values: smoothed(one.mean, this.group.memory), one});
    }
    const heights = this.heights(lines, ends);
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    if (!heights) {
      this.svg.append(element('svg:text', {x: width / 2, y: height / 2, 'text-anchor': 'middle'}, 'no values here'));
      return;
    }
    const scale = this.log ? Math.log10 : value => value;
    const [low, high] = heights.map(scale);
    this.x = value => inner.left + (value - ends[0]) / (ends[1] - ends[0]) * (inner.right - inner.left);
    this.y = value => inner.bottom - (scale(value) - low) / (high - low) * (inner.bottom - inner.top);
    this.axes(ends, heights, inner);
    for (const line of lines)
      if (line.band) this.svg.append(element('svg:path', {d: this.area(line), fill: line.one.colour, stroke: line.one.colour, class: 'band'}));
      else if (!line.only) this.svg.append(element('svg:path', {d: this.path(line), stroke: line.one.colour, class: line.faint ? 'line faint' : 'line', 'stroke-dasharray': line.one.dash || null}));
    this.cross = element('svg:line', {class: 'cross', y1: inner.top, y2: inner.bottom, visibility: 'hidden'});
    this.chosen = element('svg:rect', {class: 'chosen', y: inner.top, height: inner.bottom - inner.top, visibility: 'hidden'});
    this.svg.append(this.cross, this.chosen);
    this.point(null);
  }

  axes([left, right], [low, high], inner) {
    for (const tick of (this.log ? logTicks : roundTicks)(low, high, Math.max(4, Math.floor((inner.bottom - inner.top) / 34)))) {
      const y = this.y(tick);
      this.svg.append(element('svg:line', {class: 'grid', x1: inner.left, x2: inner.right, y1: y, y2: y}),
                      element('svg:text', {x: inner.left - 6, y: y + 4, 'text-anchor': 'end'}, short(tick)));
    }
    const timed = this.group.along === 'seconds';
    for (const tick of roundTicks(left, right, Math.max(3, Math.floor((inner.right - inner.left) / 90)), ['step', 'images'].includes(this.group.along) ? 1 : 0))
      this.svg.append(element('svg:text', {x: this.x(tick), y: inner.bottom + 16, 'text-anchor': 'middle'}, timed ? duration(tick) : short(tick)));
  }

  inside(x, i, xs) {  // with one point beyond each end, so that lines go on to it
    const [left, right] = this.domain;
    return (x >= left || xs[i + 1] >= left) && (x <= right || xs[i - 1] <= right);
  }
  drawable(value) { return value !== null && value !== undefined && !(this.log && value <= 0); }

  path({xs, values}) {  // a value that comes in few steps only is a line all the same
    const places = [];
    for (let i = 0; i < xs.length; ++i)
      if (this.drawable(values[i]) && this.inside(xs[i], i, xs)) places.push(this.x(xs[i]).toFixed(1) + ' ' + this.y(values[i]).toFixed(1));
    return places.length ? 'M' + places.join('L') + (places.length === 1 ? 'h.1' : '') : '';
  }
  area({xs, values, band}) {
    const up = [], down = [];
    for (let i = 0; i < xs.length; ++i) {
      if (!this.drawable(values[i]) || !this.drawable(band[i]) || !this.inside(xs[i], i, xs)) continue;
      const x = this.x(xs[i]).toFixed(1);
      up.push(x + ' ' + this.y(band[i]).toFixed(1));
      down.push(x + ' ' + this.y(values[i]).toFixed(1));
    }
    return up.length ? 'M' + up.join('L') + 'L' + down.reverse().join('L') + 'Z' : '';
  }

  at(event) {  // the place on the x axis below the pointer
    const box = this.svg.getBoundingClientRect();
    const share = (event.clientX - box.left - this.inner.left) / (this.inner.right - this.inner.left);
    return this.domain[0] + Math.min(1, Math.max(0, share)) * (this.domain[1] - this.domain[0]);
  }
  press(event) {
    if (!this.inner || event.button > 0) return;
    this.drag = {from: this.at(event), x: event.clientX};
    try { this.svg.setPointerCapture(event.pointerId); } catch (noSuchPointer) { /* of a script */ }
  }
  move(event) {
    if (!this.inner) return;
    const here = this.at(event);
    this.group.point(here);
    if (!this.drag || !this.chosen) return;
    const [a, b] = [this.x(this.drag.from), this.x(here)].sort((p, q) => p - q);
    this.chosen.setAttribute('x', a);
    this.chosen.setAttribute('width', b - a);
    this.chosen.setAttribute('visibility', 'visible');
  }
  release(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (Math.abs(event.clientX - drag.x) < 6) return this.chosen && this.chosen.setAttribute('visibility', 'hidden');
    this.group.zoom([drag.from, this.at(event)].sort((p, q) => p - q));
  }

  // Shows the values nearest to x; null: the last ones.
  point(x) {
    if (!this.cross) return;
    let nearest = null;
    for (const one of this.series) {
      const xs = this.xs(one);
      let best = null;
      const consider = i => {
        if (one.mean[i] !== null && (best === null || Math.abs(xs[i] - x) < Math.abs(xs[best] - x))) best = i;
      };
      if (x === null) {
        for (let i = xs.length - 1; i >= 0 && best === null; --i)
          if (one.mean[i] !== null && (!this.group.range || xs[i] <= this.group.range[1])) best = i;
      } else {
        let low = 0, high = xs.length - 1;
        while (low < high) {
          const middle = low + high >> 1;
          if (xs[middle] < x) low = middle + 1; else high = middle;
        }
        for (let i = Math.max(0, low - 2); i <= Math.min(xs.length - 1, low + 2); ++i) consider(i);
        if (best === null) for (let i = 0; i < xs.length; ++i) consider(i);
      }
      const value = best === null ? '' : exact(one.mean[best]) + (one.min && one.min[best] !== one.max[best] ? ` (${exact(one.min[best])} … ${exact(one.max[best])})` : '');
      one.value.textContent = value;
      if (best !== null && (nearest === null || Math.abs(xs[best] - x) < Math.abs(nearest - x))) nearest = xs[best];
    }
    const seconds = this.group.along === 'seconds';
    this.where.textContent = nearest === null ? '' : seconds ? ' after ' + duration(nearest) : ` ${this.group.along} ${exact(nearest)}`;
    this.cross.setAttribute('visibility', x === null || nearest === null ? 'hidden' : 'visible');
    if (x !== null && nearest !== null) for (const end of ['x1', 'x2']) this.cross.setAttribute(end, this.x(nearest));
  }
}
