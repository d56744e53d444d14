// graph_page.js: a page with nothing but the graph.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
document.body.classList.add('whole');
const view = new GraphView(data.graph, {open: data.open, name: data.title});
document.querySelector('main').append(view.node);
