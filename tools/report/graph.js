// graph.js: a pipeline as boxes that fold and unfold in place. Layers of boxes (Sugiyama et al. 1981) inside each box that is
// open: rows by the longest way from a source, order and places by the mean of the neighbours, long arrows through points of
// their own in the rows that they pass.
'use strict';

const NODE_GAP = 16, ROW_GAP = 30, MARGIN = 14, HEADER = 26, BOX_HEIGHT = 40, POINT_WIDTH = 6;

// Places on a line, in order, at least `apart` from each other, as near to what is wished as can be (pool adjacent violators).
const placed = (wishes, apart, weights) => {
  const pools = [];
  let offset = 0;
  const offsets = wishes.map((_, i) => i === 0 ? 0 : offset += apart[i - 1]);
  wishes.forEach((wish, i) => {
    pools.push({sum: (wish - offsets[i]) * weights[i], weight: weights[i], count: 1});
    while (pools.length > 1) {
      const last = pools[pools.length - 1], before = pools[pools.length - 2];
      if (before.sum / before.weight <= last.sum / last.weight) break;
      pools.splice(-2, 2, {sum: before.sum + last.sum, weight: before.weight + last.weight, count: before.count + last.count});
    }
  });
  return pools.flatMap(pool => Array(pool.count).fill(pool.sum / pool.weight)).map((place, i) => place + offsets[i]);
};

class GraphView {
  constructor(data, {open = 0, wheel = true, name = ''} = {}) {
    this.data = data;
    this.wheel = wheel;
    this.measure = document.createElement('canvas').getContext('2d');
    this.build(name);
    this.all = this.data.nodes.reduce((sum, node) => sum + seconds(node), 0);
    this.byTime = this.all > 0;
    this.make();
    this.unfoldTo(open);
    new ResizeObserver(() => this.resized()).observe(this.svg);
  }

  // Boxes below boxes, by the slashes of their paths.
  build(name) {
    this.root = {path: '', name, children: [], open: true, parent: null, order: 0};
    this.boxes = new Map([['', this.root]]);
    this.data.nodes.forEach((node, index) => {
      let above = this.root;
      const parts = node.path.split('/');
      parts.forEach((part, depth) => {
        const path = parts.slice(0, depth + 1).join('/');
        let box = this.boxes.get(path);
        if (!box) {
          box = {path, name: part, children: [], open: false, parent: above, order: index};
          this.boxes.set(path, box);
          above.children.push(box);
        }
        above = box;
      });
      above.node = node;
      node.box = above;
    });
    for (const box of this.boxes.values()) box.type = box.node ? box.node.type : this.data.composites[box.path] || '';
    const sum = box => {
      box.leaves = box.children.length ? 0 : 1;
      box.seconds = box.node ? seconds(box.node) : 0;
      for (const child of box.children) {
        sum(child);
        box.leaves += child.leaves;
        box.seconds += child.seconds;
      }
    };
    sum(this.root);
    this.wires = new Map();  // of boxes without children: from, to, whether it is only an order
    for (const node of this.data.nodes) {
      for (const [, from] of node.in) this.wire(this.data.nodes[from].box, node.box, false);
      for (const from of node.after || []) this.wire(this.data.nodes[from].box, node.box, true);
    }
  }
  wire(from, to, order) {
    const key = from.path + '\n' + to.path, known = this.wires.get(key);
    if (from !== to) this.wires.set(key, {from, to, order: order && (!known || known.order)});
  }

