/* Figures whose controls move through recorded frames. Without this script, the page shows the first frame alone. */
for (const figure of document.querySelectorAll("[data-live]")) {
  const { controls, grid, played, frames, images } = JSON.parse(figure.querySelector("[type='application/json']").textContent);
  const inputs = [...figure.querySelectorAll("input, select")];
  const [picture, lines, message, note] =
    ["img", ".lines", ".message", ".note"].map(each => figure.querySelector(each));
  const words = "Here one control moves at a time" + (grid.includes(true) ? ", or two together" : "") +
    ": the others went back. In Jupyter all move freely.";
  const places = () => inputs.map(input => Number(input.value));
  const frame = () => frames[places().join()];
  const show = () => {
    const now = frame();
    message.hidden = !("message" in now);
    picture.style.opacity = "message" in now ? 0.15 : 1;
    message.textContent = now.message ?? "";
    if ("image" in now) Object.assign(picture, { src: images[now.image], alt: now.alt });
    lines.textContent = (now.lines ?? []).join("\n");
    inputs.forEach((input, i) => {
      const value = String(controls[i].values[input.value]);
      if (input.type !== "range") return;
      input.setAttribute("aria-valuetext", value);
      input.closest("p").querySelector("output").value = value;
    });
  };
  const move = moved => {
    const alone = !frame();
    if (alone) inputs.forEach((other, i) => {
      if (i !== moved) other.value = controls[i].start;
    });
    note.textContent = alone ? words : "";
    show();
  };
  const play = figure.querySelector("[data-play]"), time = inputs[played];
  let clock;
  const pause = () => {
    clearInterval(clock);
    if (play) play.textContent = "Play";
  };
  const tick = () => {
    if (time.value === time.max) return pause();
    time.stepUp();
    move(played);
  };
  play?.addEventListener("click", () => {
    if (play.textContent === "Pause") return pause();
    if (time.value === time.max) time.value = 0;
    play.textContent = "Pause";
    clock = setInterval(tick, 150);
  });
  inputs.forEach((input, moved) => input.addEventListener("input", () => { pause(); move(moved); }));
  const go = to => inputs.forEach((input, i) => { input.value = to[i]; });
  const start = controls.map(control => control.start);
  figure.querySelector("[data-reset]").addEventListener("click", () => {
    pause();
    go(start);
    note.textContent = "";
    show();
  });
  let seen;  /* on paper, figures are as the text describes them */
  addEventListener("beforeprint", () => { pause(); seen = places(); go(start); show(); });
  addEventListener("afterprint", () => { go(seen); show(); });
  go(start);  /* a browser keeps values when it reloads */
  figure.classList.add("moves");
}
