/* Figures whose controls move through recorded frames. Without this script, the page shows the first frame alone. */
for (const figure of document.querySelectorAll("[data-live]")) {
  const { controls, grid, frames, images } = JSON.parse(figure.querySelector("[type='application/json']").textContent);
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
  inputs.forEach((input, moved) => input.addEventListener("input", () => {
    const alone = !frame();
    if (alone) inputs.forEach((other, i) => {
      if (i !== moved && !(grid[i] && grid[moved])) other.value = controls[i].start;
    });
    note.textContent = alone ? words : "";
    show();
  }));
  figure.querySelector("button").addEventListener("click", () => {
    inputs.forEach((input, i) => { input.value = controls[i].start; });
    note.textContent = "";
    show();
  });
  inputs.forEach((input, i) => { input.value = controls[i].start; });  /* a browser keeps values when it reloads */
  figure.classList.add("moves");
}
