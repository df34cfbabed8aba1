// The client of the demo: what the forms send, what the server answers, and a log of both.
const element = (id) => document.getElementById(id);

// ?transport=polling or ?transport=websocket keeps to one; otherwise polling comes first, then the upgrade.
const transport = new URLSearchParams(location.search).get('transport');
const transports = ['polling', 'websocket'].includes(transport) ? [transport] : ['polling', 'websocket'];
const socket = io('/test', { transports });

// The handlers, word for word: cut from the file that the server serves --------------------------------------
void showHandlers();

async function showHandlers() {
  const source = await sourceOf('demo.gateway.ts');
  for (const place of document.querySelectorAll('[data-handler]')) {
    const begin = source.indexOf(`  ${place.dataset.handler}\n`);
    const end = source.indexOf('\n  }\n', begin) + '\n  }'.length;
    place.textContent = source
      ? source.slice(begin, end).replaceAll(/^ {2}/gm, '')
      : 'The source cannot be read.';
  }
}

async function sourceOf(file) {
  const answer = await fetch(file).catch(() => undefined);
  return answer?.ok ? answer.text() : '';
}

// Small screens begin with the controls; the handlers are a tap away.
for (const details of document.querySelectorAll('details')) {
  details.open = matchMedia('(min-width: 40rem)').matches;
}

// Send: a button's value is the event, its form's fields are the arguments ---------------------------------
const argumentsOf = {
  'my event': (form) => [form.text.value, form.number.valueAsNumber],
  'my broadcast event': (form) => [form.text.value],
  'my room event': (form) => [form.room.value, form.text.value],
  join: (form) => [form.room.value],
  leave: (form) => [form.room.value],
  'close room': (form) => [form.room.value],
  message: (form) => [form.text.value],
  json: (form) => [{ data: form.text.value }],
};

for (const form of document.forms) {
  form.addEventListener('submit', (submission) => {
    submission.preventDefault();
    const event = submission.submitter.value;
    const values = argumentsOf[event]?.(form.elements) ?? [];
    emit(event, values, form.querySelector('output'));
  });
}

function emit(event, values, output) {
  const entry = addToLog('sent', event, values);
  const started = performance.now();
  output.textContent = '';
  socket.timeout(5000).emit(event, ...values, (error, ...answer) => {
    const text = error ? 'not acknowledged' : `ack(${asText(answer)})`;
    output.textContent = text;
    entry.append(textElement('div', 'ack', `${text} ${milliseconds(performance.now() - started)}`));
    if (event === 'join' || event === 'leave') showRooms(answer[0]);
  });
}

// Receive --------------------------------------------------------------------------------------------------
const frequent = ['my counter', 'my pong'];

socket.onAny((event, ...values) => {
  const acknowledge = typeof values.at(-1) === 'function' ? values.pop() : undefined;
  if (!frequent.includes(event) || element('verbose').checked) addToLog('received', event, values);
  acknowledge?.();
});

socket.on('clients', (count) => (element('clients').textContent = count));
socket.on('my counter', (count) => (element('counter').textContent = count));
socket.on('room closed', () => socket.emit('my rooms', showRooms));

function showRooms(rooms) {
  if (!Array.isArray(rooms)) return;
  element('rooms').replaceChildren(...rooms.map((room) => textElement('li', '', room)));
}

// Connection -----------------------------------------------------------------------------------------------
socket.on('connect', () => {
  forgetFigures();
  const { engine } = socket.io;
  note(`connected by ${engine.transport.name}`, engine.transport.name);
  engine.once('upgrade', ({ name }) => note(`upgraded to ${name}`, name));
  socket.emit('my rooms', showRooms);
});

socket.on('disconnect', (reason) => {
  note(`disconnected: ${reason}`);
  showRooms([]);
});

socket.on('connect_error', (error) => note(`connection failed: ${error.message}`));

function note(text, detail) {
  addToLog('note', text);
  const state = socket.connected ? 'connected' : socket.active ? 'connecting' : 'disconnected';
  element('status').dataset.state = state;
  element('status').textContent = detail ? `${state} · ${detail}` : state;
  element('sid').textContent = socket.id ?? '–';
  element('cards').disabled = !socket.connected;
  markTiles(socket.connected);
  if (state === 'disconnected') offerReconnection();
}

/** Without a connection the figures are the last ones, and say so. */
function markTiles(live) {
  document.querySelector('.tiles').classList.toggle('frozen', !live);
  for (const mark of document.querySelectorAll('.stale')) mark.hidden = live;
}

/** A new connection shows no figures of the one before. */
function forgetFigures() {
  latencies.length = 0;
  element('sparkline').setAttribute('points', '');
  for (const id of ['clients', 'counter', 'latency']) element(id).textContent = '–';
}

function offerReconnection() {
  const button = textElement('button', '', 'Reconnect');
  button.addEventListener('click', () => {
    element('status').focus(); // the button is about to go
    socket.connect();
    note('connecting again');
  });
  element('status').append(button);
  button.focus(); // the button that was clicked is disabled now
}

// Latency: a ping every second, the last thirty as a line ---------------------------------------------------
const latencies = [];

setInterval(() => {
  if (!socket.connected) return;
  const now = Number(performance.now().toFixed(1));
  if (element('verbose').checked) addToLog('sent', 'my ping', [now]);
  socket.emit('my ping', now);
}, 1000);

socket.on('my pong', (sent) => {
  latencies.push(performance.now() - sent);
  if (latencies.length > 30) latencies.shift();
  element('latency').textContent = milliseconds(latencies.at(-1));
  const highest = Math.max(...latencies, 1);
  const points = latencies.map((value, index) => `${(index * 100) / 29},${23 - (value * 22) / highest}`);
  element('sparkline').setAttribute('points', points.join(' '));
});

// Log: what other clients sent is inserted as text, never as HTML --------------------------------------------
const arrows = { sent: '↑', received: '↓', note: '·' };

function addToLog(direction, event, values = []) {
  const row = document.createElement('li');
  row.className = direction;
  const arrow = textElement('span', 'arrow', arrows[direction]);
  arrow.setAttribute('aria-label', direction);
  arrow.role = 'img';
  const entry = document.createElement('div');
  entry.append(textElement('span', 'event', event), ' ', textElement('span', 'values', asText(values)));
  row.append(textElement('span', 'time', timeOfDay()), arrow, entry);
  const log = element('log');
  log.prepend(row);
  if (log.childElementCount > 200) log.lastElementChild.remove();
  return entry;
}

element('clear').addEventListener('click', () => element('log').replaceChildren());

function textElement(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

const asText = (values) => values.map((value) => JSON.stringify(value)).join(', ');
const milliseconds = (duration) => `${duration.toFixed(duration < 10 ? 1 : 0)} ms`;
const timeOfDay = () =>
  new Date().toLocaleTimeString('en-GB') + `.${String(Date.now() % 1000).padStart(3, '0')}`;

for (const link of document.querySelectorAll('nav a:not(.jump)')) {
  if (link.search === location.search) link.setAttribute('aria-current', 'page');
}
