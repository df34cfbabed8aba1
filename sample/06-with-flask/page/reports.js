// The client: orders reports, and shows what the Python worker says of them.
const element = (id) => document.getElementById(id);
const socket = io('/reports');
const reports = new Map();

const state = (text) => (element('status').textContent = element('status').dataset.state = text);
socket.on('connect', () => state('connected'));
socket.on('disconnect', () => state('disconnected'));

// Only to the client that ordered: the worker emits to its sid.
socket.on('progress', (title, percent) => {
  const { bar, text } = report(title);
  bar.value = percent;
  text.textContent = `${title}: ${percent} %`;
});
socket.on('done', (title, { bytes }) => {
  const content = new TextDecoder().decode(bytes);
  report(title).text.textContent = `${title}: ${content}`;
});

// To everybody in the namespace.
socket.on('news', (line) => element('news').append(item(line)));

document.forms[0].addEventListener('submit', (submission) => {
  submission.preventDefault();
  const title = submission.target.elements.title.value;
  socket.emit('order', title, (answer) => (report(title).text.textContent ||= `${title}: ${answer}`));
});

function report(title) {
  if (!reports.has(title)) {
    const bar = Object.assign(document.createElement('progress'), { max: 100, value: 0 });
    const text = document.createElement('span');
    const line = item('');
    line.append(text, bar);
    element('reports').append(line);
    reports.set(title, { bar, text });
  }
  return reports.get(title);
}

function item(text) {
  return Object.assign(document.createElement('li'), { textContent: text });
}
