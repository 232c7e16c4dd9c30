// The peers as a table that can be searched and put in order.

import { abridged, duration, make, rate, setText } from "./words.js";

const ORDER = { gone: 0, silent: 1, connected: 2 };
const COLUMNS = [
  { name: "Node", key: (peer) => peer.name.padStart(40) + peer.nodeID },
  { name: "Agency", key: (peer) => peer.agency },
  { name: "State", key: (peer) => ORDER[peer.state] },
  { name: "Since", key: (peer) => -peer.since },
  { name: "In", key: (peer, flow) => flow[0], isNumber: true },
  { name: "Out", key: (peer, flow) => flow[1], isNumber: true },
  { name: "Queue", key: (peer, flow) => flow[2], isNumber: true },
  { name: "Latency", key: (peer, flow) => flow[3] ?? Infinity, isNumber: true },
  { name: "Address", key: (peer) => peer.address },
  { name: "Node ID", key: (peer) => peer.nodeID },
  { name: "Topics", key: (peer) => -peer.topicCount },
];

export class Table {
  #network; #choose;
  #rows = new Map();  // n -> {row, cells, button}
  #column = 0; #isDescending = false; #words = []; #chosen = null;

  constructor(network, choose) {
    this.#network = network; this.#choose = choose;
    this.body = document.getElementById("rows");
    this.heads = COLUMNS.map(({ name, isNumber }, index) => {
      const button = make("button", { type: "button" }, name);
      button.addEventListener("click", () => this.#sortBy(index));
      return make("th", { scope: "col", class: isNumber ? "number" : null }, button);
    });
    document.getElementById("columns").append(...this.heads);
    const search = document.getElementById("search");
    search.addEventListener("input", () => {
      this.#words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      this.#arrange();
    });
    this.#sortBy(0);
  }

  set chosen(n) {
    this.#chosen = n;
    for (const [number, { row }] of this.#rows) row.classList.toggle("chosen", number === n);
  }

  #sortBy(index) {
    this.#isDescending = index === this.#column && this.heads[index].ariaSort === "ascending";
    this.#column = index;
    this.heads.forEach((head, i) => {
      if (i === index) head.ariaSort = this.#isDescending ? "descending" : "ascending";
      else head.removeAttribute("aria-sort");
    });
    this.#arrange();
  }

  update(isOnlyFlow = false) {
    for (const peer of this.#network.peers.values()) {
      if (!this.#rows.has(peer.n)) this.#rows.set(peer.n, this.#made(peer.n));
      this.#show(peer);
    }
    for (const [n, { row }] of this.#rows) {
      if (!this.#network.peers.has(n)) { row.remove(); this.#rows.delete(n); }
    }
    if (!isOnlyFlow) this.#arrange();
  }

  #made(n) {
    const button = make("button", { type: "button" });
    button.addEventListener("click", () => this.#choose(n));
    const cells = COLUMNS.map(({ isNumber }, index) => make(index ? "td" : "th", { class: isNumber ? "number" : null, scope: index ? null : "row" }));
    cells[0] = make("td", {}, button);
    return { row: make("tr", { "data-n": n }, ...cells), cells, button };
  }

  #show(peer) {
    const { row, cells, button } = this.#rows.get(peer.n);
    const [incoming, outgoing, queue, latency] = this.#network.flow.get(peer.n) ?? [0, 0, 0, null];
    const isGone = peer.state === "gone";
    row.dataset.state = peer.state;
    setText(button, peer.name || abridged(peer.nodeID));
    const texts = [
      peer.agency, peer.state, `${duration(Math.max(0, Date.now() / 1000 - peer.since))}`,
      isGone ? "–" : rate(incoming), isGone ? "–" : rate(outgoing), isGone ? "–" : `${queue} B`,
      latency === null || isGone ? "–" : `${latency} ms`,
      `${peer.outbound ? "to" : "from"} ${peer.address}`, abridged(peer.nodeID),
      `${peer.topics.slice(0, 4).join(", ")}${peer.topicCount > 4 ? ` and ${peer.topicCount - 4} more` : ""}`,
    ];
    texts.forEach((text, index) => setText(cells[index + 1], text));
    const state = `state ${peer.state}`;
    if (cells[2].className !== state) cells[2].className = state;
  }

  #matches(peer) {
    const text = `${peer.name} ${peer.agency} ${peer.nodeID} ${peer.address} ${peer.state} ${peer.topics.join(" ")}`.toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }

  #arrange() {
    const { key } = COLUMNS[this.#column];
    const flow = (n) => this.#network.flow.get(n) ?? [0, 0, 0, null];
    const all = [...this.#network.peers.values()];
    const peers = all.filter((peer) => this.#matches(peer)).map((peer) => [key(peer, flow(peer.n)), peer]);
    peers.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (this.#isDescending ? -1 : 1));
    const rows = peers.map(([, { n }]) => this.#rows.get(n)?.row).filter(Boolean);
    // Moving a row takes the focus from it.
    const isSame = rows.length === this.body.children.length && rows.every((row, i) => this.body.children[i] === row);
    if (!isSame) {
      const focused = document.activeElement;
      this.body.replaceChildren(...rows);
      if (this.body.contains(focused)) focused.focus();
    }
    setText(document.getElementById("shown"), all.length ? `${peers.length} of ${all.length}` : "");
    const nobody = document.getElementById("nobody");
    nobody.hidden = peers.length > 0;
    setText(nobody, all.length ? "No peer matches." : "No peer has been connected yet.");
  }
}
