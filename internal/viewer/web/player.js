"use strict";

const averageOver = 5; // polls

// Player is one WHEP session: offer by POST, answer in the reply.
class Player {
  constructor(name, video) {
    this.url = "/whep/" + encodeURIComponent(name);
    this.video = video;
    this.openedAt = performance.now();
    this.connected = false;
    this.decoded = 0;
    this.received = []; // [time, bytes] of the last seconds
    this.fps = 0;
    this.bitrate = 0;
    this.frameAt = performance.now();
    this.framesThen = Infinity;
    this.measuredAt = 0;
    this.lost = "";
    this.closed = false;
  }

  async open() {
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.pc = pc;
    const media = new MediaStream();
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.addTransceiver("audio", { direction: "recvonly" });
    pc.addEventListener("track", (e) => {
      media.addTrack(e.track);
      if (this.video.srcObject !== media) this.video.srcObject = media;
      this.video.play().catch(() => {}); // muted video may always play; a pause is the user's
    });
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "connected") {
        this.connected = true;
        this.frameAt = performance.now();
      }
      if (["failed", "closed", "disconnected"].includes(pc.connectionState)) {
        this.lost = "the connection to the server was lost: trying again";
      }
    });
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    const res = await fetch(this.url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp" },
      body: pc.localDescription.sdp,
    });
    if (res.status === 406) throw new Error(cannotPlay());
    if (!res.ok) throw new Error((await res.text()).trim() || `the server answered ${res.status}`);
    this.session = res.headers.get("Location");
    if (this.closed) return this.bye();
    await pc.setRemoteDescription({ type: "answer", sdp: await res.text() });
  }

  // unreachable says why no connection came about.
  unreachable() {
    if (this.pc.iceGatheringState !== "complete") {
      return "this browser plays only while the machine has a network address: connect it to any network, internet or not";
    }
    return "this browser cannot reach the server over UDP: trying again";
  }

  hasPicture() {
    return this.decoded > 0;
  }

  // measure reads what the browser decoded since the last call.
  async measure(now) {
    const report = await this.pc.getStats();
    for (const s of report.values()) {
      if (s.type !== "inbound-rtp" || s.kind !== "video") continue;
      const frames = s.framesDecoded || 0;
      if (this.measuredAt && now > this.measuredAt) {
        const seconds = (now - this.measuredAt) / 1000;
        this.fps = s.framesPerSecond || (frames - this.decoded) / seconds;
      }
      this.average(now, s.bytesReceived || 0);
      if (frames > this.decoded) {
        this.frameAt = now;
        this.framesThen = Infinity;
      }
      this.decoded = frames;
      this.measuredAt = now;
    }
  }

  // average takes the bit rate over a few seconds, since key frames come in
  // bursts seconds apart.
  average(now, bytes) {
    this.received.push([now, bytes]);
    while (this.received.length > averageOver) this.received.shift();
    const [then, had] = this.received[0];
    if (now > then) this.bitrate = ((bytes - had) * 8000) / (now - then);
  }

  // rest forgives the standstill of a stream that nobody publishes.
  rest(now) {
    this.frameAt = now;
    this.framesThen = Infinity;
  }

  // seen notes how many frames the server had forwarded when the picture was
  // last known to move.
  seen(frames) {
    if (this.framesThen === Infinity) this.framesThen = frames;
  }

  close() {
    this.closed = true;
    this.bye();
    if (this.pc) this.pc.close();
  }

  bye() {
    if (!this.session || this.lost) return; // what the server lost, it has ended
    fetch(this.session, { method: "DELETE", keepalive: true }).catch(() => {});
    this.session = null;
  }
}

// cannotPlay explains an offer without any codec of the stream.
function cannotPlay() {
  if (navigator.userAgent.includes("Firefox")) {
    return "Firefox has no H.264 yet: it fetches that some minutes after its first start, or the plugin is switched off under Add-ons";
  }
  return "this browser cannot play the camera's codec, H.264";
}

// gathered waits for the browser's candidates, one second at most: the server
// learns the rest from the connectivity checks.
function gathered(pc) {
  return new Promise((resolve) => {
    const check = () => pc.iceGatheringState === "complete" && resolve();
    pc.addEventListener("icegatheringstatechange", check);
    setTimeout(resolve, 1000);
    check();
  });
}
