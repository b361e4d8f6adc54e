// What HTML and htmx do not: the filter, the keys, the drawer's address, ages, and a connection that rests in the background.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const search = $("q"), drawer = $("drawer"), keys = $("keys");
  let chip = new URLSearchParams(location.search).get("show") || "";
  let at = null;
  const title = document.title;

  // --- the filter: by the same rules as headway/domain/board/filters.py ---

  let index = null;
  function entry(cell) {
    return {
      env: cell.dataset.env.toLowerCase(),
      svc: cell.dataset.svc.toLowerCase(),
      by: (cell.dataset.by || "").toLowerCase(),
      flags: (cell.dataset.f || "").split(" "),
      mine: (cell.dataset.f || "").includes("waiting") && isMine(cell),
      text: `${cell.parentElement.dataset.text} ${cell.querySelector(".v")?.textContent ?? ""} ${cell.querySelector(".sub")?.textContent ?? ""} ${cell.dataset.by || ""}`.toLowerCase(),
    };
  }
  function indexed() {
    index ??= new Map([...document.querySelectorAll("#board > .row[data-row]")].map((row) => [
      row.dataset.row,
      { row, cells: new Map([...row.querySelectorAll(":scope > .cell")].map((it) => [it.id, entry(it)])) },
    ]));
    return index;
  }
  function isMine(cell) {
    return !!document.querySelector(`#h-${CSS.escape(cell.dataset.env)} .ask.mine`);
  }
  function filter() {
    const want = { words: [], env: [], svc: [], by: [] };
    for (const word of search.value.toLowerCase().split(/\s+/).filter(Boolean)) {
      const [, key, value] = /^(env|svc|by):(.*)$/.exec(word) || [];
      if (!key) want.words.push(word);
      else if (value) want[key].push(value);
    }
    const all = (several, text) => several.every((it) => text.includes(it));
    let shown = 0;
    for (const { row, cells } of indexed().values()) {
      const fits = [...cells.values()].some((it) =>
        (!chip || (chip === "mine" ? it.mine : it.flags.includes(chip))) &&
        all(want.words, it.text) && all(want.env, it.env) && all(want.svc, it.svc) && all(want.by, it.by));
      if (row.hidden === fits) row.hidden = !fits;
      if (fits) shown += 1;
    }
    const total = indexed().size;
    $("count").textContent = `${shown === total ? "" : `${shown} of `}${total} service${total === 1 ? "" : "s"}`;
    for (const it of document.querySelectorAll(".chip[data-chip]")) {
      it.toggleAttribute("aria-current", false);
      if (it.dataset.chip && it.dataset.chip === chip) it.setAttribute("aria-current", "true");
      it.classList.toggle("some", it.querySelector("b")?.textContent !== "0");
    }
    document.querySelector(".chip.clear").hidden = !(chip || search.value);
  }
  function refilter() {
    if (chip || search.value) filter();
    else document.querySelectorAll(".chip[data-chip]").forEach((it) => it.classList.toggle("some", it.querySelector("b")?.textContent !== "0"));
  }
  function remember() {
    const query = new URLSearchParams();
    if (search.value) query.set("q", search.value);
    if (chip) query.set("show", chip);
    history.replaceState(history.state, "", location.pathname + (query.size ? `?${query}` : ""));
  }
  search.addEventListener("input", () => { filter(); remember(); });
  search.form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  document.querySelector(".chips").addEventListener("click", (event) => {
    const it = event.target.closest("[data-chip]");
    if (!it || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    chip = it.dataset.chip === chip ? "" : it.dataset.chip;
    if (!it.dataset.chip) search.value = "";
    filter();
    remember();
  });

  // --- the drawer: a fragment of the page that its address shows ---

  let opener = null;
  function open(path, push = true) {
    if (push) history.pushState({ drawer: true }, "", path);
    htmx.ajax("GET", path, { target: "#drawer", swap: "innerHTML" }).then(() => {
      drawer.scrollTop = 0;
      (location.hash && document.querySelector(location.hash) ? document.querySelector(location.hash) : drawer.querySelector("h2"))?.focus();
      if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
      document.title = `${drawer.querySelector("h2")?.textContent ?? ""} · ${title}`;
    });
  }
  function close(push = true) {
    if (!drawer.firstElementChild) return;
    drawer.replaceChildren();
    document.title = title;
    if (push) history.pushState({}, "", "/" + (chip || search.value ? location.search : ""));
    (opener?.isConnected ? opener : at)?.focus?.();
  }
  document.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    const link = event.target.closest("a[data-drawer], a[data-close]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.close !== undefined) return close();
    if (!drawer.contains(link)) opener = link;
    open(link.getAttribute("href"));
  });
  drawer.addEventListener("submit", (event) => {
    const form = event.target;
    event.preventDefault();
    const values = new FormData(form, event.submitter);
    if (form.method === "get") return open(`${form.getAttribute("action")}?${new URLSearchParams(values)}`);
    event.submitter?.setAttribute("disabled", "");
    const body = {};
    for (const name of new Set(values.keys())) body[name] = values.getAll(name);
    htmx.ajax("POST", form.getAttribute("action"), { target: "#drawer", swap: "innerHTML", values: body })
      .then(() => drawer.querySelector("h2")?.focus());
  });
  window.addEventListener("popstate", () => {
    const shows = location.pathname !== "/";
    if (shows) open(location.pathname + location.search, false);
    else close(false);
  });
  // What refuses or fails has something to show, too.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status >= 400 && event.detail.target === drawer) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    } else if (event.detail.xhr.status >= 400) missed(event.detail.target);
  });
  function missed(part) {
    if (part?.classList.contains("part")) part.textContent = "It could not be loaded.";
  }
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target?.classList.contains("part")) event.detail.target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => event.detail.target?.removeAttribute("aria-busy"));
  document.addEventListener("htmx:sendError", (event) => {
    $("said").textContent = "The server does not answer";
    missed(event.detail.target);
  });

  // --- the menus of the heads ---

  function shut(but) {
    for (const it of document.querySelectorAll("details.menu[open]")) if (it !== but) it.open = false;
  }
  document.addEventListener("click", (event) => shut(event.target.closest("details.menu")));
  document.addEventListener("click", (event) => { if (event.target.closest(".menu .items a")) shut(); });

  // --- live ---

  const holder = $("live");
  function pulse(on) {
    $("pulse").classList.toggle("on", on);
    $("pulse").lastElementChild.textContent = on ? "Live" : "Not live";
  }
  function connect() {
    if (holder.firstElementChild) return;
    const node = document.createElement("div");
    node.setAttribute("hx-ext", "sse");
    node.setAttribute("sse-connect", `/-/live?v=${$("board").dataset.version}`);
    node.setAttribute("sse-swap", "cells");
    node.setAttribute("hx-swap", "none");
    const whole = document.createElement("div");
    for (const [name, value] of [["hx-get", "/-/grid"], ["hx-trigger", "sse:stale"], ["hx-target", "#board"], ["hx-swap", "outerHTML"]]) whole.setAttribute(name, value);
    node.append(whole);
    holder.append(node);
    htmx.process(node);
  }
  function disconnect() {
    if (!holder.firstElementChild) return;
    htmx.swap(holder, "", { swapStyle: "innerHTML" });
    pulse(false);
  }
  document.addEventListener("htmx:sseOpen", () => pulse(true));
  document.addEventListener("htmx:sseError", () => pulse(false));
  document.addEventListener("htmx:sseClose", () => pulse(false));
  // A browser allows few connections to a host: a tab that nobody looks at gives its one back.
  let resting = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(resting);
    if (document.hidden) resting = setTimeout(disconnect, 60000);
    else connect();
  });
  let focused = "", opened = false;
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const place = event.detail.target;
    const active = place?.contains?.(document.activeElement) ? document.activeElement : null;
    focused = active?.tagName === "SUMMARY" ? "summary" : active?.getAttribute("href") ? `a[href="${CSS.escape(active.getAttribute("href"))}"]` : "";
    opened = !!place?.querySelector?.("details.menu[open]");
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    const now = document.getElementById(event.detail.target?.id ?? "");
    if (now?.classList.contains("cell")) {
      now.classList.add("fresh");
      index?.get(now.dataset.svc)?.cells.set(now.id, entry(now));
      if (at?.id === now.id) mark(now);
    }
    if (now?.classList.contains("head")) index = null;
    if (opened) now?.querySelector("details.menu")?.setAttribute("open", "");
    if (focused) now?.querySelector(focused)?.focus();
    focused = ""; opened = false;
    schedule();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "board" || event.detail.elt?.id === "board") { at = null; index = null; schedule(); }
  });
  let soon = 0;
  function schedule() { soon ||= requestAnimationFrame(() => { soon = 0; refilter(); }); }

  // --- ages ---

  function ago(seconds) {
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
    return `${Math.max(0, Math.floor(seconds))} s`;
  }
  function ages(which) {
    const now = Date.now();
    for (const it of document.querySelectorAll(which)) {
      const said = ago((now - Date.parse(it.dateTime)) / 1000);
      if (it.textContent !== said) it.textContent = said;
    }
  }
  setInterval(() => { if (!document.hidden) ages("time[data-since]"); }, 1000);
  setInterval(() => { if (!document.hidden) ages("time[datetime]"); }, 60000);

  // --- keys ---

  function mark(cell) {
    document.querySelectorAll(".at").forEach((it) => it.classList.remove("at"));
    at = cell;
    cell.classList.add("at");
    cell.parentElement.classList.add("at");
    cell.scrollIntoView({ block: "nearest" });
    cell.querySelector(".v")?.focus({ preventScroll: true });
  }
  function move(rows, columns) {
    const shown = [...document.querySelectorAll("#board > .row[data-row]:not([hidden])")];
    if (!shown.length) return;
    const row = at?.parentElement, place = shown.indexOf(row);
    const column = at ? [...row.querySelectorAll(":scope > .cell")].indexOf(at) : 0;
    const next = shown[Math.min(Math.max(place < 0 ? 0 : place + rows, 0), shown.length - 1)];
    const cells = [...next.querySelectorAll(":scope > .cell")];
    mark(cells[Math.min(Math.max(column + columns, 0), cells.length - 1)]);
  }
  function verb(name) {
    const link = at && document.querySelector(`#h-${CSS.escape(at.dataset.env)} a[href^="/-/${name}/"]`);
    if (link) open(`${link.getAttribute("href")}?service=${encodeURIComponent(at.dataset.svc)}`);
  }
  const does = {
    "/": () => search.focus(), "?": () => keys.showModal(),
    j: () => move(1, 0), k: () => move(-1, 0), h: () => move(0, -1), l: () => move(0, 1),
    p: () => verb("promote"), r: () => verb("rollback"),
    m: () => document.querySelector("[data-chip=mine]").click(), f: () => document.querySelector("[data-chip=failed]").click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || keys.open) return;
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
    if (event.key === "Escape") {
      const menu = document.querySelector("details.menu[open]");
      if (menu) { shut(); menu.querySelector("summary").focus(); }
      else if (typing === search) { search.value = ""; filter(); remember(); search.blur(); }
      else close();
      return;
    }
    if (typing || !does[event.key]) return;
    event.preventDefault();
    does[event.key]();
  });
  $("help").hidden = false;
  $("help").addEventListener("click", () => keys.showModal());

  // A page that was asked for with a filter has those rows alone; from here on all are needed.
  if (chip || search.value) htmx.ajax("GET", "/-/grid", { target: "#board", swap: "outerHTML" });
  refilter();
  if (!document.hidden) addEventListener("load", connect);
  (window.requestIdleCallback ?? setTimeout)(indexed);
})();
