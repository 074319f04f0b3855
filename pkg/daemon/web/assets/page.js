// The page is whole without this. It keeps times true, fetches the page anew when the daemon says that something has changed, and
// sends an approval.
"use strict";

// How far this machine's clock is from the daemon's.
let ahead = Date.parse(document.body.dataset.now) - Date.now();

// The same words as words.go.
function seconds(s, fine) {
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return fine ? `${Math.floor(s / 60)} min ${two(s % 60)} s` : `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function words(t, kind) {
  const s = Math.round((t - Date.now() - ahead) / 1000);
  if (kind === "for") return "for " + seconds(Math.max(0, -s), false);
  if (s > 0) return "in " + seconds(s, true);
  return s > -5 ? "now" : seconds(-s, false) + " ago";
}

function tick() {
  for (const t of document.querySelectorAll("time[data-kind]")) {
    const now = words(Date.parse(t.dateTime), t.dataset.kind);
    if (t.textContent !== now) t.textContent = now;
  }
}

// What the daemon last sent for each part, but for words that only time changes.
const sent = new Map();

function essence(part) {
  const copy = part.cloneNode(true);
  for (const t of copy.querySelectorAll("time[data-kind]")) t.textContent = "";
  return copy.outerHTML;
}

// Somebody writes in it: it stays as it is until they have done.
function busy(part) {
  return [...part.querySelectorAll("input")].some((i) => i.value !== "" || i === document.activeElement);
}

let fetching = false, again = false;

async function refresh() {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok) renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The stream tells that the daemon is away.
  }
  fetching = false;
  if (again) { again = false; refresh(); }
}

function renew(page) {
  ahead = Date.parse(page.body.dataset.now) - Date.now();
  document.title = page.title;
  for (const part of page.querySelectorAll("[data-part]")) {
    const shown = document.getElementById(part.id), is = essence(part);
    if (!shown || sent.get(part.id) === is || busy(shown)) continue;
    sent.set(part.id, is);
    const focus = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const fresh = document.adoptNode(part);
    fresh.classList.add("changed");
    shown.replaceWith(fresh);
    forms(fresh);
    if (focus) fresh.querySelector(`a[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
  tick();
}

function live(state, text) {
  const l = document.getElementById("live");
  if (l.dataset.live === state) return;
  l.dataset.live = state;
  l.textContent = text;
}

function listen() {
  const stream = new EventSource("/events");
  stream.addEventListener("status", () => { live("on", "live"); refresh(); });
  stream.addEventListener("error", () => {
    live("lost", "not connected; trying again");
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => { refresh(); listen(); }, 30000);
  });
}

// Forms are hidden without a script, and say with one what became of them.
function forms(within) {
  for (const form of within.querySelectorAll("form[data-post]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const status = form.querySelector("[role=status]"), button = form.querySelector("button");
      const token = form.elements.token.value, who = form.elements.who.value;
      button.disabled = true;
      status.className = "";
      status.textContent = "Sending…";
      try {
        const answer = await fetch(form.dataset.post, {
          method: "POST",
          headers: { "Authorization": "Bearer " + token, "Content-Type": "application/json" },
          body: JSON.stringify({ who }),
        });
        const said = await answer.json();
        status.className = answer.ok ? "good" : "bad";
        status.textContent = answer.ok ? "Approved: " + said.accepted + "." : "Refused: " + said.error + ".";
        if (answer.ok) form.reset();
      } catch {
        status.className = "bad";
        status.textContent = "The daemon does not answer, or the token has signs that no header may have.";
      }
      button.disabled = false;
    });
  }
}

for (const part of document.querySelectorAll("[data-part]")) sent.set(part.id, essence(part));
forms(document);
tick();
setInterval(tick, 1000);
listen();
