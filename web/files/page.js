/*
 * What the page does by itself: it shows mail as it comes, searches while
 * somebody types, and has keys.  The server makes all HTML, and <main> is
 * replaced by it; without this script each of these is a link or a form.
 */
"use strict";

const search = document.querySelector("input[type=search]");
const live = document.getElementById("live");
let request = null;
let changed = false; /* since the page under way was asked for */

/* Fetches a page, which the browser parses without running its scripts. */
function fetchPage(url, done) {
  const mine = new XMLHttpRequest();

  if (request) request.abort();
  request = mine;
  mine.open("GET", url);
  mine.responseType = "document";
  mine.onload = () => { if (mine.response) done(mine.response); };
  mine.onloadend = () => {
    if (request !== mine) return;
    request = null;
    if (changed) reload();
  };
  mine.send();
}

function rows() {
  return Array.from(document.querySelectorAll(".list tbody tr"));
}

function select(row) {
  rows().forEach((other) => other.classList.toggle("at", other === row));
  if (row) row.scrollIntoView({ block: "nearest" });
}

function show(page) {
  const at = document.querySelector(".list tr.at");
  const id = at ? at.dataset.id : null;
  const main = document.importNode(page.querySelector("main"), true);

  document.querySelector("main").replaceWith(main);
  document.querySelector(".brand").replaceWith(
    document.importNode(page.querySelector(".brand"), true));
  document.title = page.title;
  listen();
  if (id) select(document.querySelector(`.list tr[data-id="${id}"]`));
  ready();
}

function isList() {
  return location.pathname === "/";
}

/* New mail does not cancel a page that somebody has asked for. */
function reload() {
  changed = request !== null;
  if (isList() && !request) fetchPage(location.href, show);
}

/* Search while typing. */
let timer = 0;
search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const url = "/?q=" + encodeURIComponent(search.value.trim());
    fetchPage(url, (page) => {
      history[isList() ? "replaceState" : "pushState"](null, "", url);
      show(page);
    });
  }, 150);
});

/* Going back changes only the address, so the page has to be loaded. */
addEventListener("popstate", () => location.reload());

/*
 * Mail as it comes: only for a list that is visible, since a browser makes
 * only six connections to one host.
 */
let events = null;
let told = null;

function listen() {
  const wanted = isList() && document.visibilityState === "visible";

  if (!wanted && events) {
    events.close();
    events = null;
  }
  live.hidden = !wanted;
  if (!wanted || events) return;
  events = new EventSource("/events");
  events.onopen = () => { live.textContent = "live"; live.classList.add("on"); };
  events.onerror = () => { live.textContent = "away"; live.classList.remove("on"); };
  events.onmessage = (event) => {
    if (event.data === told) return;
    told = event.data;
    reload();
  };
}

addEventListener("visibilitychange", () => {
  listen();
  if (events) reload();
});

async function remove(id) {
  const answer = await fetch("/api/v1/messages", {
    method: "DELETE",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ IDs: [id] }),
  });
  if (!answer.ok) return;
  if (!isList()) {
    const next = document.querySelector("a[rel=next]") || document.querySelector("a[rel=prev]");
    location.assign(next ? next.href : "/");
    return;
  }
  const row = document.querySelector(`.list tr[data-id="${id}"]`);
  if (row) select(row.nextElementSibling || row.previousElementSibling);
  reload();
}

function current() {
  const article = document.querySelector("article[data-id]");
  const row = document.querySelector(".list tr.at");

  return article ? article.dataset.id : row ? row.dataset.id : null;
}

function move(by) {
  const all = rows();
  const at = all.findIndex((row) => row.classList.contains("at"));
  const link = document.querySelector(by > 0 ? "a[rel=next]" : "a[rel=prev]");

  if (all.length > 0)
    select(all[Math.min(all.length - 1, Math.max(0, at + by))]);
  else if (link && !isList())
    location.assign(link.href);
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  o: () => { if (isList() && current()) location.assign("/mail/" + current()); },
  u: () => location.assign("/"),
  "/": () => search.focus(),
  "?": () => location.assign("/help"),
  d: () => { if (document.body.dataset.deletes && current()) remove(current()); },
};

addEventListener("keydown", (event) => {
  if (event.target === search) {
    if (event.key === "Escape") search.blur();
    return;
  }
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Enter" && event.target === document.body) keys.o();
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

function ready() {
  const button = document.querySelector("button.delete");

  if (!button || !document.body.dataset.deletes) return;
  button.hidden = false;
  button.addEventListener("click", () => remove(current()));
}

ready();
listen();
