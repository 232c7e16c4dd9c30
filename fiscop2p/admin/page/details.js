// One peer: what it is, what goes over its link, and what became of its links.

import { bytes, draw, duration, make, moment, rate, setText } from "./words.js";

export class Details {
  #network; #api; #place; #n = null; #told = ""; #parts = {};

  constructor(network, api, place) {
    this.#network = network; this.#api = api; this.#place = place;
  }

  show(n) {
    this.#n = n; this.#told = "";
    this.#place.replaceChildren();
    if (n !== null) {
      this.#begin();
      this.update();
    }
  }

  #begin() {
    const facts = make("dl", { class: "facts" });
    const spark = draw("svg", { class: "spark", viewBox: "0 0 60 30", preserveAspectRatio: "none", role: "img" },
      draw("path", { class: "in" }), draw("path", { class: "out" }));
    const ping = make("button", { type: "button" }, "Ping");
    const outcome = make("span", { role: "status" });
    ping.addEventListener("click", async () => {
      setText(outcome, "…");
      try {
        const { seconds } = await this.#api.act("ping", { to: this.#peer().nodeID });
        setText(outcome, `answered after ${(seconds * 1000).toFixed(2)} ms`);
      } catch (error) {
        setText(outcome, error.message);
      }
    });
    const links = make("tbody");
    this.#place.append(facts, make("div", { class: "acts" }, ping, outcome),
      make("h3", {}, "Traffic of the last minute"), spark, make("h3", {}, "Its last links"),
      make("table", {}, make("thead", {}, make("tr", {}, ...["Opened", "Dialled by", "Stood", "Why it ended"].map(
        (name) => make("th", { scope: "col" }, name)))), links));
    this.#parts = { facts, spark, links };
  }

  #peer() { return this.#network.peers.get(this.#n); }

  /** Show what is so now; what the stream does not tell is asked for when something has changed. */
  async update() {
    const peer = this.#peer();
    if (!peer) return;
    this.#drawFlow();
    const now = JSON.stringify(peer);
    if (now === this.#told) return;
    this.#told = now;
    const n = this.#n;
    let full;
    try {
      full = await this.#api.get(`peers/${peer.nodeID}`);
    } catch {
      this.#told = "";
      return;
    }
    if (n === this.#n) this.#fill(full);
  }

  #fill(peer) {
    const facts = {
      "Agency": peer.agency, "State": peer.state, "Since": moment(peer.since), "Address": peer.address,
      "Node ID": peer.nodeID, "Topics": peer.topics.join(", ") || "none",
      "Received": peer.received ? `${bytes(peer.received.bytes)} in ${peer.received.frames} frames` : "–",
      "Sent": peer.sent ? `${bytes(peer.sent.bytes)} in ${peer.sent.frames} frames` : "–",
      "Status": Object.keys(peer.status).length ? JSON.stringify(peer.status).slice(0, 500) : "none",
    };
    if (peer.reason) facts["Why it left"] = peer.reason;
    this.#parts.facts.replaceChildren(...Object.entries(facts).flatMap(([name, text]) => [
      make("dt", {}, name), make("dd", name === "State" ? { class: `state ${peer.state}` } : {}, text)]));
    this.#parts.links.replaceChildren(...peer.links.toReversed().map((link) => make("tr", {},
      make("td", {}, moment(link.opened)), make("td", {}, link.outbound ? "us" : "it"),
      make("td", {}, link.duration === null ? "stands" : duration(link.duration)),
      make("td", { class: "long" }, link.words ?? ""))));
  }

  #drawFlow() {
    const samples = this.#network.history.get(this.#n) ?? [];
    const most = Math.max(100, ...samples.flat());
    const path = (index) => samples.map((sample, i) => `${i ? "L" : "M"}${60 - samples.length + i + 1} ${(28 - 26 * sample[index] / most).toFixed(1)}`).join("");
    const [incoming, outgoing] = this.#parts.spark.children;
    incoming.setAttribute("d", path(0)); outgoing.setAttribute("d", path(1));
    const [i, o] = samples.at(-1) ?? [0, 0];
    this.#parts.spark.setAttribute("aria-label", `now ${rate(i)} received and ${rate(o)} sent`);
  }
}
