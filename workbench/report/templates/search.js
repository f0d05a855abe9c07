/* Search the text of all pages: each word must occur in the heading or text of a section. */
const texts = JSON.parse(document.getElementById("texts").textContent);
const form = document.getElementById("search"), field = form.querySelector("input");
const found = document.getElementById("found"), count = form.querySelector("output"), runs = document.querySelector(".runs");
const MOST = 40, BEFORE = 60, AFTER = 140;
const search = () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = words.length === 0 ? [] : texts.flatMap(([folder, title, sections]) =>
    sections.filter(section => words.every(word => (title + " " + section.join(" ")).toLowerCase().includes(word)))
      .map(section => [folder, title, ...section]));
  found.replaceChildren(...hits.slice(0, MOST).map(([folder, title, heading, anchor, text]) => {
    const item = document.createElement("li"), link = document.createElement("a"), about = document.createElement("p");
    link.href = encodeURIComponent(folder) + "/report.html#" + encodeURIComponent(anchor);
    link.textContent = title + " › " + heading;
    const at = Math.max(text.toLowerCase().indexOf(words[0]), 0), from = Math.max(at - BEFORE, 0);
    about.textContent = (from ? "… " : "") + text.slice(from, at + AFTER) + (at + AFTER < text.length ? " …" : "");
    item.append(link, about);
    return item;
  }));
  runs.hidden = words.length > 0;
  found.hidden = !runs.hidden;
  count.textContent = words.length === 0 ? "" : hits.length === 1 ? "1 section" : hits.length + " sections";
};
form.hidden = false;
form.addEventListener("input", search);
form.addEventListener("submit", event => event.preventDefault());
search();
