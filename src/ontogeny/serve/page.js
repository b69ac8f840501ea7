"use strict";
const $ = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const model = meta("model");
const turns = [];           // {role, content}: what the model is shown, oldest first
let running = null;         // the AbortController of the answer being made
let tokensPerCharacter = 0.3;  // a first guess; measured by every answer

// ---- appearance -------------------------------------------------------------------------------------------------
const stored = (name, value) => {
  try { return value === undefined ? localStorage.getItem(name) : localStorage.setItem(name, value); } catch { return null; }
};
const setTheme = (theme) => { if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme; };
setTheme(stored("ontogeny-theme"));
$("theme").onclick = () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  setTheme(dark ? "light" : "dark");
  stored("ontogeny-theme", dark ? "light" : "dark");
};
const fingerprint = $("fingerprint");
const short = fingerprint.dataset.value.replace(/([0-9a-f]{12})[0-9a-f]+$/, "$1…");
fingerprint.textContent = short;
fingerprint.onclick = () => copy(fingerprint, fingerprint.dataset.value, short);

function copy(button, text, label) {
  navigator.clipboard?.writeText(text).then(() => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  }, () => {});
}
function showSettings(open) {
  $("settings").hidden = !open;
  $("settings-toggle").setAttribute("aria-expanded", String(open));
}
$("settings-toggle").onclick = () => showSettings($("settings").hidden);
if (meta("needs-key") === "yes") { $("key-field").hidden = false; showSettings(true); $("key").focus(); }

