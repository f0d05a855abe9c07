/* Sliders that ask a kernel for their picture. What is seen stands in the address: "#response-curve?alpha=0.2&beta=1". */
const here = location.pathname, REST = 250, BEAT = 120;
const status_ = document.getElementById("kernel");

for (const code of document.querySelectorAll(".code_cell > .input")) {  /* code is folded */
  const fold = document.createElement("details"), words = document.createElement("summary");
  words.textContent = "Code";
  code.replaceWith(fold);
  fold.append(words, code);
}

const ask = async (what, body) => {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let reply, answer;
  try {
    reply = await fetch(here + "/" + what, options);
    answer = await reply.json();
  } catch {
    answer = { gone: reply?.status === 403 ? "Open the address that the command has printed: its token is another one now." :
      "The application does not answer. Is it still running?" };
  }
  if (answer.gone) offer(answer.gone);
  else if (what !== "restart" && reply.ok) status_.textContent = "";
  return answer;
};

const offer = problem => {  /* a new kernel */
  const button = document.createElement("button");
  button.textContent = "Start a new kernel";
  button.addEventListener("click", async () => {
    status_.textContent = "Starting a new kernel; this takes some seconds.";
    if (!(await ask("restart", {})).gone) begin();
  });
  status_.replaceChildren(problem + " ", button);
  status_.scrollIntoView({ block: "nearest" });
};

const positions = 200;  /* steps of a slider over real numbers */
const kinds = {
  whole: { input: c => [c.low, c.high, c.step], read: (c, at) => at, write: (c, value) => value },
  linear: {
    input: () => [0, positions, 1],
    read: (c, at) => round(c.low + (c.high - c.low) * at / positions),
    write: (c, value) => (value - c.low) / (c.high - c.low) * positions,
  },
  log: {
    input: () => [0, positions, 1],
    read: (c, at) => round(10 ** (c.low + (c.high - c.low) * at / positions)),
    write: (c, value) => (Math.log10(value) - c.low) / (c.high - c.low) * positions,
  },
};
const round = value => Number(value.toPrecision(3));
const element = (name, set = {}, ...inside) => {
  const made = Object.assign(document.createElement(name), set);
  made.append(...inside);
  return made;
};

class Figure {
  constructor(node, { controls, played, pace, lines }) {
    this.node = node;
    this.name = node.dataset.figure;
    this.controls = controls;
    this.start = Object.fromEntries(controls.map(c => [c.name, c.value]));
    this.values = { ...this.start };
    this.picture = node.querySelector("img");
    this.lines = element("pre", { className: "lines", tabIndex: 0, textContent: lines.join("\n") });
    this.message = element("p", { className: "message", hidden: true });
    this.message.setAttribute("role", "alert");
    this.shown = {};
    const rows = controls.map(control => this.row(control));
    const reset = element("button", { type: "button", textContent: "Reset" });
    this.pause = () => {};
    reset.addEventListener("click", () => { this.pause(); this.go({ ...this.start }); });
    const last = element("p", {}, ...(played ? [this.playButton(played, pace)] : []), reset);
    const panel = element("div", { className: "controls" }, ...rows, last);
    node.replaceChildren(panel, element("div", { className: "view" }, this.picture, this.message), this.lines);
    node.classList.add("moves");
  }

  recall() {  /* what the address says */
    const wanted = remembered(this.name, this.start);
    if (!wanted) return;
    this.go(wanted);
    this.node.scrollIntoView();
  }

  row(control) {
    const name = element("span", { textContent: control.name });
    if (control.kind === "box") {
      const box = element("input", { type: "checkbox", checked: control.value });
      box.addEventListener("input", () => this.set(control.name, box.checked));
      this.shown[control.name] = value => { box.checked = value; };
      return element("p", {}, element("label", { title: control.meaning }, name, box));
    }
    if (control.kind === "choice") {
      const choice = element("select", {}, ...control.options.map(each => element("option", { textContent: each })));
      choice.value = control.value;
      choice.addEventListener("input", () => this.set(control.name, choice.value));
      this.shown[control.name] = value => { choice.value = value; };
      return element("p", {}, element("label", { title: control.meaning }, name, choice));
    }
    const kind = kinds[control.kind], [min, max, step] = kind.input(control);
    const slider = element("input", { type: "range", min, max, step });
    const number = element("input", { type: "number", step: "any", className: "number" });
    number.setAttribute("aria-label", control.name + ", as a number");
    slider.addEventListener("input", () => this.set(control.name, kind.read(control, Number(slider.value))));
    number.addEventListener("change", () => { if (number.value !== "") this.set(control.name, Number(number.value)); });
    this.shown[control.name] = value => {
      slider.value = kind.write(control, value);
      slider.setAttribute("aria-valuetext", value);
      number.value = value;
    };
    this.shown[control.name](control.value);
    return element("p", {}, element("label", { title: control.meaning }, name, slider), number);
  }

