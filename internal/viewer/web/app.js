"use strict";

// The page asks the server every second which streams there are, keeps one
// player (player.js) for each, and starts a player anew whenever its picture stops.

const pollEvery = 1000; // ms
const stalledAfter = 6000; // ms without a new frame while the stream flows
const connectWithin = 8000; // ms
const retryAfter = [500, 1000, 2000, 4000]; // ms, the last one from then on

const grid = document.getElementById("grid");
const summary = document.getElementById("summary");
const notice = document.getElementById("notice");
const template = document.getElementById("tile");
const tiles = new Map();

class Tile {
  constructor(name) {
    this.name = name;
    this.el = template.content.firstElementChild.cloneNode(true);
    this.video = this.el.querySelector("video");
    this.el.querySelector(".name").textContent = name;
    this.el.querySelector(".name").title = name;
    this.el.dataset.name = name;
    this.sound = this.el.querySelector(".sound");
    this.sound.addEventListener("click", () => this.toggleSound());
    const full = () => (document.fullscreenElement ? document.exitFullscreen() : this.el.querySelector(".screen").requestFullscreen());
    this.el.querySelector(".full").addEventListener("click", full);
    this.video.addEventListener("dblclick", full);
    this.video.muted = true;
    this.video.addEventListener("loadeddata", () => {
      if (this.player) this.show("playing"); // sooner than the next poll
    });
    this.player = null;
    this.failures = 0;
    this.nextTry = 0;
    this.stats = null;
  }

  toggleSound() {
    this.video.muted = !this.video.muted;
    this.sound.setAttribute("aria-pressed", String(!this.video.muted));
  }

  show(state, message) {
    this.el.dataset.state = state;
    this.el.querySelector(".mark b").textContent = state === "playing" ? "live" : state;
    this.el.querySelector(".message p").textContent = message || "";
  }

  // update takes what the server says of the stream, about once a second.
  async update(stream, now) {
    this.stream = stream;
    this.sound.hidden = !stream.audio_codec;
    if (!stream.live) {
      // A player outlives its publisher: the next one's frames go on in it.
      if (this.player && this.player.lost) this.stop();
      if (this.player) this.player.rest(now);
      this.failures = 0;
      this.nextTry = 0;
      this.show(stream.publishers ? "offline" : "connecting", sentence(stream.problem));
      this.facts([]);
      return;
    }
    if (!this.player) {
      if (now >= this.nextTry) this.start();
      return;
    }
    await this.player.measure(now);
    this.judge(stream, now);
  }

  start() {
    this.stats = null;
    if (this.failures === 0) this.show("connecting", "Connecting…");
    const player = new Player(this.name, this.video);
    this.player = player;
    player.open().catch((err) => {
      if (this.player === player) this.failed(err.message);
    });
  }

  failed(why) {
    this.stop();
    const wait = retryAfter[Math.min(this.failures, retryAfter.length - 1)];
    this.failures++;
    this.nextTry = performance.now() + wait;
    this.show("connecting", sentence(why));
    this.facts([]);
  }

  // away is told when the server itself does not answer: what it had is lost,
  // and its next start is met with new players at once.
  away() {
    this.stop();
    this.failures = 0;
    this.nextTry = 0;
    this.show("offline");
    this.facts([]);
  }

  stop() {
    if (this.player) this.player.close();
    this.player = null;
  }

  judge(stream, now) {
    const p = this.player;
    if (!p) return;
    if (p.lost) return this.failed(p.lost);
    if (!p.connected) {
      if (now - p.openedAt > connectWithin) this.failed(p.unreachable());
      return;
    }
    if (p.hasPicture() || !stream.video_codec) {
      this.failures = 0;
      if (!stream.video_codec) this.show("playing");
      else if (now - p.frameAt < 2500) this.show("playing");
      else this.show("connecting", sentence(stream.problem || "the picture has stopped"));
    } else {
      this.show("connecting", sentence(stream.problem || "waiting for a key frame"));
    }
    const flows = now - p.frameAt > stalledAfter && stream.frames > p.framesThen + 75;
    if (flows) return this.failed("no picture could be decoded: trying again");
    this.el.dataset.frames = p.decoded;
    this.facts([
      stream.width ? `${stream.width}×${stream.height}` : "",
      p.fps ? `${Math.round(p.fps)} fps` : "",
      p.bitrate ? rate(p.bitrate) : "",
      codecs(stream),
    ]);
  }