// ---- text to nodes: what the model says is never parsed as HTML --------------------------------------------------
function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}
function inline(text) {
  return text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*|\*[^*\s]+\*)/).filter(Boolean).map((part) =>
    /^`.+`$/.test(part) ? element("code", "", part.slice(1, -1))
      : /^\*\*.+\*\*$/.test(part) ? element("strong", "", part.slice(2, -2))
        : /^\*[^*]+\*$/.test(part) ? element("em", "", part.slice(1, -1)) : part);
}
function blocks(text) {
  const nodes = [];
  text.split(/^```[^\n]*\n?/m).forEach((part, index) => {
    if (index % 2) return nodes.push(element("pre", "", element("code", "", part.replace(/\n$/, ""))));
    part.split(/\n{2,}/).map((paragraph) => paragraph.replace(/^\n+|\s+$/g, "")).filter(Boolean)
      .forEach((paragraph) => nodes.push(element("p", "", ...inline(paragraph))));
  });
  return nodes;
}

// ---- the conversation -------------------------------------------------------------------------------------------
const log = $("log");
function add(node) {
  $("welcome").hidden = true;
  log.append(node);
  log.scrollTop = log.scrollHeight;
  return node;
}
const note = (text, error) => add(element("p", error ? "note error" : "note", text));

function answerView() {
  const dots = element("span", "waiting", element("i"), element("i"), element("i"));
  const body = element("div", "body", dots);
  const turn = add(element("article", "turn assistant streaming", body));
  turn.setAttribute("aria-busy", "true");
  let text = "", queued = false;
  const draw = () => {
    queued = false;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
    if (text.trim()) body.replaceChildren(...blocks(text));
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  return {
    turn,
    get text() { return text; },
    write(piece) { text += piece; if (!queued) { queued = true; requestAnimationFrame(draw); } },
    end(remark) {
      draw();
      turn.classList.remove("streaming");
      turn.removeAttribute("aria-busy");
      if (!text.trim()) body.replaceChildren(element("p", "", element("em", "", "No answer.")));
      const button = element("button", "", "Copy");
      button.type = "button";
      button.onclick = () => copy(button, text, "Copy");
      turn.append(element("div", "meta", button, remark));
      if (log.scrollHeight - log.scrollTop - log.clientHeight < 120) log.scrollTop = log.scrollHeight;
    },
  };
}

function request() {
  const system = $("system").value.trim();
  const body = { model, stream: true, stream_options: { include_usage: true } };
  body.messages = system ? [{ role: "system", content: system }, ...turns] : turns;
  for (const [id, name] of [["temperature", "temperature"], ["max-tokens", "max_tokens"], ["seed", "seed"]]) {
    if ($(id).value !== "") body[name] = Number($(id).value);
  }
  const headers = { "content-type": "application/json" };
  if ($("key").value) headers.authorization = `Bearer ${$("key").value.trim()}`;
  return { method: "POST", headers, body: JSON.stringify(body), signal: running.signal };
}

const characters = () => turns.reduce((sum, turn) => sum + turn.content.length, 0);

async function open() {        // a quarter of the context is kept free for the answer; older turns make room for it
  const room = Number(meta("context-tokens")) * 0.75;
  const before = [...turns];
  while (turns.length > 2 && characters() * tokensPerCharacter > room) turns.splice(0, 2);
  for (;;) {
    const response = await fetch("/v1/chat/completions", request());
    if (response.ok) {
      const forgotten = before.length - turns.length;
      if (forgotten) note(`The context is full: the oldest ${forgotten} messages were forgotten.`);
      return response;
    }
    const { error } = await response.json();
    if (error.code !== "context_length_exceeded" || turns.length < 3) {
      turns.splice(0, turns.length, ...before);
      throw Object.assign(new Error(error.message), error);
    }
    turns.splice(0, 2);
  }
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new Error(event.error.message);
      yield event;
    }
  }
}

async function answer(question) {
  running = new AbortController();
  setBusy(true);
  let view = null, usage = null, reason = null, failure = null, began = 0;
  try {
    view = answerView();
    const response = await open();
    if (view.turn !== log.lastElementChild) log.append(view.turn);
    for await (const event of events(response)) {
      const choice = event.choices[0];
      if (choice?.delta.content) { began ||= performance.now(); view.write(choice.delta.content); }
      reason = choice?.finish_reason ?? reason;
      usage = event.usage ?? usage;
    }
  } catch (error) {
    failure = error;
  }
  const stopped = failure?.name === "AbortError";
  if (failure && !view.text) view.turn.remove();
  else view.end(remark({ usage, reason, stopped, seconds: (performance.now() - began) / 1000 }));
  if (view.text) turns.push({ role: "assistant", content: view.text });
  else if (failure) giveBack(question);
  if (usage) tokensPerCharacter = usage.total_tokens / Math.max(1, characters());
  if (failure && !stopped) explain(failure);
  else if (view.text && meta("needs-key") === "yes") showSettings(false);
  running = null;
  setBusy(false);
  if (failure?.code === "invalid_api_key") $("key").focus();
}

function explain(failure) {
  if (failure.code === "invalid_api_key") {
    $("key-field").hidden = false;
    showSettings(true);
    return note("This server needs an API key: enter yours above, then send again.", true);
  }
  return note(failure.message === "Failed to fetch" ? "The server cannot be reached." : failure.message, true);
}

function remark({ usage, reason, stopped, seconds }) {
  const parts = [];
  if (stopped) parts.push("stopped");
  else if (reason === "length") parts.push("cut at the length limit");
  if (usage) {
    parts.push(`${usage.completion_tokens} tokens`);
    if (usage.completion_tokens > 1 && seconds > 0) parts.push(`${Math.round((usage.completion_tokens - 1) / seconds)} a second`);
  }
  return parts.join(" · ");
}

function giveBack(question) {  // an unanswered question returns to the field, so that nothing typed is lost
  const last = turns.at(-1)?.role === "user" ? turns.pop() : null;
  if (!last || field.value) return;
  question.remove();
  field.value = last.content;
  fit();
}

// ---- the composer -----------------------------------------------------------------------------------------------
const field = $("message");
function fit() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  $("send").disabled = !running && !field.value.trim();
}
function setBusy(busy) {
  $("composer").classList.toggle("busy", busy);
  $("send").setAttribute("aria-label", busy ? "Stop" : "Send");
  $("send").title = busy ? "Stop (Esc)" : "Send (Enter)";
  fit();
  if (!busy && matchMedia("(hover: hover)").matches) field.focus();
}
const stop = () => running?.abort();
$("composer").onsubmit = (event) => {
  event.preventDefault();
  if (running) return stop();
  const content = field.value.trim();
  if (!content) return;
  turns.push({ role: "user", content });
  field.value = "";
  answer(add(element("article", "turn user", element("div", "body", content))));
};
field.oninput = fit;
field.onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    if (!running) $("composer").requestSubmit();
  } else if (event.key === "ArrowUp" && !field.value) {
    const last = turns.findLast((turn) => turn.role === "user");
    if (last) { event.preventDefault(); field.value = last.content; fit(); }
  }
};
function reset() {
  stop();
  turns.length = 0;
  log.querySelectorAll(".turn, .note").forEach((node) => node.remove());
  $("welcome").hidden = false;
  field.focus();
}
$("reset").onclick = reset;
document.onkeydown = (event) => {
  if (event.key === "Escape") stop();
  if (event.altKey && event.code === "KeyN") { event.preventDefault(); reset(); }
};
fit();
