// The page works without this: it is made anew by the server, and this puts the new
// parts in the old ones' places as they change.
"use strict";

const root = document.documentElement;
const store = {
  get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
  set: (v) => { try { localStorage.setItem("theme", v); } catch { /* private mode */ } },
};

root.classList.add("script");
const themes = ["auto", "light", "dark"];
let theme = themes.includes(store.get()) ? store.get() : "auto";
root.dataset.theme = theme;

document.addEventListener("DOMContentLoaded", () => {
  const at = (id) => document.getElementById(id);
  const say = (text) => { at("said").textContent = text; };

  const button = at("theme");
  const showTheme = () => { root.dataset.theme = theme; button.textContent = "Theme: " + theme; };
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    store.set(theme);
    showTheme();
  });
  showTheme();

  const find = at("find");
  const filter = () => {
    const wanted = find.value.trim().toLowerCase();
    for (const camera of document.querySelectorAll("tbody[data-camera]")) {
      camera.hidden = wanted !== "" && !camera.textContent.toLowerCase().includes(wanted);
    }
  };
  find.addEventListener("input", filter);

  // focused tells which button has the keyboard, so that it can be found again.
  const focused = () => {
    const e = document.activeElement;
    const camera = e && e.closest("[data-camera]");
    if (camera && e.dataset.do) return { camera: camera.dataset.camera, action: e.dataset.do };
    const link = e && e.closest("#shown a");
    return link ? { href: link.getAttribute("href") } : null;
  };
  const focus = (was) => {
    if (!was) return;
    if (was.href) {
      for (const a of document.querySelectorAll("#shown a")) if (a.getAttribute("href") === was.href) a.focus();
      return;
    }
    for (const camera of document.querySelectorAll("tbody[data-camera]")) {
      if (camera.dataset.camera === was.camera) camera.querySelector(`[data-do="${was.action}"]`).focus();
    }
  };

  let busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch("/" + location.search, { headers: { Accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; } // logged out
      if (!answer.ok) throw new Error(answer.statusText);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const was = focused();
      for (const part of next.querySelectorAll("[data-live]")) {
        const old = at(part.id);
        if (old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
      }
      document.title = next.title;
      filter();
      focus(was);
    } catch {
      lost();
    } finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 500); }
    }
  };
  const lost = () => { at("stale").textContent = "No connection with the box: this is old"; };

  const events = new EventSource("/api/events");
  events.addEventListener("open", () => { at("stale").textContent = ""; refresh(); });
  events.addEventListener("error", () => {
    lost();
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
  });
  events.addEventListener("state", refresh);
  events.addEventListener("stats", refresh);

  document.addEventListener("click", async (e) => {
    const action = e.target.dataset && e.target.dataset.do;
    if (!action || action === "preview") return;
    const camera = e.target.closest("[data-camera]").dataset.camera;
    if (action === "restart" && !confirm(`Restart ${camera}? Viewers lose its picture for a few seconds.`)) return;
    try {
      const answer = await fetch(`/api/cameras/${encodeURIComponent(camera)}/${action}`, { method: "POST" });
      if (answer.ok) say(action === "restart" ? `${camera} is restarted.` : `${camera} is asked for a key frame.`);
      else say(`${camera}: ${(await answer.json()).error}`);
    } catch {
      say(`${camera}: the box does not answer.`);
    }
  });
});
