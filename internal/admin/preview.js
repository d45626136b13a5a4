// Plays one camera at a time in a dialog: an offer by POST, the answer in the reply.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const dialog = document.getElementById("preview");
  if (!dialog) return; // switched off
  const within = (name) => dialog.querySelector(`[data-part=${name}]`);
  const video = dialog.querySelector("video");
  const [title, said, figures, sound, again] = ["title", "said", "figures", "sound", "again"].map(within);
  const life = 10 * 60 * 1000; // of a preview on the box, milliseconds
  const patience = 4000; // before one is told why there is no picture
  let camera = "", playing = null;

  const say = (text) => {
    said.textContent = text;
    said.hidden = text === "";
  };

  // over ends what plays, and says why.
  const over = (text) => {
    if (playing) playing.close();
    playing = null;
    figures.textContent = "";
    sound.hidden = true;
    again.hidden = false;
    say(text);
  };

  const start = () => {
    if (playing) playing.close();
    again.hidden = true;
    sound.hidden = true;
    video.muted = true;
    say("Asking for a picture …");
    playing = new Preview(camera);
    playing.open();
  };

  class Preview {
    constructor(name) {
      this.path = `/api/cameras/${encodeURIComponent(name)}/preview`;
      this.began = performance.now();
      this.moved = false; // there was a picture
      this.movedAt = this.began;
      this.decoded = 0;
      this.bytes = 0;
      this.measuredAt = 0;
      this.session = "";
      this.closed = false;
      this.pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    }

    async open() {
      const media = new MediaStream();
      this.pc.addTransceiver("video", { direction: "recvonly" });
      this.pc.addTransceiver("audio", { direction: "recvonly" });
      this.pc.addEventListener("track", (e) => {
        if (this.closed) return;
        media.addTrack(e.track);
        video.srcObject = media;
        // The box says goodbye by DTLS; without that a browser takes seconds to notice.
        const dtls = e.receiver.transport;
        dtls.addEventListener("statechange", () => { if (["closed", "failed"].includes(dtls.state)) this.lost(); });
        if (e.track.kind === "audio") sound.hidden = false;
        else if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(() => this.moves());
        video.play().catch(() => {}); // muted video may always play
      });
      this.pc.addEventListener("connectionstatechange", () => {
        if (["failed", "closed", "disconnected"].includes(this.pc.connectionState)) this.lost();
      });
      try {
        await this.pc.setLocalDescription(await this.pc.createOffer());
        // Without waiting for candidates: the box sees where the browser's checks come from.
        const reply = await fetch(this.path, {
          method: "POST", headers: { "Content-Type": "application/sdp" }, body: this.pc.localDescription.sdp,
        });
        if (!reply.ok) throw new Error((await reply.json()).error);
        this.session = reply.headers.get("Location");
        const answer = await reply.text();
        if (this.closed) { this.bye(); return; }
        await this.pc.setRemoteDescription({ type: "answer", sdp: answer });
        this.clock = setInterval(() => this.measure(), 1000);
      } catch (e) {
        if (this.closed) return;
        over(e instanceof TypeError ? "The box does not answer." : sentence(e.message));
      }
    }

    // lost is called when nothing comes from the box any more.
    lost() {
      if (this.closed) return;
      if (performance.now() - this.began > life - 5000) over("This preview has ended after ten minutes.");
      else if (this.moved) over("The preview has ended: the camera was restarted or changed, or the box cannot be reached.");
      else over(unreachable(this.pc));
    }

    async measure() {
      const now = performance.now();
      for (const s of (await this.pc.getStats()).values()) {
        if (this.closed) return;
        if (s.type !== "inbound-rtp" || s.kind !== "video") continue;
        const frames = s.framesDecoded || 0;
        if (frames > this.decoded) {
          this.moves();
          this.show(s, now);
        }
        this.decoded = frames;
        this.bytes = s.bytesReceived || 0;
        this.measuredAt = now;
      }
      if (!this.closed && now - this.movedAt > patience) this.wait();
    }

    moves() {
      if (this.closed) return;
      this.moved = true;
      this.movedAt = performance.now();
      say("");
    }

    show(s, now) {
      let text = `${s.frameWidth}×${s.frameHeight}`;
      if (s.framesPerSecond) text += `, ${Math.round(s.framesPerSecond)} fps`;
      if (this.measuredAt) text += `, ${((s.bytesReceived - this.bytes) * 8 / (now - this.measuredAt) / 1000).toFixed(2)} Mb/s`;
      figures.textContent = text;
    }

    wait() {
      if (this.moved) say("The picture stands still: no frames come from the camera.");
      else if (this.pc.connectionState !== "connected") say("Looking for a way to the box …");
      else say("Waiting for the camera's next key frame …");
    }

    close() {
      if (this.closed) return;
      this.closed = true;
      clearInterval(this.clock);
      this.bye();
      this.pc.close();
      video.srcObject = null;
    }

    bye() {
      if (!this.session) return;
      fetch(this.session, { method: "DELETE", keepalive: true }).catch(() => {});
      this.session = "";
    }
  }

  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

  const unreachable = (pc) => {
    if (pc.iceGatheringState !== "complete") {
      return "This browser plays only while its machine has a network address: connect it to any network.";
    }
    return "The browser cannot reach the box over UDP: a firewall, a proxy or a tunnel lies between.";
  };

  document.addEventListener("click", (e) => {
    const button = e.target.closest && e.target.closest("[data-preview]");
    if (!button) return;
    camera = button.closest("[data-camera]").dataset.camera;
    title.textContent = camera;
    video.setAttribute("aria-label", `Live picture of ${camera}`);
    dialog.showModal();
    start();
  });
  within("close").addEventListener("click", () => dialog.close());
  again.addEventListener("click", () => { start(); within("close").focus(); });
  sound.addEventListener("click", () => {
    video.muted = !video.muted;
    sound.textContent = video.muted ? "Sound: off" : "Sound: on";
  });
  // Escape closes a dialog, too.
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // this is told late: another camera's preview has begun
    if (playing) playing.close();
    playing = null;
    title.textContent = "";
    figures.textContent = "";
    sound.textContent = "Sound: off";
    // The button may be another by now than the one that was pressed.
    for (const at of document.querySelectorAll("[data-camera]")) {
      if (at.dataset.camera === camera) at.querySelector("[data-preview]").focus();
    }
  });
  addEventListener("pagehide", () => { if (playing) playing.close(); });
});