  make() {
    this.svg = element('svg:svg', {class: 'graph-view', tabindex: 0, role: 'img', 'aria-label': 'the pipeline as a graph'});
    this.canvas = element('svg:g');
    this.svg.append(element('svg:defs', {}, element('svg:marker', {id: 'tip', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto'},
        element('svg:path', {d: 'M0 0L8 4L0 8Z', class: 'tip'}))), this.canvas);
    this.panel = element('aside', {class: 'graph-panel', hidden: ''});
    this.search = element('input', {type: 'search', placeholder: 'search nodes and types', 'aria-label': 'search', list: null, oninput: () => this.found(), onkeydown: e => {
      if (e.key === 'Enter' && this.matches && this.matches.length) this.go(this.matches[0]);
      if (e.key === 'Escape') this.hideResults();
    }});
    this.results = element('div', {class: 'graph-results', hidden: ''});
    const button = (text, id, onclick, title) => element('button', {type: 'button', 'data-do': id, onclick, title}, text);
    const time = element('input', {type: 'checkbox', 'data-do': 'time', onchange: () => { this.byTime = time.checked; this.draw(); }});
    time.checked = this.byTime;
    this.node = element('div', {class: 'graph'},
        element('div', {class: 'graph-tools'}, element('div', {class: 'graph-search'}, this.search, this.results),
            button('−', 'out', () => this.scaleBy(1.25), 'smaller'), button('+', 'in', () => this.scaleBy(0.8), 'larger'), button('all', 'fit', () => this.fit(), 'see all of it'),
            button('unfold', 'unfold', () => this.unfoldTo(this.depth + 1), 'one level more'), button('fold', 'fold', () => this.unfoldTo(Math.max(0, this.depth - 1)), 'one level less'),
            this.all > 0 ? element('label', {}, time, 'time') : null,
            element('span', {class: 'note'}, this.wheel ? 'wheel: zoom, drag: move, double click: unfold' : 'click into it, then wheel: zoom; drag: move; double click: unfold')),
        element('div', {class: 'graph-body'}, this.svg, this.panel));
    this.pointers = new Map();
    this.svg.addEventListener('wheel', e => {
      if (!this.wheel && document.activeElement !== this.svg) return;
      e.preventDefault();
      this.scaleBy(Math.exp(e.deltaY / 500), this.at(e));
    }, {passive: false});
    this.svg.addEventListener('pointerdown', e => {
      this.pointers.set(e.pointerId, e);
      this.moved = 0;
    });
    this.svg.addEventListener('pointermove', e => this.drag(e));
    for (const end of ['pointerup', 'pointercancel', 'pointerleave']) this.svg.addEventListener(end, e => this.pointers.delete(e.pointerId));
    this.svg.addEventListener('click', e => {
      if (this.moved > 6) return;
      const box = this.boxOf(e);
      if (box && e.target.closest('.fold')) this.toggle(box);
      else this.select(box && box !== this.root ? box : null);
    });
    this.svg.addEventListener('dblclick', e => {
      const box = this.boxOf(e);
      if (box && box !== this.root && box.children.length) this.toggle(box);
    });
    this.svg.addEventListener('keydown', e => {
      const does = {'+': () => this.scaleBy(0.8), '-': () => this.scaleBy(1.25), 0: () => this.fit(), Enter: () => this.selected && this.selected.children.length && this.toggle(this.selected), Escape: () => this.select(null)}[e.key];
      if (does) does();
    });
  }
  boxOf(event) {
    const drawn = event.target.closest('[data-path]');
    return drawn ? this.boxes.get(drawn.getAttribute('data-path')) : null;
  }

  width(text, bold, size) {
    this.measure.font = `${bold ? 'bold ' : ''}${size}px system-ui, sans-serif`;
    return this.measure.measureText(text).width;
  }

  // What stands for a box in the drawing: itself, or the outermost closed box around it.
  shown(box) {
    let closed = box;
    for (let above = box.parent; above; above = above.parent) if (!above.open) closed = above;
    return closed;
  }

  // The child of `around` that holds the box; null outside of it.
  childHolding(box, around) {
    for (; box; box = box.parent) if (box.parent === around) return box;
    return null;
  }

  layout(box) {
    if (!box.children.length || !box.open) {
      const share = box.seconds > 0.0005 * this.all ? (100 * box.seconds / this.all).toFixed(1) + ' %' : '';
      box.label = box.name;
      box.small = [box.children.length && !box.type ? `${box.leaves} nodes` : box.type === box.name ? '' : box.type, share].filter(Boolean).join(' · ');
      box.w = Math.max(70, this.width(box.label, true, 13) + (box.children.length ? 46 : 24), this.width(box.small, false, 11) + (box.children.length ? 46 : 24));
      box.h = BOX_HEIGHT;
      return;
    }
    for (const child of box.children) this.layout(child);
    this.arrange(box);
  }

  // Rows, order and places of the children of an open box.
  arrange(box) {
    const items = [...box.children], rank = new Map(), before = new Map(items.map(item => [item, new Set()])), after = new Map(items.map(item => [item, new Set()]));
    const entry = {point: true, w: POINT_WIDTH, h: 0, order: -1}, exit = {point: true, w: POINT_WIDTH, h: 0, order: Infinity};
    const links = new Map();  // from item, to item
    const link = (from, to, order) => {
      if (from === to || from.order >= to.order) return;
      if (!links.has(from)) links.set(from, new Map());
      links.get(from).set(to, order && links.get(from).get(to) !== false);
    };
    for (const {from, to, order} of this.wires.values()) {
      const a = this.childHolding(from, box), b = this.childHolding(to, box);
      if (a && b) link(a, b, order);
      else if (a && box !== this.root) link(a, exit, order);
      else if (b && box !== this.root) link(entry, b, order);
    }
    if (links.has(entry)) items.unshift(entry);
    if ([...links.values()].some(to => to.has(exit))) items.push(exit);
    for (const item of items) if (!before.has(item)) before.set(item, new Set()), after.set(item, new Set());
    for (const [from, tos] of links) for (const to of tos.keys()) after.get(from).add(to), before.get(to).add(from);
    items.sort((a, b) => a.order - b.order);
    for (const item of items) rank.set(item, Math.max(-1, ...[...before.get(item)].map(one => rank.get(one))) + 1);
    for (const item of [...items].reverse())  // what needs nothing stands just above who needs it
      if (item !== entry && !before.get(item).size && after.get(item).size) rank.set(item, Math.max(0, Math.min(...[...after.get(item)].map(one => rank.get(one))) - 1));
    if (items.includes(exit)) rank.set(exit, Math.max(...items.filter(item => item !== exit).map(item => rank.get(item))) + 1);

    // Points of long arrows; arrows from one box share theirs.
    const rows = Array.from({length: Math.max(0, ...rank.values()) + 1}, () => []);
    for (const item of items) rows[rank.get(item)].push(item), item.up = [], item.down = [];
    box.lines = [];
    for (const [from, tos] of links) {
      const points = new Map();
      for (const [to, order] of [...tos].sort((a, b) => rank.get(a[0]) - rank.get(b[0]))) {
        let last = from;
        const way = [from];
        for (let row = rank.get(from) + 1; row < rank.get(to); ++row) {
          let point = points.get(row);
          if (!point) {
            point = {point: true, w: POINT_WIDTH, h: 0, order: from.order, up: [last], down: []};
            last.down.push(point);
            points.set(row, point);
            rows[row].push(point);
          }
          way.push(last = point);
        }
        last.down.push(to), to.up.push(last);
        box.lines.push({from, to, order, way: [...way, to]});
      }
    }

    // Order within rows: by the mean place of the neighbours, down and up again.
    rows.forEach(row => row.forEach((item, i) => item.place = i));
    for (let sweep = 0; sweep < 8; ++sweep)
      for (const row of sweep % 2 ? [...rows].reverse() : rows) {
        const near = item => sweep % 2 ? item.down : item.up;
        for (const item of row) item.wish = near(item).length ? near(item).reduce((sum, one) => sum + one.place, 0) / near(item).length : item.place;
        row.sort((a, b) => a.wish - b.wish || a.order - b.order);
        row.forEach((item, i) => item.place = i - (row.length - 1) / 2);
      }

    // Places across: near the neighbours, not over each other.
    for (const row of rows) {
      let x = 0;
      for (const item of row) item.x = x + item.w / 2, x += item.w + NODE_GAP;
      for (const item of row) item.x -= x / 2;
    }
    for (let sweep = 0; sweep < 10; ++sweep)
      for (const row of sweep % 2 ? [...rows].reverse() : rows) {
        const near = item => sweep === 9 ? [...item.up, ...item.down] : sweep % 2 ? item.down : item.up;
        const wishes = row.map(item => near(item).length ? near(item).reduce((sum, one) => sum + one.x, 0) / near(item).length : item.x);
        const apart = row.slice(1).map((item, i) => (item.w + row[i].w) / 2 + (item.point && row[i].point ? NODE_GAP / 3 : NODE_GAP));
        placed(wishes, apart, row.map(item => item.point ? 3 : 1)).forEach((x, i) => row[i].x = x);
      }

    let y = box === this.root ? 0 : HEADER + MARGIN;
    for (const row of rows) {
      const height = Math.max(...row.map(item => item.h));
      for (const item of row) item.top = y, item.bottom = y + item.h, item.rowEnd = y + height;
      if (row.length) y += height + (height > 0 ? ROW_GAP : ROW_GAP / 2);
    }
    const left = Math.min(...rows.flat().map(item => item.x - item.w / 2)), right = Math.max(...rows.flat().map(item => item.x + item.w / 2));
    const title = box === this.root ? 0 : this.width(`${box.name} ${box.type}`, true, 13) + 50;
    const inner = Math.max(right - left, title);
    box.shift = MARGIN - left + (inner - (right - left)) / 2;
    for (const item of rows.flat()) item.x += box.shift;
    box.w = inner + 2 * MARGIN;
    box.h = y - ROW_GAP + MARGIN;
  }

  line({way}) {
    let text = '';
    way.forEach((item, i) => {
      if (i === 0) { text += `M${item.x} ${item.bottom}`; if (item.rowEnd > item.bottom && !item.point) text += `V${item.rowEnd}`; }
      else {
        const before = way[i - 1], from = before.rowEnd, middle = (from + item.top) / 2;
        text += `C${before.x} ${middle} ${item.x} ${middle} ${item.x} ${item.top}`;
        if (item.point && i < way.length - 1 && item.rowEnd > item.top) text += `V${item.rowEnd}`;
      }
    });
    return text;
  }

  drawBox(box) {
    const open = box.open && box.children.length > 0, share = this.all > 0 ? box.seconds / this.all : 0;
    const look = box.node ? box.node.look : box.type === 'loop' ? 'loop' : box.path.startsWith('backward') ? 'backward' : 'layer';
    const group = element('svg:g', {class: `box ${open ? 'open' : look}${box === this.selected ? ' selected' : ''}`, 'data-path': box.path, transform: `translate(${box.x - box.w / 2} ${box.top})`});
    group.append(element('svg:rect', {width: box.w, height: box.h, rx: 7}));
    if (!open && this.byTime && share > 0) group.append(element('svg:rect', {width: box.w, height: box.h, rx: 7, class: 'heat', opacity: Math.min(0.85, Math.sqrt(share) * 1.2).toFixed(3)}));
    const title = element('svg:text', {x: 12, y: 17, class: 'name'}, open ? box.name + (box.type && box.type !== box.name ? ` · ${box.type}` : '') : box.label);
    group.append(element('svg:title', {}, box.path), title);
    if (!open) group.append(element('svg:text', {x: 12, y: 32, class: 'small'}, box.small));
    if (box.children.length)
      group.append(element('svg:g', {class: 'fold', role: 'button'}, element('svg:rect', {x: box.w - 25, y: 4, width: 19, height: 19, rx: 5}), element('svg:text', {x: box.w - 15.5, y: 18, 'text-anchor': 'middle'}, open ? '−' : '+')));
    if (open) this.drawInside(box, group);
    return group;
  }
  drawInside(box, group) {
    for (const one of box.lines) {
      const touched = this.selected && [one.from, one.to].some(end => end === this.selected);
      group.append(element('svg:path', {d: this.line(one), class: `wire${one.order ? ' order' : ''}${touched ? ' touched' : ''}`, 'marker-end': one.to.point ? null : 'url(#tip)'}));
    }
    for (const end of new Set(box.lines.flatMap(one => [one.from, one.to])))  // where arrows come in and go out
      if (end.point) group.append(element('svg:circle', {class: 'gate', cx: end.x, cy: end.top, r: 3}));
    for (const child of box.children) group.append(this.drawBox(child));
  }

  draw() {
    this.layout(this.root);
    this.canvas.replaceChildren();
    this.drawInside(this.root, this.canvas);
    this.place();
  }
  place() {
    if (!this.view) return;
    this.seen = this.svg.clientWidth;
    this.svg.setAttribute('viewBox', `${this.view.x} ${this.view.y} ${this.view.w} ${this.view.h}`);
  }

  resized() {
    const {clientWidth: width, clientHeight: height} = this.svg;
    if (!this.touched || !this.view) return this.fit();
    if (!width || !this.seen) return;
    const scale = this.seen / this.view.w;
    this.view.w = width / scale, this.view.h = height / scale;
    this.place();
  }
  fit() {
    const {clientWidth: width, clientHeight: height} = this.svg;
    if (!width || !this.root.w) return;
    const least = 0.25, scale = Math.min(1.2, Math.max(least, Math.min(width / (this.root.w + 20), height / (this.root.h + 20))));
    this.view = {w: width / scale, h: height / scale};
    this.view.x = this.root.w / 2 - this.view.w / 2;
    this.view.y = this.root.h + 20 > this.view.h ? -10 : this.root.h / 2 - this.view.h / 2;
    this.touched = false;
    this.place();
  }
  at(event) {
    const bounds = this.svg.getBoundingClientRect();
    return {x: this.view.x + (event.clientX - bounds.left) / bounds.width * this.view.w, y: this.view.y + (event.clientY - bounds.top) / bounds.height * this.view.h};
  }
  scaleBy(factor, about = {x: this.view.x + this.view.w / 2, y: this.view.y + this.view.h / 2}) {
    const w = this.view.w * factor, scale = this.svg.clientWidth / w;
    if (scale < 0.02 || scale > 6) return;
    this.view = {x: about.x - (about.x - this.view.x) * factor, y: about.y - (about.y - this.view.y) * factor, w, h: this.view.h * factor};
    this.touched = true;
    this.place();
  }
  drag(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const scale = this.view.w / this.svg.clientWidth, others = [...this.pointers.values()].filter(one => one.pointerId !== event.pointerId);
    if (others.length) {  // two fingers
      const apart = one => Math.hypot(one.clientX - others[0].clientX, one.clientY - others[0].clientY);
      if (apart(event) > 0) this.scaleBy(apart(before) / apart(event), this.at(event));
    } else {
      this.view.x -= (event.clientX - before.clientX) * scale;
      this.view.y -= (event.clientY - before.clientY) * scale;
    }
    this.moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
    this.touched = true;
    this.pointers.set(event.pointerId, event);
    this.place();
  }

  // The place of a box on the whole canvas.
  corner(box) {
    let x = 0, y = 0;
    for (let one = box; one.parent; one = one.parent) x += one.x - one.w / 2, y += one.top;
    return {x, y};
  }
  toggle(box) {  // what was clicked stays where it is
    const before = this.corner(box);
    box.open = !box.open;
    this.draw();
    const now = this.corner(box);
    this.view.x += now.x - before.x;
    this.view.y += now.y - before.y;
    this.touched = true;
    this.place();
  }
  unfoldTo(depth) {
    const deepest = Math.max(...[...this.boxes.values()].filter(box => box.children.length).map(box => box.path ? box.path.split('/').length : 0));
    this.depth = Math.min(depth, deepest);
    for (const box of this.boxes.values()) box.open = box === this.root || (box.children.length > 0 && box.path.split('/').length <= this.depth);
    this.draw();
    this.fit();
  }

  found() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return this.hideResults();
    const text = box => `${box.path} ${box.type}`.toLowerCase();
    this.matches = [...this.boxes.values()].filter(box => box.path && words.every(word => text(box).includes(word))).sort((a, b) => a.path.length - b.path.length).slice(0, 30);
    this.results.hidden = false;
    this.results.replaceChildren(...(this.matches.length ? this.matches.map(box => element('button', {type: 'button', onclick: () => this.go(box)}, box.path, element('span', {class: 'note'}, ' ' + box.type))) : [element('span', {class: 'note'}, 'nothing found')]));
  }
  hideResults() { this.results.hidden = true; }
  go(box) {
    for (let above = box.parent; above; above = above.parent) above.open = true;
    this.hideResults();
    this.select(box);
    if (!this.view) this.fit();
    const {x, y} = this.corner(box), scale = Math.max(0.6, Math.min(1.2, this.svg.clientWidth / this.view.w));
    this.view = {w: this.svg.clientWidth / scale, h: this.svg.clientHeight / scale};
    this.view.x = x + box.w / 2 - this.view.w / 2;
    this.view.y = y + Math.min(box.h, this.view.h) / 2 - this.view.h / 2;
    this.touched = true;
    this.place();
  }

