"use strict";
// Shows what the events say (src/board/board.h has their shape). Whatever comes from outside becomes text, never markup.

const SILENT_MS = 10000; // the bridge sends something every 4 s
const LONG_RING_MS = 5000;
const FULL = "as many look at this board as can";
const $ = id => document.getElementById(id);
const calls = new Map(); // sid -> {call, row}
let ahead = 0; // their clock minus ours
let heard_ms = 0; // when they last said something, by their clock; 0: never
let counts = { ringing: 0, talking: 0, ending: 0 };
let token = "";

const now = () => Date.now() + ahead;
const two = n => String(n).padStart(2, "0");
const clock = ms => { const t = new Date(ms); return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`; };

function span(ms, tenths) {
  const s = Math.max(0, ms) / 1000;
  if (s < 60) return tenths ? `${s.toFixed(1)} s` : `${Math.floor(s)} s`;
  const m = Math.floor(s / 60);
  return m < 60 ? `${m}:${two(Math.floor(s % 60))}` : `${Math.floor(m / 60)}:${two(m % 60)}:${two(Math.floor(s % 60))}`;
}

const rang = call => call.ring_ms === null ? "–" : span(call.ring_ms, true);
const agent = call => call.agent + (call.restarts > 0 ? ` (${call.restarts}× anew)` : "");
const words = name => name.toLowerCase().replaceAll("_", " ");

// What each list shows of a call; the first cell is the time, where there is one.
const columns = {
  ringing: [call => span(now() - call.since_ms, true), call => call.called, call => call.caller, agent, call => call.phase],
  talking: [call => span(now() - call.since_ms - (call.ring_ms ?? 0)), call => call.called, call => call.caller, agent, rang],
  ending: [call => words(call.why), call => call.called, call => call.caller, agent, call => call.phase],
};
const names = ["time", "called", "from", "agent", "phase"];
const poolNames = ["agent", "ready", "wanted", "starting", "handed", "missed"];
const endNames = ["time", "called", "agent", "rang", "talked", "why"];

function set(node, text) {
  text = text || "–";
  if (node.textContent !== text) node.textContent = text;
}

function cells(row, texts, classes = names) {
  while (row.cells.length < texts.length) row.insertCell().className = classes[row.cells.length - 1];
  texts.forEach((text, i) => { set(row.cells[i].firstElementChild ?? row.cells[i], text); row.cells[i].title = row.cells[i].textContent; });
}

function show(call) {
  let entry = calls.get(call.sid);
  if (!entry) {
    calls.set(call.sid, entry = { row: document.createElement("tr") });
    entry.row.insertCell().append(document.createElement("span")); // of its own size, so that the table is not laid out anew
    entry.row.cells[0].className = names[0];
  }
  const moved = entry.call?.state !== call.state;
  entry.call = call;
  cells(entry.row, columns[call.state].map(text => text(call)));
  entry.row.cells[4].className = call.state === "talking" ? "rang" : "phase";
  entry.row.dataset.sid = call.sid;
  entry.row.classList.toggle("long", false);
  if (moved) $(call.state).append(entry.row);
}

function hide(sid) {
  calls.get(sid)?.row.remove();
  calls.delete(sid);
}

function showEnds(ends) {
  $("ends").replaceChildren(...ends.map(end => {
    const row = document.createElement("tr");
    row.dataset.sid = end.sid;
    row.classList.toggle("unanswered", !end.answered);
    const talked = end.answered ? span(end.talk_ms) : "–";
    cells(row, [clock(end.ended_ms), end.called, end.agent, rang(end), talked, end.text], endNames);
    return row;
  }));
  const rings = ends.filter(end => end.answered).map(end => end.ring_ms).sort((a, b) => a - b);
  const median = rings.length ? `, rang ${span(rings[rings.length >> 1], true)} (median)` : "";
  $("summary").textContent = ends.length ? `${rings.length} of ${ends.length} answered${median}` : "";
}

function showErrors(errors) {
  $("errors").replaceChildren(...errors.map(error => {
    const item = document.createElement("li"), time = document.createElement("time");
    time.dateTime = new Date(error.at_ms).toISOString();
    time.textContent = clock(error.at_ms);
    item.append(time, error.text);
    const about = [["agent", error.agent], ["call", error.call]].filter(([, value]) => value && !error.text.includes(value));
    if (about.length) {
      const small = document.createElement("small");
      small.textContent = ` ${about.map(pair => pair.join(" ")).join(", ")}`;
      item.append(small);
    }
    return item;
  }));
}

function showPools(pools) {
  $("pools").closest("section").hidden = pools.length === 0;
  $("pools").replaceChildren(...pools.map(pool => {
    const row = document.createElement("tr");
    row.classList.toggle("short", pool.ready < pool.wanted);
    cells(row, [pool.agent, ...[pool.ready, pool.wanted, pool.starting, pool.handed_over, pool.missed].map(String)], poolNames);
    return row;
  }));
}

// Text in which `words` of that kind are something to type.
function prose(node, text) {
  if (node.textContent === text.replaceAll("`", "")) return;
  node.replaceChildren(...text.split("`").map((part, i) => {
    if (i % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  }));
}

function showHealth(status, message, remedy) {
  $("health").dataset.status = status;
  prose($("message"), message);
  prose($("remedy"), remedy);
  showTitle();
}

const isGone = () => $("health").dataset.status === "gone";

function showTitle() {
  const status = $("health").dataset.status;
  const trouble = status === "healthy" ? "" : `${status} · `;
  const waits = counts.ringing ? `${counts.ringing} ringing · ` : "";
  document.title = isGone() ? "gone · sipbridge" : `${trouble}${waits}${counts.talking} talking · sipbridge`;
}

function showCounts() {
  for (const state of Object.keys(columns)) set($(`${state}-count`), String(counts[state]));
  showTitle();
}

function take(part) {
  ahead = part.now_ms - Date.now();
  $("lists").hidden = false; // before, nothing is known of anybody
  if (part.full) [...calls.keys()].forEach(hide);
  if (part.version) set($("version"), part.version);
  if (part.status) showHealth(part.status, part.message, part.remedy);
  for (const sid of part.gone ?? []) hide(sid);
  for (const call of part.calls ?? []) show(call);
  if (part.counts) { counts = part.counts; showCounts(); }
  if (part.ends) showEnds(part.ends);
  if (part.errors) showErrors(part.errors);
  if (part.pools) showPools(part.pools);
}

// The rows of a list that its window shows; with hundreds of calls to write all of them would leave no time for anything else.
function inView(list) {
  const rows = $(list).rows, box = $(list).closest(".scroll");
  const height = rows[0]?.offsetHeight || 1, first = Math.max(0, Math.floor(box.scrollTop / height) - 2);
  return Array.prototype.slice.call(rows, first, first + Math.ceil(box.clientHeight / height) + 4);
}

function showTimes(list, rows) {
  for (const row of rows) {
    const { call } = calls.get(row.dataset.sid);
    set(row.cells[0].firstElementChild, columns[list][0](call));
    if (list === "ringing") row.classList.toggle("long", now() - call.since_ms > LONG_RING_MS);
  }
}

// Only the times: ten times a second of those who wait, once of those who talk, every five seconds of those out of view. They
// stand still while the bridge is gone.
let ticks = 0;
function tick() {
  if (document.hidden) return;
  if (!isGone()) {
    showTimes("ringing", ticks % 50 === 0 ? $("ringing").rows : inView("ringing"));
    if (ticks % 10 === 0) showTimes("talking", ticks % 50 === 0 ? $("talking").rows : inView("talking"));
  }
  if (ticks++ % 10 === 0) set($("clock").firstElementChild, clock(now()));
}
setInterval(tick, 100);

// Server-sent events (HTML standard, 9.2), read by fetch: an EventSource cannot carry a token.
async function read(body, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter(line => line.startsWith("data: ")).map(line => line.slice(6)).join("\n");
      if (data) take(JSON.parse(data));
    }
    heard_ms = now();
  }
}

