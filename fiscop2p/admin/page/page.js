// The page: joins the parts, and shows what concerns the whole network.

import { API } from "./api.js";
import { Details } from "./details.js";
import { Network } from "./network.js";
import { Picture } from "./picture.js";
import { Table } from "./table.js";
import { abridged, duration, make, moment, rate, setText } from "./words.js";

const MOST_CHIPS = 60;
const MOST_MESSAGES = 100;

const at = (id) => document.getElementById(id);
const network = new Network();
const api = new API();
const picture = new Picture(network, at("picture"), choose, chooseTopic);
const table = new Table(network, choose);
const details = new Details(network, api, at("details"));
let topic = null, subscription = null, isGone = null;

// One peer.

function choose(n) {
  const peer = network.peers.get(n) ?? null;
  const number = peer ? n : null;
  picture.chosen = table.chosen = number;
  details.show(number);
  at("details").hidden = at("closeDetails").hidden = peer === null;
  at("events").hidden = peer !== null;
  setText(at("sideTitle"), peer ? peer.name || abridged(peer.nodeID) : "Events");
  if (peer) at("sideTitle").focus({ preventScroll: innerWidth > 860 });
  chosen = number;
}
let chosen = null;
at("closeDetails").addEventListener("click", () => choose(null));

// The whole.

function showNode() {
  const { node } = network;
  setText(at("name"), node.name || "fiscop2p");
  setText(at("about"), `${node.agency} · ${abridged(node.nodeID)} · listens on ${node.listen} · ${node.dialect}, TLS by ${node.tls}`);
  document.title = `${node.name} · fiscop2p`;
  at("health").dataset.state = node.ready ? "good" : "bad";
  setText(at("health"), node.ready ? "Ready" : "Not ready");
  if (network.isLive) showTrouble(node.ready ? "" : `This node is not ready: ${node.reason}.`);
}

function showTrouble(words) {
  setText(at("trouble"), words);
  at("trouble").hidden = !words;
}

function showFigures() {
  let incoming = 0, outgoing = 0, connected = 0;
  for (const [i, o] of network.flow.values()) { incoming += i; outgoing += o; }
  for (const { state } of network.peers.values()) connected += state === "connected";
  setText(at("peerCount"), `${connected} of ${network.peers.size}`);
  setText(at("rateIn"), rate(incoming));
  setText(at("rateOut"), rate(outgoing));
}

async function askForCertificates() {
  try {
    const { certificates, mayAct } = await api.get("node");
    const left = Math.min(...certificates.map(({ daysLeft }) => daysLeft));
    setText(at("certificate"), certificates.length ? `${Math.floor(left)} days` : "none");
    setMayAct(mayAct);
  } catch {
    setText(at("certificate"), "–");
  }
}

function showEvents(events) {
  const list = at("events").firstElementChild;
  list.prepend(...events.toReversed().map(({ time, kind, name, nodeID, text }) => make("li", { class: kind },
    make("time", { datetime: new Date(time * 1000).toISOString() }, moment(time)),
    make("b", {}, `${name || (nodeID ? abridged(nodeID) : "")} ${kind}`.trim()), text)));
  while (list.children.length > 300) list.lastElementChild.remove();
}

const isGoodAddress = ({ state }) => ["connected", "elsewhere", "ourselves"].includes(state);

/** Show those first that are not reached. */
function showAddresses() {
  const rows = [...network.addresses.values()].sort((a, b) => isGoodAddress(a) - isGoodAddress(b));
  at("addresses").replaceChildren(...rows.map((row) => {
    const peer = row.nodeID && network.find(row.nodeID);
    const due = row.due === null ? "" : `in ${duration(Math.max(0, row.due - Date.now() / 1000))}`;
    const isGood = isGoodAddress(row);
    return make("tr", { "data-state": row.state }, make("td", {}, row.address), make("td", {}, peer ? peer.name : row.name),
      make("td", { class: `state ${isGood ? "connected" : "gone"}` }, row.words), make("td", {}, due),
      make("td", { class: "long" }, isGood ? "" : row.lastError));
  }));
}

// Topics.

let shownTopics = "";

