/* Pictures open in full size, by mouse or keyboard; Escape closes them. */
const large = document.createElement("dialog");
large.className = "large";
large.addEventListener("click", () => large.close());
document.body.append(large);
for (const picture of document.querySelectorAll("main img")) {
  if (picture.closest("a")) continue;
  const open = () => {
    const copy = picture.cloneNode();
    copy.removeAttribute("width");
    copy.removeAttribute("height");
    copy.removeAttribute("tabindex");
    large.replaceChildren(copy);
    large.showModal();
  };
  picture.tabIndex = 0;
  picture.title = "Open in full size";
  picture.addEventListener("click", open);
  picture.addEventListener("keydown", event => { if (event.key === "Enter") open(); });
}
/* What scrolls sideways can be reached by keyboard. */
for (const wide of document.querySelectorAll("main pre, main .output_area, main .scroll"))
  if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
for (const button of document.querySelectorAll("[data-copy]")) {
  const text = button.closest("details").querySelector("pre");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(text);  /* where nothing may write to the clipboard, it is ready to be copied */
    await navigator.clipboard?.writeText(text.textContent).then(() => { button.textContent = "Copied"; }, () => {});
  });
}
