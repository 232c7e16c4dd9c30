// What this page asks of the node beside the stream of events.

const KEY = "fiscop2p token";

export class API {
  get token() { return sessionStorage.getItem(KEY) ?? ""; }
  set token(token) { sessionStorage.setItem(KEY, token); }

  get(path) { return this.#ask(path, {}); }

  act(path, fields) {
    return this.#ask(path, { method: "POST", body: JSON.stringify(fields) });
  }

  async #ask(path, options) {
    const response = await this.#fetch(path, options);
    return response.json();
  }

  async #fetch(path, options) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    let response;
    try {
      response = await fetch(`api/${path}`, { ...options, headers });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("the node does not answer");
    }
    if (!response.ok) {
      const told = await response.json().catch(() => ({}));
      throw new Error(told.error ?? `the node answered with ${response.status}`);
    }
    return response;
  }

  /** Follow a topic until the signal; told(event, data) for each thing that comes. */
  async subscribe(topic, told, signal) {
    const response = await this.#fetch(`subscribe?topic=${encodeURIComponent(topic)}`, { signal });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const parts = text.split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const fields = Object.fromEntries(part.split("\n").map((line) => line.split(/: (.*)/s)));
        if (fields.event) told(fields.event, JSON.parse(fields.data));
      }
    }
  }
}