  playButton(name, pace) {
    const control = this.controls.find(c => c.name === name);
    const button = element("button", { type: "button", textContent: "Play" });
    let turn = 0;  /* who plays again while a picture is still drawn shall not play twice */
    this.pause = () => { button.textContent = "Play"; };
    const tick = async mine => {
      if (button.textContent === "Play" || mine !== turn) return;
      const next = this.values[name] + pace;
      if (next > control.high) { this.pause(); return this.draw(true); }
      this.values[name] = next;
      this.shown[name](next);
      await Promise.all([this.draw(false), new Promise(done => setTimeout(done, BEAT))]);
      tick(mine);
    };
    button.addEventListener("click", () => {
      const plays = button.textContent === "Play";
      button.textContent = plays ? "Pause" : "Play";
      if (plays && this.values[name] + pace > control.high) this.values[name] = control.low;
      if (plays) tick(++turn); else this.draw(true);
    });
    return button;
  }

  set(name, value) {
    this.go({ ...this.values, [name]: value });
  }

  go(values) {
    this.values = values;
    Object.entries(values).forEach(([name, value]) => this.shown[name](value));
    clearTimeout(this.rest);
    this.rest = setTimeout(() => { this.draw(true); remember(this.name, this.values, this.start); }, REST);
    this.draw(false);
  }

  async draw(final) {  /* one question at a time; the newest values win */
    this.next = { final, values: { ...this.values } };
    if (this.busy) return this.busy;
    this.busy = (async () => {
      while (this.next) {
        const wanted = this.next;
        this.next = null;
        this.show(await ask("frame", { figure: this.name, ...wanted }));
      }
    })();
    await this.busy;
    this.busy = null;
  }

  show({ image, alt, lines, message, gone }) {
    if (gone) this.pause();
    this.message.hidden = !message;
    this.message.textContent = message ?? "";
    this.picture.style.opacity = message ? 0.15 : 1;
    if (!image) return;
    Object.assign(this.picture, { src: image, alt });
    this.lines.textContent = lines.join("\n");
  }
}

const remembered = (figure, start) => {
  const [name, values] = location.hash.slice(1).split("?");
  if (name !== encodeURIComponent(figure) || !values) return null;
  const found = Object.fromEntries(new URLSearchParams(values));
  return Object.fromEntries(Object.entries(start).map(([key, value]) => {
    if (!(key in found)) return [key, value];
    if (typeof value === "boolean") return [key, found[key] === "true"];
    return [key, typeof value === "number" ? Number(found[key]) : found[key]];
  }));
};
const remember = (figure, values, start) => {
  const moved = Object.entries(values).filter(([name, value]) => value !== start[name]);
  history.replaceState(null, "", moved.length ? `#${encodeURIComponent(figure)}?${new URLSearchParams(moved)}` : here);
};

for (const place of document.querySelectorAll(".exercise")) {  /* cells cannot be edited here: a field takes the answer */
  const field = element("input", { type: "text", autocomplete: "off" }), said = element("output");
  const form = element("form", {}, element("label", {}, "Your answer ", field), " ", element("button", { textContent: "Check" }), " ", said);
  form.addEventListener("submit", async event => {
    event.preventDefault();
    said.textContent = "…";
    const found = await ask("check", { exercise: Number(place.id.slice(9)), answer: field.value });
    said.textContent = found.said ?? found.message ?? "";
  });
  place.append(form);
}

let figures = [];
const begin = async () => {
  const explorers = await ask("explorers");
  if (explorers.gone) return;
  const nodes = [...document.querySelectorAll("[data-figure]")].map(node => [node.dataset.figure, node]);
  figures = [...new Map(nodes)]  /* of figures with one name, the kernel knows the last */
    .filter(([name]) => name in explorers).map(([name, node]) => new Figure(node, explorers[name]));
  figures.forEach(figure => figure.recall());
};
addEventListener("hashchange", () => figures.forEach(figure => figure.recall()));
begin();