function showTopics() {
  const topics = network.topics();
  setText(at("topicCount"), String(topics.size));
  const now = JSON.stringify([[...topics].map(([name, { length }]) => [name, length]), network.node.topics, topic]);
  if (now === shownTopics) return;
  shownTopics = now;
  const focused = document.activeElement?.dataset?.topic;
  at("topics").replaceChildren(...[...topics].slice(0, MOST_CHIPS).map(([name, followers]) => {
    const isOwn = network.node.topics.includes(name);
    const chip = make("button", { type: "button", "aria-pressed": name === topic, "data-topic": name, class: isOwn ? "own" : null },
      `${name} · ${followers.length}${isOwn ? " and we" : ""}`);
    chip.addEventListener("click", () => chooseTopic(name));
    return make("li", {}, chip);
  }));
  at("topicNames").replaceChildren(...[...topics.keys()].slice(0, MOST_CHIPS).map((value) => make("option", { value })));
  if (focused !== undefined) [...at("topics").querySelectorAll("button")].find(({ dataset }) => dataset.topic === focused)?.focus();
}

function chooseTopic(name) {
  topic = name === topic ? null : name;
  picture.topic = topic;
  if (topic !== null) at("topic").value = topic;
  showTopics();
}

for (const [id, mode] of [["showLinks", "links"], ["showTopics", "topics"]]) {
  at(id).addEventListener("click", () => {
    picture.mode = mode;
    picture.update();
    at("showLinks").ariaPressed = String(mode === "links");
    at("showTopics").ariaPressed = String(mode === "topics");
  });
}

function tell(words, isBad = false) {
  at("outcome").dataset.state = isBad ? "bad" : "";
  setText(at("outcome"), words);
}

function setMayAct(mayAct) {
  at("unlock").hidden = mayAct;
}

at("unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  api.token = at("token").value;
  try {
    const { mayAct } = await api.get("node");
    setMayAct(mayAct);
    tell(mayAct ? "The token is right." : "The token is another, or this node has none.", !mayAct);
  } catch (error) {
    tell(error.message, true);
  }
});

at("publish").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { nodes } = await api.act("publish", { topic: at("topic").value, text: at("message").value });
    tell(`Published: sent to ${nodes} ${nodes === 1 ? "node" : "nodes"}.`);
  } catch (error) {
    tell(error.message, true);
  }
});

at("subscribe").addEventListener("click", async () => {
  if (subscription) {
    subscription.abort();
    return;
  }
  const followed = at("topic").value;
  if (!followed) {
    at("topic").reportValidity();
    return;
  }
  subscription = new AbortController();
  setText(at("subscribe"), "Unsubscribe");
  tell(`Following ${followed}.`);
  try {
    await api.subscribe(followed, showMessage, subscription.signal);
    tell(`The node has ended the subscription to ${followed}.`, true);
  } catch (error) {
    if (error.name === "AbortError") tell(`Not following ${followed} any more.`);
    else tell(error.message, true);
  }
  subscription = null;
  setText(at("subscribe"), "Subscribe");
});

function showMessage(event, data) {
  const words = event === "message" ? [make("time", {}, moment(data.time)), make("b", {}, data.name || abridged(data.nodeID)),
    ` ${(data.text ?? `${data.base64} (base64)`).slice(0, 2000)}`] : [`${data.count} messages were not shown: this page was too slow`];
  at("messages").prepend(make("li", {}, ...words));
  while (at("messages").children.length > MOST_MESSAGES) at("messages").lastElementChild.remove();
}

// What comes in.

network.addEventListener("news", ({ detail }) => {
  const isOnlyFlow = !detail.peers && !detail.forgotten && !detail.node;
  if (detail.isWhole) at("events").firstElementChild.replaceChildren();
  if (detail.node) showNode();
  if (detail.events) showEvents(detail.events);
  if (detail.addresses) showAddresses();
  picture.update(isOnlyFlow);
  table.update(isOnlyFlow);
  showFigures();
  if (!isOnlyFlow) showTopics();
  if (chosen !== null) network.peers.has(chosen) ? details.update() : choose(null);
});

network.addEventListener("live", () => {
  clearTimeout(isGone);
  if (network.isLive) {
    showTrouble("");
    askForCertificates();
  } else {
    isGone = setTimeout(() => {
      at("health").dataset.state = "unknown";
      setText(at("health"), "No answer");
      showTrouble("This node does not answer; the page shows what was so before, and tries again.");
    }, 2000);
  }
});

setInterval(() => { table.update(true); showAddresses(); if (chosen !== null) details.update(); }, 5000);

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input");
  if (event.key === "/" && !isTyping) { event.preventDefault(); at("search").focus(); }
  if (event.key === "Escape" && chosen !== null) choose(null);
});

network.follow();
