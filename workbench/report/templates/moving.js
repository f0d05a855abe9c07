for (const moving of document.querySelectorAll(".moving")) {
  const picture = moving.querySelector(".plays"), source = picture.src, button = document.createElement("button");
  const play = () => picture.src = source + "#" + Date.now(); // another address: the browser begins anew
  button.textContent = "Play again";
  button.addEventListener("click", () => { moving.classList.add("wanted"); play(); });
  moving.append(button);
  new IntersectionObserver((seen, watch) => {
    if (!seen.some(each => each.isIntersecting)) return;
    watch.disconnect(); // it begins when a reader comes to it, and only then
    play();
  }, { threshold: 0.6 }).observe(moving);
}
