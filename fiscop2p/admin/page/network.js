// What the node tells of its network, kept up to date.

const KEPT = 60;          // samples of each peer's flow
const EVENTS_KEPT = 300;

export class Network extends EventTarget {
  node = {};
  peers = new Map();      // n -> row
  addresses = new Map();  // address -> row
  flow = new Map();       // n -> [in, out, queue, latency]
  history = new Map();    // n -> [[in, out], ...], one a second
  events = [];
  isLive = false;

  follow() {
    const source = new EventSource("events");
    source.addEventListener("state", (event) => this.#begin(JSON.parse(event.data)));
    source.addEventListener("change", (event) => this.#take(JSON.parse(event.data)));
    source.onopen = () => this.#setLive(true);
    source.onerror = () => {
      this.#setLive(false);
      // A browser gives up on a stream that it was refused.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.follow(), 3000);
    };
    if (!this.clock) this.clock = setInterval(() => this.#sample(), 1000);
  }

  #setLive(isLive) {
    if (isLive !== this.isLive) {
      this.isLive = isLive;
      this.dispatchEvent(new Event("live"));
    }
  }

  #begin(state) {
    this.node = {};
    this.peers.clear(); this.addresses.clear(); this.flow.clear(); this.events.length = 0;
    this.#take(state, true);
  }

  #take(news, isWhole = false) {
    Object.assign(this.node, news.node);
    for (const row of news.peers ?? []) {
      this.peers.set(row.n, Object.assign(this.peers.get(row.n) ?? {}, row));
    }
    for (const n of news.forgotten ?? []) {
      this.peers.delete(n); this.flow.delete(n); this.history.delete(n);
    }
    for (const row of news.addresses ?? []) {
      if (row.state === "removed") this.addresses.delete(row.address);
      else this.addresses.set(row.address, row);
    }
    for (const [n, ...flow] of news.flow ?? []) this.flow.set(n, flow);
    this.events.push(...news.events ?? []);
    this.events.splice(0, this.events.length - EVENTS_KEPT);
    this.dispatchEvent(new CustomEvent("news", { detail: { isWhole, ...news } }));
  }

  #sample() {
    for (const n of this.peers.keys()) {
      const [incoming, outgoing] = this.flow.get(n) ?? [0, 0];
      const samples = this.history.get(n) ?? [];
      samples.push([incoming, outgoing]);
      if (samples.length > KEPT) samples.shift();
      this.history.set(n, samples);
    }
  }

  /** Followers of each topic, by name: the numbers of peers; those with the most first. */
  topics() {
    const found = new Map((this.node.topics ?? []).map((topic) => [topic, []]));
    for (const { n, state, topics } of this.peers.values()) {
      if (state === "gone") continue;
      for (const topic of topics) {
        if (!found.has(topic)) found.set(topic, []);
        found.get(topic).push(n);
      }
    }
    return new Map([...found].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1)));
  }

  find(nodeID) {
    for (const row of this.peers.values()) if (row.nodeID === nodeID) return row;
    return null;
  }
}