async function look() {
  const abort = new AbortController();
  let timer = 0;
  const alive = () => { clearTimeout(timer); timer = setTimeout(() => abort.abort(), SILENT_MS); };
  alive();
  try {
    const answer = await fetch("/board/events", {
      headers: token ? { Authorization: `Bearer ${token}` } : {}, cache: "no-store", signal: abort.signal,
    });
    if (answer.status === 401 || answer.status === 403) return ask(await answer.text());
    if (answer.status === 503) throw new Error(FULL);
    if (!answer.ok) throw new Error(`the bridge answers ${answer.status}`);
    $("door").hidden = true;
    await read(answer.body, alive);
    throw new Error("the bridge ended the connection");
  } catch (error) {
    const why = error.name === "TypeError" || error.name === "AbortError" ? "the bridge cannot be reached" : error.message;
    showHealth("gone", why + (heard_ms ? `; what stands here is of ${clock(heard_ms)}` : ""),
      why === FULL ? "Close one of the others; it is tried again every second." :
        "It is looked for every second. On its machine `systemctl status sipbridge` and its log tell more.");
    setTimeout(look, 1000);
  } finally {
    clearTimeout(timer);
  }
}

function ask(why) {
  showHealth("gone", token ? `this token does not open it: ${why.trim()}` : why.trim(), "");
  $("door").hidden = false;
  $("token").focus();
}

$("door").addEventListener("submit", event => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  look();
});
look();