  // facts fills the caption; what matters least comes last and is left out
  // first where the tile is narrow.
  facts(list) {
    const el = this.el.querySelector(".facts");
    const known = list.filter(Boolean);
    el.title = [known.join(" · "), this.stream && this.stream.profile].filter(Boolean).join("\n");
    while (el.children.length > known.length) el.lastChild.remove();
    while (el.children.length < known.length) el.append(document.createElement("span"));
    known.forEach((text, i) => { el.children[i].textContent = text; });
  }
}

function rate(bitsPerSecond) {
  const mega = bitsPerSecond / 1e6;
  return mega >= 1 ? `${mega.toFixed(1)} Mb/s` : `${Math.round(bitsPerSecond / 1000)} kb/s`;
}

function codecs(stream) {
  const profile = (stream.profile || "").replace("Constrained ", "").replace(/ [\d.]+$/, "");
  const video = stream.video_codec === "H264" ? `H.264 ${profile}`.trim() : stream.video_codec;
  const audio = { opus: "Opus", PCMU: "G.711µ", PCMA: "G.711A" }[stream.audio_codec] || stream.audio_codec;
  return [video, audio].filter(Boolean).join(" + ");
}

function sentence(words) {
  return words ? words[0].toUpperCase() + words.slice(1) + (/[.…!?]$/.test(words) ? "" : ".") : "";
}

// arrange sets the tile width at which the pictures are largest without
// scrolling; where that is too small to see anything, the page scrolls.
function arrange() {
  const n = tiles.size;
  if (!n) return;
  const style = getComputedStyle(document.documentElement);
  const gap = parseFloat(style.getPropertyValue("--gap"));
  const caption = parseFloat(style.getPropertyValue("--caption")) + 2;
  const top = grid.offsetTop;
  const width = document.documentElement.clientWidth - 32;
  const height = window.innerHeight - top - gap - 16;
  let best = 0;
  for (let cols = 1; cols <= n; cols++) {
    const rows = Math.ceil(n / cols);
    const across = (width - gap * (cols - 1)) / cols;
    const down = (((height - gap * (rows - 1)) / rows - caption) * 16) / 9;
    best = Math.max(best, Math.min(across, down));
  }
  const least = Math.min(width, 280);
  grid.style.setProperty("--tile", `${Math.floor(Math.max(best, least))}px`);
}

function sync(streams) {
  const names = new Set(streams.map((s) => s.name));
  let changed = false;
  for (const [name, tile] of tiles) {
    if (names.has(name)) continue;
    tile.stop();
    tile.el.remove();
    tiles.delete(name);
    changed = true;
  }
  streams.forEach((s, i) => {
    if (!tiles.has(s.name)) {
      tiles.set(s.name, new Tile(s.name));
      changed = true;
    }
    const el = tiles.get(s.name).el;
    if (grid.children[i] !== el) grid.insertBefore(el, grid.children[i] || null);
  });
  let empty = grid.querySelector(".empty");
  if (!tiles.size && !empty) {
    empty = document.createElement("p");
    empty.className = "empty";
    empty.textContent = "No camera is published here yet. This page shows each one as soon as it comes.";
    grid.append(empty);
  } else if (tiles.size && empty) {
    empty.remove();
  }
  if (changed) arrange();
}

async function poll() {
  try {
    const res = await fetch("/api/streams", { signal: AbortSignal.timeout(5000) });
    if (!res.ok) throw new Error(`the server answered ${res.status}`);
    const data = await res.json();
    document.title = data.title;
    document.getElementById("title").textContent = data.title;
    sync(data.streams);
    const now = performance.now();
    await Promise.all(
      data.streams.map(async (s) => {
        const tile = tiles.get(s.name);
        await tile.update(s, now);
        if (tile.player) tile.player.seen(s.frames);
      }),
    );
    tell(data.streams);
    notice.hidden = true;
  } catch (err) {
    notice.textContent = "The server does not answer. This page goes on as soon as it is back.";
    notice.hidden = false;
    tiles.forEach((t) => t.away());
    summary.textContent = "";
  }
  setTimeout(poll, pollEvery);
}

function tell(streams) {
  const playing = [...tiles.values()].filter((t) => t.el.dataset.state === "playing");
  const total = playing.reduce((sum, t) => sum + (t.player ? t.player.bitrate : 0), 0);
  const parts = [`${playing.length} of ${streams.length} ${streams.length === 1 ? "camera" : "cameras"} live`];
  if (total) parts.push(rate(total));
  summary.textContent = streams.length ? parts.join(" · ") : "";
}

window.addEventListener("resize", arrange);
window.addEventListener("pagehide", () => tiles.forEach((t) => t.stop()));
poll();
