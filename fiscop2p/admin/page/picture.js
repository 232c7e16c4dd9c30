// The network as a picture: this node in the middle, its peers around it, agency by agency.

import { abridged, draw, rate, setText } from "./words.js";

const HEIGHT = 720;
const CROWDED = 36;        // more peers than this have their labels shown one at a time
const SPARSE = 14;         // up to so many there is room to say what goes over each
const MOST_RUNNING = 60;   // so many links show their flow
const MOST_TOPICS = { wide: 10, narrow: 5 };
const RING = { least: 120, most: 285, topics: 135 };

export class Picture {
  #network; #svg; #choose; #chooseTopic;
  #places = new Map();     // n -> {x, y, size}
  #shapes = new Map();     // n -> elements
  #layout = "";            // what the layout was made of
  #mode = "links";
  #chosen = null; #topic = null;
  #width = HEIGHT;
  #unit = 1;               // how long a pixel of the screen is here: texts are of one size everywhere

  constructor(network, svg, choose, chooseTopic) {
    this.#network = network; this.#svg = svg; this.#choose = choose; this.#chooseTopic = chooseTopic;
    this.layers = Object.fromEntries(["agencies", "links", "ties", "amounts", "centre", "peers", "hubs"].map(
      (name) => [name, svg.appendChild(draw("g", { class: `layer ${name}` }))]));
    svg.addEventListener("keydown", (event) => this.#keyPressed(event));
    new ResizeObserver(() => this.#resized()).observe(svg);
  }

  set mode(mode) { this.#mode = mode; this.#drawTies(); this.#emphasize(); }
  set chosen(n) { this.#chosen = n; this.#emphasize(); }
  set topic(topic) { this.#topic = topic; this.#emphasize(); }

  #resized() {
    const { width, height } = this.#svg.getBoundingClientRect();
    if (!width || !height) return;
    this.#width = Math.round(HEIGHT * width / height);
    this.#unit = HEIGHT / height;
    this.#svg.style.setProperty("--unit", this.#unit);
    this.#svg.setAttribute("viewBox", `${-this.#width / 2} ${-HEIGHT / 2} ${this.#width} ${HEIGHT}`);
    this.#layout = "";
    this.update();
  }

  /** Show what is so now. */
  update(isOnlyFlow = false) {
    if (!isOnlyFlow) {
      const peers = this.#sorted();
      const layout = peers.map(({ n, agency }) => `${n} ${agency}`).join() + this.#width;
      if (layout !== this.#layout) {
        this.#layout = layout;
        this.#arrange(peers);
      }
      for (const peer of peers) this.#show(peer);
      this.#drawCentre();
      this.#drawTies();
      this.#emphasize();
    }
    this.#showFlow();
  }

  #sorted() {
    const key = ({ agency, name, nodeID }) => `${agency}\0${name.padStart(40)}\0${nodeID}`;
    return [...this.#network.peers.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  // Places.

  #arrange(peers) {
    const stretch = Math.min(1.75, Math.max(1, (this.#width - 110) / (HEIGHT - 110)));
    const scale = Math.min(1, (this.#width - 90) / (HEIGHT - 90));
    const isCrowded = peers.length > CROWDED;
    const rings = isCrowded ? Math.min(5, Math.ceil(peers.length / 45)) : 1;
    const size = isCrowded ? Math.max(5.5, 10 - peers.length / 45) : peers.length > SPARSE ? 11 : 19;
    this.#svg.classList.toggle("crowded", isCrowded);
    this.#svg.classList.toggle("sparse", peers.length <= SPARSE);
    const agencies = Map.groupBy
      ? Map.groupBy(peers, ({ agency }) => agency)
      : peers.reduce((map, peer) => map.set(peer.agency, [...map.get(peer.agency) ?? [], peer]), new Map());
    const gap = agencies.size > 1 ? 0.09 : 0;
    const turn = (2 * Math.PI - gap * agencies.size) / Math.max(1, peers.length);
    this.#places.clear();
    this.layers.agencies.replaceChildren();
    let angle = -Math.PI / 2;
    const at = (a, radius) => [Math.cos(a) * radius * scale * stretch, Math.sin(a) * radius * scale];
    for (const [agency, members] of agencies) {
      members.forEach((peer, index) => {
        const ring = rings === 1 ? 1 : (index % rings) / (rings - 1);
        const radius = rings === 1 ? RING.most - 50 : RING.least + 30 + (RING.most - RING.least - 30) * ring;
        const [x, y] = at(angle + (index + 0.5) * turn, radius);
        this.#places.set(peer.n, { x, y, size });
      });
      this.#drawAgency(agency, angle, members.length * turn, at, agencies.size);
      angle += members.length * turn + gap;
    }
    for (const n of this.#shapes.keys()) if (!this.#places.has(n)) this.#remove(n);
    for (const { n } of peers) this.#place(n);
    // Tab and the arrows go through them in the order in which they stand.
    this.layers.peers.append(...peers.map(({ n }) => this.#shapes.get(n).peer));
  }

  #drawAgency(agency, start, angle, at, count) {
    const radius = RING.most + 30;
    const points = [];
    const whole = count === 1;
    const steps = Math.max(2, Math.ceil(angle / 0.08));
    for (let i = 0; i <= steps; i++) points.push(at(start + 0.02 + (angle - 0.04) * i / steps, radius).map(Math.round).join(" "));
    this.layers.agencies.append(draw("path", { class: "agency", d: `M${points.join("L")}${whole ? "Z" : ""}` }));
    const [x, y] = at(whole ? -Math.PI / 2 : start + angle / 2, radius + 20);
    const name = draw("text", { class: "agencyName", x: Math.round(x), y: Math.round(y + 5) }, agency);
    name.setAttribute("text-anchor", Math.abs(x) < 30 ? "middle" : x > 0 ? "start" : "end");
    if (Math.abs(x) > this.#width / 2 - 90) {
      name.setAttribute("text-anchor", "middle");
      name.setAttribute("x", Math.round(Math.sign(x) * (this.#width / 2 - 60)));
      name.setAttribute("y", Math.round(y - 14));
    }
    if (count <= 16) this.layers.agencies.append(name);
  }

  #place(n) {
    const { x, y, size } = this.#places.get(n), unit = this.#unit;
    let shapes = this.#shapes.get(n);
    if (!shapes) {
      shapes = this.#made(n);
      this.#shapes.set(n, shapes);
    }
    shapes.peer.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    shapes.hit.setAttribute("r", Math.max(12, size + 7));
    shapes.label.setAttribute("y", size + 18 * unit);
    shapes.amount.setAttribute("x", x.toFixed(1));
    shapes.amount.setAttribute("y", (y + size + 32 * unit).toFixed(1));
    const line = `L${x.toFixed(1)} ${y.toFixed(1)}`;
    shapes.link.setAttribute("d", `M0 0${line}`);
    const length = Math.hypot(x, y) || 1, [ox, oy] = [-y / length * 3, x / length * 3];
    shapes.out.setAttribute("d", `M${ox} ${oy}L${x + ox} ${y + oy}`);
    shapes.in.setAttribute("d", `M${x - ox} ${y - oy}L${-ox} ${-oy}`);
  }

  #made(n) {
    const dot = draw("circle", { class: "dot" }), hit = draw("circle", { class: "hit" });
    const label = draw("text", { class: "label" }), cross = draw("path", { class: "cross" });
    const amount = draw("text", { class: "amount", "aria-hidden": "true" });
    const halo = draw("circle", { class: "halo", r: 5 });
    const peer = draw("g", { class: "peer new", role: "button", tabindex: -1, "data-n": n }, hit, halo, dot, cross, label);
    peer.addEventListener("click", () => this.#choose(n));
    peer.addEventListener("focus", () => this.#setTabStop(peer));
    setTimeout(() => peer.classList.remove("new"), 1600);
    const link = draw("path", { class: "link" });
    const incoming = draw("path", { class: "flow in" }), outgoing = draw("path", { class: "flow out" });
    this.layers.links.append(link, incoming, outgoing);
    this.layers.peers.append(peer);
    this.layers.amounts.append(amount);
    return { peer, dot, hit, label, amount, cross, link, in: incoming, out: outgoing };
  }

  #remove(n) {
    const { peer, amount, link, in: incoming, out } = this.#shapes.get(n);
    for (const element of [peer, amount, link, incoming, out]) element.remove();
    this.#shapes.delete(n);
  }

  // What is seen of each.

  #show({ n, name, nodeID, agency, state }) {
    const { peer, dot, link, label, cross } = this.#shapes.get(n);
    // What is wrong is to be seen among hundreds.
    const size = state === "connected" ? this.#places.get(n).size : Math.max(9, this.#places.get(n).size);
    dot.setAttribute("class", `dot ${state}`);
    dot.setAttribute("r", size);
    cross.setAttribute("d", `M${-size / 2} ${-size / 2}l${size} ${size}M${size / 2} ${-size / 2}l${-size} ${size}`);
    link.setAttribute("class", `link ${state}`);
    cross.style.display = state === "gone" ? "" : "none";
    setText(label, name || abridged(nodeID));
    peer.setAttribute("aria-label", `${name} of ${agency}, ${state}`);
    peer.dataset.state = state;
  }

  #showFlow() {
    const busy = new Set([...this.#network.flow].filter(([, [i, o]]) => i + o > 0)
      .sort((a, b) => b[1][0] + b[1][1] - a[1][0] - a[1][1]).slice(0, MOST_RUNNING).map(([n]) => n));
    for (const [n, shapes] of this.#shapes) {
      const [incoming, outgoing] = this.#network.flow.get(n) ?? [0, 0];
      const isGone = this.#network.peers.get(n)?.state === "gone";
      if (this.#places.size <= SPARSE) setText(shapes.amount, isGone ? "" : `↓ ${rate(incoming)}  ↑ ${rate(outgoing)}`);
      shapes.link.style.strokeWidth = `${1.2 + Math.min(5, Math.log10(1 + (incoming + outgoing) / 200))}px`;
      for (const [shape, amount] of [[shapes.in, incoming], [shapes.out, outgoing]]) {
        shape.classList.toggle("on", busy.has(n) && amount > 0 && !isGone && this.#mode === "links");
        // From a step a second to a stream.
        shape.style.setProperty("--pace", `${(9 / (1 + Math.log10(1 + amount / 20))).toFixed(1)}s`);
      }
    }
  }

  #drawCentre() {
    const name = this.#network.node.name ?? "";
    const short = name.length > 9 ? `${name.slice(0, 8)}…` : name;
    const size = 34 * this.#unit, drawn = `${short} ${size}`;
    if (this.layers.centre.dataset.drawn === drawn) return;
    this.layers.centre.dataset.drawn = drawn;
    this.layers.centre.replaceChildren(draw("g", { class: "centre" },
      draw("circle", { class: "rim", r: size + 6 }), draw("circle", { r: size }), draw("text", { y: 4 * this.#unit }, short)));
  }

  #drawTies() {
    this.layers.ties.replaceChildren();
    const hubs = this.layers.hubs;
    const focused = document.activeElement?.closest?.(".topicHub")?.dataset.topic;
    hubs.replaceChildren();
    const isShown = this.#mode === "topics", unit = this.#unit;
    this.layers.links.style.opacity = isShown ? 0.25 : 1;
    this.layers.amounts.style.display = isShown ? "none" : "";
    if (!isShown) return;
    const topics = [...this.#network.topics()].slice(0, this.#width < HEIGHT ? MOST_TOPICS.narrow : MOST_TOPICS.wide);
    const stretch = Math.min(1.75, Math.max(1, this.#width / HEIGHT));
    // Few stand between the peers, many side by side; their names have the room that there is.
    const start = topics.length > 6 ? 0.5 : 0;
    const room = 2 * Math.sin(Math.PI / Math.max(2, topics.length)) * RING.topics * stretch;
    const most = Math.min(18, Math.floor((room / unit - 24) / 7.2));
    topics.forEach(([topic, followers], index) => {
      const angle = -Math.PI / 2 + (index + start) * 2 * Math.PI / topics.length;
      const [x, y] = [Math.cos(angle) * RING.topics * stretch, Math.sin(angle) * RING.topics];
      const colour = `hsl(${Math.round(index * 360 / topics.length + 190) % 360} 65% 52%)`;
      const ends = followers.map((n) => this.#places.get(n)).filter(Boolean);
      if (this.#network.node.topics?.includes(topic)) ends.push({ x: 0, y: 0 });
      const ties = ends.map((end) => `M${x.toFixed()} ${y.toFixed()}Q${(x * 1.25).toFixed()} ${(y * 1.25).toFixed()} ${end.x.toFixed()} ${end.y.toFixed()}`);
      this.layers.ties.append(draw("path", { class: "tie", "data-topic": topic, stroke: colour, d: ties.join("") || "M0 0" }));
      const words = topic.length > most ? `${topic.slice(0, most - 1)}…` : topic;
      const width = (words.length * 7.2 + 20) * unit, height = 26 * unit;
      const hub = draw("g", { class: "topicHub", role: "button", tabindex: 0, "data-topic": topic, transform: `translate(${x.toFixed()} ${y.toFixed()})`,
        "aria-label": `${words === topic ? "topic" : words} ${topic}, ${followers.length} followers` },
        draw("rect", { x: -width / 2, y: -height / 2, width, height, rx: height / 2, stroke: colour }), draw("text", { y: 4 * unit }, words));
      hub.addEventListener("click", () => this.#chooseTopic(topic));
      hubs.append(hub);
      if (topic === focused) hub.focus();
    });
  }

  #emphasize() {
    const followers = this.#topic === null ? null : new Set(this.#network.topics().get(this.#topic) ?? []);
    for (const [n, { peer, amount, link, label }] of this.#shapes) {
      const isDim = followers !== null && !followers.has(n);
      peer.classList.toggle("dim", isDim);
      amount.classList.toggle("dim", isDim);
      link.classList.toggle("dim", isDim);
      peer.classList.toggle("chosen", n === this.#chosen);
      peer.setAttribute("aria-pressed", n === this.#chosen);
      label.setAttribute("aria-hidden", "true");
    }
    for (const tie of [...this.layers.ties.children, ...this.layers.hubs.children]) {
      tie.classList.toggle("dim", this.#topic !== null && tie.dataset.topic !== this.#topic);
      tie.classList.toggle("chosen", tie.dataset.topic === this.#topic);
    }
    if (!this.layers.peers.querySelector('[tabindex="0"]')) {
      this.layers.peers.firstElementChild?.setAttribute("tabindex", 0);
    }
  }

  // The keyboard.

  #setTabStop(peer) {
    for (const other of this.layers.peers.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", -1);
    peer.setAttribute("tabindex", 0);
  }

  #keyPressed(event) {
    const focused = event.target.closest?.(".peer, .topicHub");
    if (!focused) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      focused.dispatchEvent(new MouseEvent("click"));
      return;
    }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !focused.matches(".peer")) return;
    event.preventDefault();
    const peers = [...this.layers.peers.children];
    peers.at((peers.indexOf(focused) + step) % peers.length).focus();
  }
}