  select(box) {
    this.selected = box;
    this.draw();
    this.panel.hidden = !box;
    if (box) this.panel.replaceChildren(...this.described(box));
  }
  described(box) {
    const parts = [element('button', {type: 'button', class: 'close', 'aria-label': 'close', onclick: () => this.select(null)}, '×'), element('h3', {}, box.path)];
    const type = this.data.types[box.type] || {}, rows = [];
    if (box.type) parts.push(element('p', {class: 'note'}, box.type));
    if (type.summary) parts.push(element('p', {}, type.summary));
    if (box.children.length) rows.push(['nodes inside', String(box.leaves)]);
    const node = box.node;
    const go = (from, text) => element('button', {type: 'button', class: 'link', onclick: () => this.go(from)}, text);
    if (node) {
      for (const [port, from, output, spec] of node.in) {
        const source = this.data.nodes[from];
        rows.push([port ? `in ${port}` : 'after', element('span', {}, spec ? spec + ' from ' : '', go(source.box, source.path + (output ? '.' + output : '')))]);
      }
      for (const [port, spec] of node.out) {
        const readers = this.data.nodes.filter(other => other.in.some(([, from, output]) => this.data.nodes[from] === node && output === port));
        rows.push([`out ${port}`, element('span', {}, spec, ...readers.flatMap((reader, i) => [i ? ', ' : ' to ', go(reader.box, reader.path)]))]);
      }
      for (const [name, value] of Object.entries(node.settings || {})) rows.push([name, element('span', {title: (type.parameters || {})[name] || ''}, value, element('span', {class: 'note'}, ' ' + ((type.parameters || {})[name] || '')))]);
      for (const [name, shape] of node.weights || []) rows.push(['weights', `${name} ${shape}`]);
      if (node.multiply_adds) rows.push(['multiply-adds of a frame', node.multiply_adds.toLocaleString('en')]);
      for (const [part, spent] of Object.entries(node.seconds || {})) rows.push([part, duration(spent)]);
      for (const back of (node.back || []).map(index => this.data.nodes[index])) rows.push([back.type, go(back.box, this.all > 0 ? duration(seconds(back)) : back.path)]);
      if (node.where) rows.push(['stands at', node.where]);
    }
    if (this.all > 0) rows.push(['share of the time', (100 * box.seconds / this.all).toFixed(2) + ' %']);
    parts.push(element('table', {}, ...rows.map(([name, value]) => element('tr', {}, element('th', {}, name), element('td', {}, value)))));
    if (type.computes) parts.push(element('pre', {}, type.computes));
    if (type.paper) parts.push(element('p', {class: 'note'}, type.paper));
    return parts;
  }
}

const seconds = node => Object.values(node.seconds || {}).reduce((sum, spent) => sum + spent, 0);
